"""The Internet Protocol, version 4 (RFC 791)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from struct import Struct
from typing import ClassVar, Final

from testbed.packets import checksum, extensions, upper
from testbed.packets.addresses import IP4
from testbed.packets.options import IPV4, Option, split
from testbed.packets.packet import Packet

_HEADER: Final = Struct("!BBHHHBBH4s4s").unpack_from
_PSEUDO: Final = Struct("!4s4sxBH").pack
_DONT_FRAGMENT: Final = 0x4000
_MORE_FRAGMENTS: Final = 0x2000
_OFFSET: Final = 0x1FFF
_AH: Final = frozenset((extensions.AH,))


@dataclass(slots=True, eq=False)
class IPv4:
    """An IPv4 header.

    total_length: bytes, header included, as the header claims; 0 where the network card was to cut
    the packet into several. tos: the eight bits of DSCP and ECN. header: its bytes, options included.
    upper_protocol: what is carried behind an authentication header, else the same as protocol.
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

    version: ClassVar[int] = 4

    @property
    def header_length(self) -> int:
        """Bytes, 20 to 60."""
        return len(self.header)

    @property
    def dont_fragment(self) -> bool:
        return bool(self._flags & _DONT_FRAGMENT)

    @property
    def more_fragments(self) -> bool:
        return bool(self._flags & _MORE_FRAGMENTS)

    @property
    def fragment_offset(self) -> int:
        """Where this fragment's bytes begin in the whole packet's payload, in bytes."""
        return (self._flags & _OFFSET) * 8

    @property
    def is_fragment(self) -> bool:
        return bool(self._flags & (_MORE_FRAGMENTS | _OFFSET))

    @property
    def checksum_ok(self) -> bool:
        return checksum.is_right(self.header)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options in their order, no-operation and end of list included (RFC 791 §3.1)."""
        return split("ipv4", self.header[20:], IPV4)[0] if len(self.header) > 20 else ()

    @property
    def options_fault(self) -> str | None:
        return split("ipv4", self.header[20:], IPV4)[1] if len(self.header) > 20 else None

    def pseudo_header(self, protocol: int, length: int) -> bytes:
        """What a transport checksum covers of this header (RFC 9293 §3.1)."""
        return _PSEUDO(self.source.packed, self.destination.packed, protocol, length & 0xFFFF)


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
        if total < length:
            packet.refuse(f"ipv4: total length {total}, header length {length}", end)
            return
        if start + total > end:
            packet.complain(f"ipv4: total length {total}, {end - start} bytes in the frame")
        else:
            end = start + total
    if flags & _OFFSET:
        packet.carry(behind, end, "fragment")
        return
    if protocol == extensions.AH:
        chain = extensions.walk(packet, _AH, protocol, behind, end)
        header.upper_protocol = chain.upper
        if not chain.whole:
            return
        protocol, behind = chain.upper, chain.end
    upper.parse(packet, header, protocol, behind, end)
