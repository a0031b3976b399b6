"""The Address Resolution Protocol for IPv4 over Ethernet (RFC 826)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from struct import Struct
from typing import Final

from testbed.packets.addresses import IP4, MAC
from testbed.packets.packet import Packet

REQUEST: Final = 1
REPLY: Final = 2
_PACKET: Final = Struct("!8s6s4s6s4s").unpack_from
_KIND: Final = Struct("!HHBB")
_ETHERNET_IPV4: Final = _KIND.pack(1, 0x0800, 6, 4)
LENGTH: Final = 28


@dataclass(slots=True, eq=False)
class ARP:
    """An ARP packet. operation: 1 is a request, 2 a reply."""

    operation: int
    sender_mac: str
    sender_ip: IPv4Address
    target_mac: str
    target_ip: IPv4Address

    @property
    def is_request(self) -> bool:
        """Whether it asks for an address."""
        return self.operation == REQUEST

    @property
    def is_reply(self) -> bool:
        """Whether it tells an address."""
        return self.operation == REPLY


def parse(packet: Packet, start: int, end: int) -> None:
    """Decode ARP; other kinds than IPv4 over Ethernet are left as bytes of the layer."""
    data = packet.data
    if min(end, len(data)) < start + 8:
        packet.lacks("arp", 8, start, end)
        return
    kind = data[start : start + 6]
    if kind != _ETHERNET_IPV4:
        length = 8 + 2 * (kind[4] + kind[5])
        if start + length > end:
            packet.refuse(f"arp: {end - start} bytes, {length} needed for its addresses", end)
        else:
            packet.mark("arp", start + length)
        return
    if min(end, len(data)) < start + LENGTH:
        packet.lacks("arp", LENGTH, start, end)
        return
    head, sender_mac, sender_ip, target_mac, target_ip = _PACKET(data, start)
    packet.arp = ARP(head[6] << 8 | head[7], MAC[sender_mac], IP4[sender_ip], MAC[target_mac], IP4[target_ip])
    packet._marks.append(("arp", start + LENGTH))
