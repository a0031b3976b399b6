"""The way of one packet over several networks: what a node received, and sent on.

A router changes the TTL; one that translates changes addresses and ports, too; one whose next link
is narrow cuts a packet in pieces. Each leaves something by which the packet is known again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping

from testbed.evidence import Frame
from testbed.evidence.layers import crossing_key
from testbed.packets import IPv4, Packet
from testbed.report.hops import Hop
from testbed.report.words import identification

Journey = list[Hop]


def journeys(found: Iterable[Hop], node_of: Mapping[str, str]) -> list[Journey]:
    """Join the hops of each packet.

    found: hops by time. node_of: the node of each vantage point. A frame without IP is a journey of one hop.
    """
    made: list[Journey] = []
    under_way: dict[Hashable, list[Journey]] = defaultdict(list)
    for hop in found:
        keys = list(_keys(hop.frame))
        journey = _continued(hop, keys, under_way, node_of)
        if journey is None:
            journey = []
            made.append(journey)
        journey.append(hop)
        for key in keys:
            if not under_way[key] or under_way[key][-1] is not journey:
                under_way[key].append(journey)
    return made


def _continued(
    hop: Hop, keys: list[Hashable], under_way: Mapping[Hashable, list[Journey]], node_of: Mapping[str, str]
) -> Journey | None:
    """The journey that a hop continues: the earliest that ended at the node that sent it."""
    if hop.sent is None:
        return None
    sender = node_of.get(hop.sent.vantage)
    pieces = _is_piece(hop.frame.packet)
    for key in keys:
        for journey in under_way.get(key, ()):
            ends = [end for end in journey if _begins_in(hop.frame, end.frame)] if pieces else journey[-1:]
            if any(node_of.get(copy.vantage) == sender for end in ends for copy in end.received):
                return journey
    return None


def _keys(frame: Frame) -> Iterator[Hashable]:
    """By what a packet is known again, the surest first."""
    packet, ip = frame.packet, frame.packet.ip
    if ip is None:
        return
    yield crossing_key(frame)
    content = _content(packet)
    if content is not None:  # behind a translation one of the two addresses is still the same
        yield "to", int(ip.destination), content
        yield "from", int(ip.source), content
    if ip.version == 4 and not packet.tcp:
        yield "piece", int(ip.source), int(ip.destination), identification(ip)


def _content(packet: Packet) -> Hashable | None:
    """What a translation of addresses and ports leaves as it was."""
    if packet.tcp is not None:
        tcp = packet.tcp
        return 6, tcp.sequence, tcp.acknowledgment, tcp.flags, packet.payload
    if packet.udp is not None:
        return 17, identification(packet.ip) if packet.ip else 0, packet.payload
    if packet.icmp is not None and packet.icmp.is_echo:
        return packet.icmp.type, packet.icmp.sequence, packet.payload
    return None


def _is_piece(packet: Packet) -> bool:
    return packet.ip is not None and packet.ip.is_fragment


def _begins_in(piece: Frame, whole: Frame) -> bool:
    """Whether the first byte of a fragment is one of those that a packet, or a longer fragment, carries."""
    own, other = piece.packet.ip, whole.packet.ip
    if not isinstance(own, IPv4) or not isinstance(other, IPv4):
        return True
    end = other.fragment_offset + other.total_length - other.header_length
    return other.fragment_offset <= own.fragment_offset < end
