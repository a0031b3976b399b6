"""The lines of a ladder: one for each interface that took part, in the order of the way through the lab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from testbed.evidence import LOOPBACK, Evidence, Vantage


@dataclass(frozen=True, slots=True)
class Line:
    """A vertical line of a ladder.

    vantage: `node:network`; empty for the line of all senders that no vantage point belongs to.
    """

    vantage: str
    node: str
    network: str
    mac: str = ""
    addresses: tuple[str, ...] = ()


OUTSIDE = Line("", "others", "")


def lines(evidence: Evidence, took_part: Collection[str], first: str = "") -> tuple[Line, ...]:
    """Return a line for each vantage point that took part.

    first: the vantage point that the order begins with. From there network by network; a node on two
    networks stands between them with a line on either side, so that most arrows are short.
    """
    placed: dict[str, Vantage] = {}
    beginning = next((vantage for vantage in evidence.vantages if vantage.name == first), None)
    for network in _networks(evidence, beginning):
        for vantage in _across(evidence, network, placed, beginning):
            if vantage.name in took_part:
                placed[vantage.name] = vantage
    return tuple(_line(evidence, vantage) for vantage in _with_loopbacks(evidence, took_part, placed))


def _line(evidence: Evidence, vantage: Vantage) -> Line:
    seen = [str(address) for address in vantage.addresses]
    declared = [
        str(interface.address.ip)
        for node in evidence.topology.nodes
        for interface in node.interfaces
        if (node.name, interface.network) == (vantage.node, vantage.network) and interface.address is not None
    ]
    addresses = tuple(dict.fromkeys(declared + seen))
    return Line(vantage.name, vantage.node, vantage.network, vantage.mac, addresses)


def _networks(evidence: Evidence, beginning: Vantage | None) -> list[str]:
    """All networks, nearest to the beginning first; in the order of declaration where equally near."""
    declared = [network.name for network in evidence.topology.networks]
    known = list(dict.fromkeys(v.network for v in evidence.vantages if v.network != LOOPBACK))
    waiting = sorted(known, key=lambda name: declared.index(name) if name in declared else len(declared))
    if beginning is not None and beginning.network in waiting:
        waiting.remove(beginning.network)
        waiting.insert(0, beginning.network)
    ordered: list[str] = []
    while waiting:
        reached = {v.node for v in evidence.vantages if v.network in ordered}
        beside = [n for n in waiting if any(v.node in reached for v in evidence.vantages if v.network == n)]
        ordered.append((beside or waiting)[0])
        waiting.remove(ordered[-1])
    return ordered


def _across(
    evidence: Evidence, network: str, placed: dict[str, Vantage], beginning: Vantage | None
) -> Iterator[Vantage]:
    """The vantage points of a network: of nodes with a line already, of hosts, of nodes that lead on."""
    here = [vantage for vantage in evidence.vantages if vantage.network == network]
    legs = Counter(vantage.node for vantage in evidence.vantages if vantage.network != LOOPBACK)
    rank = {node.name: at for at, node in enumerate(evidence.topology.nodes)}
    first = beginning.node if beginning is not None else ""
    known = {vantage.node for vantage in placed.values()}

    def place(vantage: Vantage) -> tuple[int, bool, int]:
        leads_on = 2 if legs[vantage.node] > 1 else 1
        side = 0 if vantage.node in known else leads_on
        return side, vantage.node != first, rank.get(vantage.node, len(rank))

    yield from sorted(here, key=place)


def _with_loopbacks(
    evidence: Evidence, took_part: Collection[str], placed: dict[str, Vantage]
) -> Iterator[Vantage]:
    """Put a node's loopback before its first other line."""
    loops = {v.node: v for v in evidence.vantages if v.network == LOOPBACK and v.name in took_part}
    for vantage in placed.values():
        loop = loops.pop(vantage.node, None)
        if loop is not None:
            yield loop
        yield vantage
    yield from loops.values()
