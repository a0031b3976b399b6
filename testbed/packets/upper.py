"""From the protocol number in an IP header to the decoder of what it carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from testbed.packets import icmp, tcp, udp
from testbed.packets.packet import Packet

if TYPE_CHECKING:
    from testbed.packets.ipv4 import IPv4
    from testbed.packets.ipv6 import IPv6

DECODERS: Final[dict[int, Callable[[Packet, IPv4 | IPv6, int, int], None]]] = {
    1: icmp.parse,
    6: tcp.parse,
    17: udp.parse,
    58: icmp.parse6,
}
"""Protocol number -> decoder."""


_NAMES: Final = {
    2: "igmp",
    4: "ipip",
    41: "ipv6-in-ip",
    47: "gre",
    50: "esp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    132: "sctp",
    136: "udp-lite",
}
"""Protocols that are named, but not decoded: their bytes are the payload."""


def parse(packet: Packet, ip: IPv4 | IPv6, protocol: int, start: int, end: int) -> None:
    """Decode what an IP header carries: TCP, UDP or ICMP; anything else is payload."""
    decoder = DECODERS.get(protocol)
    if decoder is not None:
        decoder(packet, ip, start, end)
    else:
        packet.carry(start, end, _NAMES.get(protocol, "payload"))
