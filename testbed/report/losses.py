"""Where a packet ended before its time, told from the recording.

Three places: on the wire (sent, and never seen where its MAC address lives), in a router (arrived,
never sent on), and in a host (arrived, and sent again because a fault there took it).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from ipaddress import ip_address

from testbed.evidence import Evidence, FaultRecord
from testbed.packets import Packet
from testbed.report.hops import Hop
from testbed.report.ladder import Loss
from testbed.report.words import identification

_Line = Callable[[str], int | None]


class Losses:
    """Judge single journeys; of a recording whose topology is not known, none is judged.

    place: the line of a vantage point, or None. repeated: frames of which all data was sent once more.
    """

    def __init__(self, evidence: Evidence, place: _Line, repeated: Collection[int]) -> None:
        self._evidence = evidence
        self._place = place
        self._repeated = repeated
        self._mac_at = {(v.network, v.mac): v for v in evidence.vantages}
        self._vantage = {v.name: v for v in evidence.vantages}
        self._addresses = _addresses(evidence)
        self._quoted = _quoted(evidence)
        self._forwards = {node.name for node in evidence.topology.routers()}

    def of(self, journey: Sequence[Hop]) -> Loss | None:
        """Say where a packet was lost; None when it arrived, or nobody can tell."""
        if not self._evidence.topology.nodes:
            return None
        last = journey[-1]
        ethernet = last.frame.packet.ethernet
        if ethernet is None or int(ethernet.destination[:2], 16) & 1:
            return None
        owner = self._mac_at.get((last.place, ethernet.destination))
        if owner is None:
            return None
        line = self._place(owner.name)
        if line is None:
            return None
        arrived = any(copy.vantage == owner.name for copy in last.received)
        if not arrived:
            return Loss(line, False, self._fault(owner.node, last.time_ns) or "lost on the wire")
        return self._within(owner.node, journey, line)

    def _within(self, node: str, journey: Sequence[Hop], line: int) -> Loss | None:
        """Whether a node that got a packet lost it: a router that did not send it on, or a faulty host."""
        last = journey[-1]
        ip = last.frame.packet.ip
        if ip is None:
            return None
        own = self._addresses.get(node)
        if not own:
            return None
        here = ip.destination in own
        if here or ip.destination.is_loopback:
            if not self._repeats(journey):
                return None
            why = self._fault(node, last.time_ns)
            return Loss(line, True, why) if why else None
        if node not in self._forwards:
            return Loss(line, True, "not for this host: discarded")
        if _key(last.frame.packet) in self._quoted:
            return Loss(line, True, "not passed on: the router says so by ICMP")
        return Loss(line, True, self._fault(node, last.time_ns) or "not passed on")

    def _repeats(self, journey: Sequence[Hop]) -> bool:
        """Whether what this segment carried was sent once more."""
        return any(frame.number in self._repeated for hop in journey for frame in hop.frames)

    def _fault(self, node: str, time_ns: int) -> str | None:
        fault = fault_at(self._evidence.faults, node, time_ns)
        return fault.description.removeprefix("lose ").removeprefix("drop ") if fault else None


def fault_at(faults: Sequence[FaultRecord], node: str, time_ns: int) -> FaultRecord | None:
    """Return the fault that was in force on a node at a time and struck at least once: the youngest such."""
    in_force = (
        fault
        for fault in faults
        if fault.node == node and fault.begin_ns <= time_ns <= fault.end_ns and fault.hits
    )
    return max(in_force, key=lambda fault: fault.begin_ns, default=None)


def _addresses(evidence: Evidence) -> dict[str, frozenset[object]]:
    found: dict[str, set[object]] = {}
    for vantage in evidence.vantages:
        found.setdefault(vantage.node, set()).update(vantage.addresses)
    for node in evidence.topology.nodes:
        for interface in node.interfaces:
            if interface.address is not None:
                found.setdefault(node.name, set()).add(ip_address(interface.address.ip))
    return {node: frozenset(addresses) for node, addresses in found.items()}


def _key(packet: Packet) -> tuple[object, ...]:
    """What an ICMP error is sure to quote of a packet: addresses, identification, the first 8 bytes behind.

    RFC 792; the header's other fields change on the way.
    """
    ip = packet.ip
    assert ip is not None
    end = next((layer.end for layer in packet.layers if layer.name in ("ipv4", "ipv6")), 0)
    return ip.source, ip.destination, identification(ip), packet.data[end : end + 8]


def _quoted(evidence: Evidence) -> frozenset[tuple[object, ...]]:
    """The packets that ICMP errors tell of."""
    found: set[tuple[object, ...]] = set()
    for frame in evidence.frames:
        icmp = frame.packet.icmp
        quoted = icmp.quoted if icmp is not None else None
        if quoted is not None and quoted.ip is not None:
            found.add(_key(quoted))
    return frozenset(found)
