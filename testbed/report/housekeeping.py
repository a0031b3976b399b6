"""Frames that a LAN makes by itself: left out of a ladder, unless a check cites one of their kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from testbed.evidence import Frame
from testbed.packets.makers import is_group

POLLS: Final = "ARP polls of known neighbours"

_ICMP6: Final = {
    130: "IPv6 multicast listener messages",
    131: "IPv6 multicast listener messages",
    132: "IPv6 multicast listener messages",
    133: "IPv6 router solicitations",
    134: "IPv6 router advertisements",
    143: "IPv6 multicast listener messages",
}


def housekeeping(frame: Frame) -> str | None:
    """Name the kind of housekeeping that a frame is, in the plural; None for any other frame."""
    packet = frame.packet
    if packet.icmp is not None and packet.icmp.version == 6:
        if packet.icmp.type == 135 and packet.ip is not None and packet.ip.source.is_unspecified:
            return "IPv6 duplicate address probes"
        return _ICMP6.get(packet.icmp.type)
    if packet.ip is not None and packet.ip.upper_protocol == 2:
        return "IGMP messages"
    if packet.udp is not None and packet.udp.destination_port == 5353:
        return "mDNS messages"
    if packet.ip is None and packet.arp is None:
        ethernet = packet.ethernet
        if ethernet is not None and ethernet.destination.startswith("01:80:c2:"):
            return "bridge protocol frames"
    return None


def polls(frames: Iterable[Frame]) -> frozenset[int]:
    """The numbers of those ARP frames, in order of time, with which kernels prove what is in their tables.

    A question that goes to one host alone (RFC 1122 §2.3.2.1, unicast poll), and the answer to it.
    """
    # (who asks, for whom) -> whether the last question was such a one
    polled: dict[tuple[object, object], bool] = {}
    found = set()
    for frame in frames:
        arp, ethernet = frame.packet.arp, frame.packet.ethernet
        if arp is None or ethernet is None:
            continue
        if arp.is_request:
            polled[arp.sender_ip, arp.target_ip] = not is_group(ethernet.destination)
        ends = (arp.sender_ip, arp.target_ip) if arp.is_request else (arp.target_ip, arp.sender_ip)
        if polled.get(ends):
            found.add(frame.number)
    return frozenset(found)
