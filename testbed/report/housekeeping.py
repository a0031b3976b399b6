"""Frames that a LAN makes by itself: left out of a ladder, unless a check cites one of their kind."""

from __future__ import annotations

from typing import Final

from testbed.evidence import Frame

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
