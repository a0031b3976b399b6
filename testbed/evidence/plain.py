"""A recording without its frames as plain JSON values, and back.

Values are named as in `testbed.evidence.records`; addresses are text, times nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from ipaddress import ip_address
from typing import Any, TypeVar

from testbed.evidence.recording import Evidence
from testbed.evidence.records import (
    Action,
    Endpoint,
    FaultRecord,
    Frame,
    Gap,
    NeighbourSample,
    NodeFacts,
    Step,
    TcpSample,
    Vantage,
)
from testbed.topology import Topology

T = TypeVar("T")


def dump(evidence: Evidence) -> dict[str, Any]:
    """Return all of a recording but its frames."""
    return {
        "scenario": evidence.scenario,
        "topology": json.loads(evidence.topology.to_json()),
        "begin_ns": evidence.begin_ns,
        "end_ns": evidence.end_ns,
        "vantages": [
            {**_fields(one), "addresses": [str(a) for a in one.addresses]} for one in evidence.vantages
        ],
        "tcp_samples": [
            {**_fields(one), "local": _ends(one.local), "remote": _ends(one.remote)}
            for one in evidence.tcp_samples
        ],
        "neighbour_samples": [
            {**_fields(one), "address": str(one.address)} for one in evidence.neighbour_samples
        ],
        "actions": [
            {**_fields(one), "arguments": plain(one.arguments), "result": plain(one.result)}
            for one in evidence.actions
        ],
        "steps": [_fields(one) for one in evidence.steps],
        "faults": [_fields(one) for one in evidence.faults],
        "facts": [plain(_fields(one)) for one in evidence.facts.values()],
        "gaps": [_fields(one) for one in evidence.gaps],
    }


def load(given: Mapping[str, Any], frames: Iterable[Frame]) -> Evidence:
    """Make a recording of what `dump` returned, and its frames. Raises KeyError, TypeError, ValueError."""
    facts = [_facts(one) for one in given["facts"]]
    return Evidence(
        scenario=given["scenario"],
        topology=Topology.from_json(json.dumps(given["topology"])),
        begin_ns=given["begin_ns"],
        end_ns=given["end_ns"],
        vantages=tuple(
            Vantage(**{**one, "addresses": tuple(ip_address(a) for a in one["addresses"])})
            for one in given["vantages"]
        ),
        frames=tuple(frames),
        tcp_samples=tuple(
            TcpSample(**{**one, "local": Endpoint.of(one["local"]), "remote": Endpoint.of(one["remote"])})
            for one in given["tcp_samples"]
        ),
        neighbour_samples=tuple(
            NeighbourSample(**{**one, "address": ip_address(one["address"])})
            for one in given["neighbour_samples"]
        ),
        actions=tuple(Action(**{**one, **_revived(one)}) for one in given["actions"]),
        steps=_each(Step, given["steps"]),
        faults=_each(FaultRecord, given["faults"]),
        facts={one.node: one for one in facts},
        gaps=_each(Gap, given["gaps"]),
    )


def plain(value: Any) -> Any:
    """Return a value as JSON has it; bytes become {"bytes": hex}, what JSON does not know its text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, (set, frozenset)) else items
    return str(value)


def revived(value: Any) -> Any:
    """Turn what `plain` made of bytes back into bytes."""
    if isinstance(value, dict):
        if value.keys() == {"bytes"} and isinstance(value["bytes"], str):
            return bytes.fromhex(value["bytes"])
        return {key: revived(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revived(item) for item in value]
    return value


def _revived(action: Mapping[str, Any]) -> dict[str, Any]:
    return {"arguments": revived(action["arguments"]), "result": revived(action["result"])}


def _facts(given: Mapping[str, Any]) -> NodeFacts:
    return NodeFacts(
        node=given["node"],
        neighbours=tuple(given["neighbours"]),
        routes=tuple(given["routes"]),
        counters={name: (begin, end) for name, (begin, end) in given["counters"].items()},
        settings=given["settings"],
    )


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _ends(endpoint: Endpoint) -> list[Any]:
    return [str(endpoint.address), endpoint.port]


def _each(kind: Callable[..., T], given: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(kind(**one) for one in given)
