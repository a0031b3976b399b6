"""The link layer: Ethernet with VLAN tags, IEEE 802.3 with LLC, Linux cooked captures, raw IP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from testbed.packets import arp, ipv4, ipv6
from testbed.packets.addresses import MAC
from testbed.packets.packet import Packet

ARP: Final = 0x0806
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
_TAGS: Final = frozenset((0x8100, 0x88A8, 0x9100))  # 802.1Q; 802.1ad; QinQ before the standard
_LEAST_ETHERTYPE: Final = 0x0600  # IEEE 802.3 §3.2.6: below 1536 the field is a length

_HEADER: Final = Struct("!6s6sH").unpack_from
_TWO: Final = Struct("!HH").unpack_from
_NETWORK: Final[dict[int, Callable[[Packet, int, int], None]]] = {
    IPV4: ipv4.parse,
    IPV6: ipv6.parse,
    ARP: arp.parse,
}


class Tag(NamedTuple):
    """A VLAN tag (IEEE 802.1Q §9.6). protocol: the Ethertype that announces it. control: its 16 bits."""

    protocol: int
    control: int

    @property
    def vlan(self) -> int:
        """Identifier of the VLAN, 0 to 4095; 0 is a frame that only has a priority."""
        return self.control & 0x0FFF

    @property
    def priority(self) -> int:
        """0 to 7."""
        return self.control >> 13


@dataclass(slots=True, eq=False)
class Ethernet:
    """An Ethernet header (IEEE 802.3 §3), MACs in lowercase.

    ethertype: of what the frame carries, behind all VLAN tags; below 0x600 it is a length.
    tags: the VLAN tags, outermost first.
    """

    source: str
    destination: str
    ethertype: int
    tags: tuple[Tag, ...] = ()

    @property
    def vlans(self) -> tuple[int, ...]:
        """Identifiers of the VLANs, outermost first."""
        return tuple(tag.vlan for tag in self.tags)

    @property
    def length(self) -> int | None:
        """Bytes of the LLC frame behind the header; None if the header holds an Ethertype."""
        return self.ethertype if self.ethertype < _LEAST_ETHERTYPE else None


def ethernet(packet: Packet) -> None:
    """Decode a frame that begins with an Ethernet header."""
    data = packet.data
    end = packet.original_length
    if len(data) < 14:
        packet.lacks("ethernet", 14, 0, end)
        return
    destination, source, ethertype = _HEADER(data)
    header = packet.ethernet = Ethernet(MAC[source], MAC[destination], ethertype)
    packet._marks.append(("ethernet", 14))
    parse = _NETWORK.get(ethertype)
    if parse is not None:  # without tags, as most are
        parse(packet, 14, end)
        return
    start = _tags(packet, header, end)
    if start is None:
        return
    ethertype = header.ethertype
    parse = _NETWORK.get(ethertype)
    if parse is not None:
        parse(packet, start, end)
    elif ethertype < _LEAST_ETHERTYPE:
        _llc(packet, ethertype, start, end)
    else:
        packet.carry(start, end)


def _tags(packet: Packet, header: Ethernet, end: int) -> int | None:
    """Read the VLAN tags, if there are any; return where they end, or None if one is cut."""
    data, start = packet.data, 14
    while header.ethertype in _TAGS:
        if start + 4 > len(data):
            packet.lacks("vlan", 4, start, end)
            return None
        control, ethertype = _TWO(data, start)
        header.tags += (Tag(header.ethertype, control),)
        header.ethertype = ethertype
        start += 4
        packet.mark("vlan", start)
    return start


def _llc(packet: Packet, length: int, start: int, end: int) -> None:
    """A frame with a length: what is in it (spanning tree, mostly) is left as one layer."""
    if start + length > end:
        packet.complain(f"ethernet: length {length}, {end - start} bytes in the frame")
    packet.carry(start, min(start + length, end), "llc")


def cooked(packet: Packet) -> None:
    """Decode a frame that begins with a Linux cooked header, version 1 (LINKTYPE_LINUX_SLL)."""
    _cooked(packet, 16, 14)


def cooked2(packet: Packet) -> None:
    """Decode a frame that begins with a Linux cooked header, version 2 (LINKTYPE_LINUX_SLL2)."""
    _cooked(packet, 20, 0)


def _cooked(packet: Packet, length: int, protocol_at: int) -> None:
    data, end = packet.data, packet.original_length
    if len(data) < length:
        packet.lacks("sll", length, 0, end)
        return
    packet.mark("sll", length)
    parse = _NETWORK.get(data[protocol_at] << 8 | data[protocol_at + 1])
    if parse is not None:
        parse(packet, length, end)
    else:
        packet.carry(length, end)


def raw(packet: Packet) -> None:
    """Decode a packet without a link header: IPv4 or IPv6, as its first four bits say."""
    data, end = packet.data, packet.original_length
    if not data:
        packet.lacks("ip", 20, 0, end)
    elif data[0] >> 4 == 4:
        ipv4.parse(packet, 0, end)
    elif data[0] >> 4 == 6:
        ipv6.parse(packet, 0, end)
    else:
        packet.refuse(f"ip: version {data[0] >> 4}, neither 4 nor 6", end)
