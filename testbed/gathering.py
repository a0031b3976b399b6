"""From what a recorder hands over to evidence: plain rows become the values that checks ask.

Owns the translation and nothing else. Numbers: frames, samples and actions count from 1 within the
recording; a run that keeps several numbers the frames anew (`testbed.evidence.store.numbered`).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from testbed.evidence import (
    Action,
    Endpoint,
    Evidence,
    FaultRecord,
    Frame,
    Gap,
    NeighbourSample,
    NodeFacts,
    Step,
    TcpSample,
    Vantage,
)

if TYPE_CHECKING:
    from testbed.slices import RawFacts, RawSample, RawSlice, RawVantage
    from testbed.topology import Topology


def evidence_of(raw: RawSlice, topology: Topology) -> Evidence:
    """Make evidence of a slice of a recording on a lab of this topology."""
    tcp, neighbours = _samples(raw.samples)
    return Evidence(
        scenario=raw.label,
        topology=topology,
        begin_ns=raw.begin_ns,
        end_ns=raw.end_ns,
        vantages=tuple(_vantage(one) for one in raw.vantages),
        frames=tuple(
            Frame(number, one.time_ns, one.vantage, one.direction, one.data, one.original_length)
            for number, one in enumerate(raw.frames, 1)
        ),
        tcp_samples=tcp,
        neighbour_samples=neighbours,
        actions=tuple(
            Action(
                number=number,
                begin_ns=one.begin_ns,
                end_ns=one.end_ns,
                node=one.node,
                name=one.name,
                arguments=one.arguments,
                result=one.result,
                error=one.error,
                message=one.message,
                step=one.step,
            )
            for number, one in enumerate(raw.actions, 1)
        ),
        steps=tuple(Step(one.name, one.begin_ns, one.end_ns) for one in raw.steps),
        faults=tuple(
            FaultRecord(
                node=one.node,
                description=one.description,
                hits=one.hits,
                begin_ns=one.begin_ns,
                end_ns=raw.end_ns if one.end_ns is None else one.end_ns,
                step=one.step,
                where=one.where if one.kind in ("lose", "drop") else "",
                rule=one.rule if one.kind in ("lose", "drop") else "",
            )
            for one in raw.faults
        ),
        facts={node: _facts(node, facts) for node, facts in raw.facts.items()},
        gaps=tuple(Gap(one.vantage, one.reason) for one in raw.holes),
    )


def _vantage(raw: RawVantage) -> Vantage:
    addresses = tuple(ip_address(text.partition("/")[0]) for text in raw.addresses)
    return Vantage(raw.node, raw.network, raw.interface, raw.mac, addresses, raw.mtu)


def _samples(raw: Iterable[RawSample]) -> tuple[tuple[TcpSample, ...], tuple[NeighbourSample, ...]]:
    """Number the samples of both kinds in one row, in order of time: `sample 7` is one thing."""
    tcp: list[TcpSample] = []
    neighbours: list[NeighbourSample] = []
    for one in raw:
        number, row = len(tcp) + len(neighbours) + 1, one.row
        if one.kind == "tcp":
            tcp.append(
                TcpSample(
                    number=number,
                    time_ns=one.time_ns,
                    node=one.node,
                    local=Endpoint(ip_address(row["local"]), row["local_port"]),
                    remote=Endpoint(ip_address(row["remote"]), row["remote_port"]),
                    state=row["state"],
                    receive_queue=row["receive_queue"],
                    send_queue=row["send_queue"],
                )
            )
        elif one.kind == "neighbour":
            address = ip_address(row["address"])
            neighbours.append(
                NeighbourSample(
                    number, one.time_ns, one.node, row["interface"], address, row["mac"], row["state"]
                )
            )
    return tuple(tcp), tuple(neighbours)


def _facts(node: str, raw: RawFacts) -> NodeFacts:
    begin, end = raw.begin.get("counters", {}), raw.end.get("counters", {})
    return NodeFacts(
        node=node,
        neighbours=tuple(raw.end.get("neighbours", ())),
        routes=tuple(raw.end.get("routes", ())),
        counters={name: (begin[name], value) for name, value in end.items() if name in begin},
        settings=dict(raw.end.get("settings", {})),
    )
