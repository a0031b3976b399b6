"""A topology as JSON and back: the label on running nodes, and a part of every saved recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from typing import Any, TypeVar

from testbed.errors import InvalidTopology, Mistake
from testbed.topology.model import SCHEMA_VERSION, Interface, Network, Node, Route, Source, Topology

T = TypeVar("T")


def dump(topology: Topology) -> str:
    """Return one line of JSON, keys in the order of the fields."""
    document = {"schema_version": SCHEMA_VERSION, **_plain(topology)}
    return json.dumps(document, separators=(",", ":"))


def load(text: str | bytes) -> Topology:
    """Return the topology that `dump` wrote down; raise InvalidTopology for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _refused("", f"no JSON: {exc}", "the text that Topology.to_json returned") from exc
    if not isinstance(document, dict):
        raise _refused("", f"a {type(document).__name__}", "an object")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise _refused("schema_version", repr(version), f"{SCHEMA_VERSION}")
    try:
        return _topology(document)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _refused("", f"{type(exc).__name__}: {exc}", "what Topology.to_json returned") from exc


def _refused(path: str, given: str, allowed: str) -> InvalidTopology:
    return InvalidTopology(
        "read a topology from JSON", [Mistake(path or "document", given, f"allowed: {allowed}")]
    )


def _plain(value: object) -> Any:
    """Return a value as JSON has it: objects for dataclasses, lists for tuples, text for the rest."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def _topology(given: dict[str, Any]) -> Topology:
    source = given["source"]
    return Topology(
        name=_text(given["name"]),
        networks=tuple(_network(item) for item in given["networks"]),
        nodes=tuple(_node(item) for item in given["nodes"]),
        source=None if source is None else _source(source),
    )


def _source(given: dict[str, Any]) -> Source:
    return Source(
        path=Path(_text(given["path"])),
        environment=tuple((_text(key), _text(value)) for key, value in given["environment"]),
        profiles=_texts(given["profiles"]),
    )


def _network(given: dict[str, Any]) -> Network:
    return Network(
        name=_text(given["name"]),
        subnet=_maybe(IPv4Network, given["subnet"]),
        gateway=_maybe(IPv4Address, given["gateway"]),
        subnet6=_maybe(IPv6Network, given["subnet6"]),
        gateway6=_maybe(IPv6Address, given["gateway6"]),
    )


def _node(given: dict[str, Any]) -> Node:
    command = given["command"]
    replica = given["replica"]
    return Node(
        name=_text(given["name"]),
        image=_text(given["image"]),
        interfaces=tuple(_interface(item) for item in given["interfaces"]),
        forwards=given["forwards"] is True,
        command=None if command is None else _texts(command),
        profiles=_texts(given["profiles"]),
        routes=tuple(_route(item) for item in given["routes"]),
        replica=None if replica is None else int(replica),
    )


def _interface(given: dict[str, Any]) -> Interface:
    return Interface(
        network=_text(given["network"]),
        address=_maybe(IPv4Interface, given["address"]),
        address6=_maybe(IPv6Interface, given["address6"]),
        mac=_maybe(_text, given["mac"]),
    )


def _route(given: dict[str, Any]) -> Route:
    return Route(ip_network(_text(given["destination"])), ip_address(_text(given["via"])))


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{given!r} is no text")
    return given


def _texts(given: list[Any]) -> tuple[str, ...]:
    return tuple(_text(item) for item in given)


def _maybe(make: Callable[[str], T], given: Any) -> T | None:
    return None if given is None else make(_text(given))
