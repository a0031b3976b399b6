"""The Internet Protocol, version 4 (RFC 791)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from struct import Struct
from typing import ClassVar, Final

from testbed.packets import checksum, extensions, upper
from testbed.packets.addresses import IP4
from testbed.packets.extensions import Extension
from testbed.packets.options import IPV4, Option, split
from testbed.packets.packet import Packet

_HEADER: Final = Struct("!BBHHHBBH4s4s").unpack_from
_PSEUDO: Final = Struct("!4s4sxBH").pack
_DONT_FRAGMENT: Final = 0x4000
_MORE_FRAGMENTS: Final = 0x2000
_OFFSET: Final = 0x1FFF
_SOURCE_ROUTES: Final = frozenset((131, 137))
_AH: Final = frozenset((extensions.AH,))


@dataclass(slots=True, eq=False)
class IPv4:
    """An IPv4 header.

    total_length: bytes, header included, as the header claims; 0 where the network card was to cut
    the packet into several. tos: the eight bits of DSCP and ECN. header: its bytes, options included.
    extensions: authentication headers; upper_protocol: what is behind them, else the same as protocol.
    """

    source: IPv4Address
    destination: IPv4Address
    ttl: int
    protocol: int
    identification: int
    total_length: int
    checksum: int
    tos: int
    header: bytes = field(repr=False)
    upper_protocol: int
    _flags: int = field(repr=False)
    extensions: tuple[Extension, ...] = ()

    version: ClassVar[int] = 4

    @property
    def header_length(self) -> int:
        """Bytes, 20 to 60."""
        return len(self.header)

    @property
    def dont_fragment(self) -> bool:
        """Whether routers may not cut the packet into several."""
        return bool(self._flags & _DONT_FRAGMENT)

    @property
    def more_fragments(self) -> bool:
        """Whether a later part of the packet comes as another fragment."""
        return bool(self._flags & _MORE_FRAGMENTS)

    @property
    def fragment_offset(self) -> int:
        """Where this fragment's bytes begin in the whole packet's payload, in bytes."""
        return (self._flags & _OFFSET) * 8

    @property
    def is_fragment(self) -> bool:
        """Whether this is one of several parts of a packet."""
        return bool(self._flags & (_MORE_FRAGMENTS | _OFFSET))

    @property
    def checksum_ok(self) -> bool:
        """Whether the header checksum is right."""
        return checksum.is_right(self.header)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options in their order, no-operation and end of list included (RFC 791 §3.1)."""
        return split("ipv4", self.header[20:], IPV4)[0] if len(self.header) > 20 else ()

    @property
    def options_fault(self) -> str | None:
        """What is wrong with the options, or None."""
        return split("ipv4", self.header[20:], IPV4)[1] if len(self.header) > 20 else None

    @property
    def final_destination(self) -> IPv4Address:
        """Where the packet ends up: the end of a source route that is not used up (RFC 791 §3.1)."""
        for option in self.options:
            # data: a pointer, counted from the option's first byte and from 1; then the addresses
            if option.kind in _SOURCE_ROUTES and len(option.data) >= 5 and option.data[0] <= len(option.data):
                return IP4[option.data[-4:]]
        return self.destination

    def pseudo_header(self, protocol: int, length: int) -> bytes:
        """What a checksum above covers of this header (RFC 9293 §3.1, RFC 1122 §4.2.3.8)."""
        return _PSEUDO(self.source.packed, self.final_destination.packed, protocol, length & 0xFFFF)


def parse(packet: Packet, start: int, end: int) -> None:
    """Decode an IPv4 header and what it carries."""
    data = packet.data
    if len(data) < start + 20:
        packet.lacks("ipv4", 20, start, end)
        return
    first, tos, total, identification, flags, ttl, protocol, check, source, destination = _HEADER(data, start)
    length = (first & 15) * 4
    if first >> 4 != 4 or length < 20:
        packet.refuse(f"ipv4: version {first >> 4}, header length {length}; 4 and at least 20 allowed", end)
        return
    if 0 < total < length:
        packet.refuse(f"ipv4: total length {total}, header length {length}", end)
        return
    behind = start + length
    if len(data) < behind:
        packet.lacks("ipv4", length, start, end)
        return
    header = packet.ip = IPv4(
        IP4[source], IP4[destination], ttl, protocol, identification, total, check, tos,
        data[start:behind], protocol, flags,
    )  # fmt: skip
    packet._marks.append(("ipv4", behind))
    if total:
        if start + total > end:
            packet.complain(f"ipv4: total length {total}, {end - start} bytes in the frame")
        else:
            end = start + total
    if flags & _OFFSET:
        packet.carry(behind, end, "fragment")
        return
    decoder = upper.DECODERS.get(protocol)
    if decoder is not None:
        decoder(packet, header, behind, end)
        return
    if protocol == extensions.AH:
        chain = extensions.walk(packet, _AH, protocol, behind, end)
        header.extensions = chain.headers
        header.upper_protocol = chain.upper
        if not chain.whole:
            return
        protocol, behind = chain.upper, chain.end
    upper.parse(packet, header, protocol, behind, end)
