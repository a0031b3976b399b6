"""Where a packet ended before its time, told from the recording.

On the wire: sent, and never seen where its MAC address lives. In a router: arrived, never sent on. By
a fault: its rule, read on what arrived, says so; of an old recording without rules, that what arrived was
sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import ip_address

from testbed.evidence import Evidence, FaultRecord, Frame
from testbed.packets import IPv4, Packet
from testbed.report.hops import Hop
from testbed.report.ladder import Loss
from testbed.report.rules import struck
from testbed.report.words import identification
from testbed.text import clean

_Line = Callable[[str], int | None]


class Losses:
    """Judge single journeys; of a recording whose topology is not known, none is judged.

    place: the line of a vantage point, or None. found: all journeys. repeated: frames of which all data
    was sent once more.
    """

    def __init__(
        self, evidence: Evidence, place: _Line, found: Iterable[Sequence[Hop]], repeated: Collection[int]
    ) -> None:
        self._evidence = evidence
        self._place = place
        self._repeated = repeated
        self._mac_at = {(v.network, v.mac): v for v in evidence.vantages}
        self._node_of = {v.name: v.node for v in evidence.vantages}
        self._addresses = self._owned(found)
        self._quoted = _quoted(evidence)
        self._forwards = {node.name for node in evidence.topology.routers()}
        self._struck = {number: fault for fault in evidence.faults for number in self._taken(fault)}

    def _owned(self, found: Iterable[Sequence[Hop]]) -> dict[str, frozenset[object]]:
        """The addresses of each node: declared, seen when the recording began, or sent from since.

        A host may get one on the way, of DHCP or by hand: then it is told by the packets that begin there.
        """
        known: dict[str, set[object]] = {}
        for vantage in self._evidence.vantages:
            known.setdefault(vantage.node, set()).update(vantage.addresses)
        for node in self._evidence.topology.nodes:
            declared = (interface.address for interface in node.interfaces)
            known.setdefault(node.name, set()).update(ip_address(one.ip) for one in declared if one)
        for journey in found:
            sent, ip = journey[0].sent, journey[0].frame.packet.ip
            if sent is not None and ip is not None and sent.vantage in self._node_of:
                known[self._node_of[sent.vantage]].add(ip.source)
        return {node: frozenset(addresses) for node, addresses in known.items()}

    def _taken(self, fault: FaultRecord) -> frozenset[int]:
        """The frames that a fault took, of those that came to its node."""
        own = self._addresses.get(fault.node, frozenset())

        def passes(frame: Frame) -> bool:
            ip = frame.packet.ip
            if fault.where == "ingress":
                return not frame.is_marker
            if ip is None or ip.is_fragment or (ip.destination in own) is not (fault.where == "input"):
                return False
            return fault.where == "input" or (ip.ttl if isinstance(ip, IPv4) else ip.hop_limit) > 1

        if fault.where not in ("ingress", "input", "forward"):
            return frozenset()
        came = (
            frame
            for frame in self._evidence.frames
            if frame.direction == "in"
            and self._node_of.get(frame.vantage) == fault.node
            and fault.begin_ns <= frame.time_ns <= fault.end_ns
        )
        return struck(fault, filter(passes, came))

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
            return Loss(line, False, self._fault(owner.node, last.time_ns) or "on the wire")
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
        taken = next((self._struck[f.number] for f in last.received if f.number in self._struck), None)
        if taken is not None:
            return Loss(line, True, _told(taken))
        here = ip.destination in own
        if here or ip.destination.is_loopback:
            if not self._repeats(journey) or any(fault.rule for fault in self._evidence.faults):
                return None
            why = self._fault(node, last.time_ns)
            return Loss(line, True, why) if why else None
        if node not in self._forwards:
            return Loss(line, True, "not for this host")
        if _key(last.frame.packet) in self._quoted:
            return Loss(line, True, "not passed on: the router says so by ICMP")
        return Loss(line, True, self._fault(node, last.time_ns) or "not passed on")

    def _repeats(self, journey: Sequence[Hop]) -> bool:
        """Whether what this segment carried was sent once more."""
        return any(frame.number in self._repeated for hop in journey for frame in hop.frames)

    def _fault(self, node: str, time_ns: int) -> str | None:
        fault = fault_at(self._evidence.faults, node, time_ns)
        return _told(fault) if fault else None


def _told(fault: FaultRecord) -> str:
    return clean(fault.description.removeprefix("lose ").removeprefix("drop "))


def fault_at(faults: Sequence[FaultRecord], node: str, time_ns: int) -> FaultRecord | None:
    """Return the fault that was in force on a node at a time and struck at least once: the youngest such."""
    in_force = (
        fault
        for fault in faults
        if fault.node == node and fault.begin_ns <= time_ns <= fault.end_ns and fault.hits
    )
    return max(in_force, key=lambda fault: fault.begin_ns, default=None)


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
