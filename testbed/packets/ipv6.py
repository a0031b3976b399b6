"""The Internet Protocol, version 6 (RFC 8200)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv6Address
from struct import Struct
from typing import ClassVar, Final

from testbed.packets import extensions, upper
from testbed.packets.addresses import IP6
from testbed.packets.extensions import Extension
from testbed.packets.packet import Packet

_HEADER: Final = Struct("!IHBB16s16s").unpack_from
_PSEUDO: Final = Struct("!16s16sI3xB").pack
LENGTH: Final = 40


@dataclass(slots=True, eq=False)
class IPv6:
    """An IPv6 header, and the extension headers behind it.

    payload_length: bytes behind the 40 of the header, extension headers included; 0 in a jumbogram.
    next_header: as the fixed header has it. upper_protocol: what the last extension header names.
    """

    source: IPv6Address
    destination: IPv6Address
    hop_limit: int
    next_header: int
    payload_length: int
    upper_protocol: int
    _word: int = field(repr=False)
    extensions: tuple[Extension, ...] = ()

    version: ClassVar[int] = 6

    @property
    def options_fault(self) -> str | None:
        """What contradicts itself in the extension headers, or None."""
        return next((one.fault for one in self.extensions if one.fault is not None), None)

    @property
    def traffic_class(self) -> int:
        """Eight bits of DSCP and ECN."""
        return self._word >> 20 & 0xFF

    @property
    def flow_label(self) -> int:
        """20 bits (RFC 6437)."""
        return self._word & 0xFFFFF

    @property
    def fragment(self) -> Extension | None:
        """The fragment header, if there is one; the innermost, should there be more."""
        found = None
        for one in self.extensions:
            if one.protocol == extensions.FRAGMENT:
                found = one
        return found

    @property
    def fragment_offset(self) -> int:
        """Where this fragment's bytes begin in the whole packet's fragmentable part, in bytes."""
        header = self.fragment
        return header.fragment_offset if header else 0

    @property
    def more_fragments(self) -> bool:
        """Whether a later part of the packet comes as another fragment."""
        return any(one.protocol == extensions.FRAGMENT and one.more_fragments for one in self.extensions)

    @property
    def is_fragment(self) -> bool:
        """Whether this is one of several parts of a packet; an atomic fragment (RFC 6946) is none."""
        return bool(self.extensions) and (self.more_fragments or self.fragment_offset > 0)

    @property
    def final_destination(self) -> IPv6Address:
        """Where the packet ends up: the last address of a routing header that is not used up.

        Types 0 (RFC 5095), 2 (RFC 6275) and 4, segment routing (RFC 8754), whose list is backwards.
        """
        for header in self.extensions:
            if header.protocol != extensions.ROUTING or not header.data[3] or len(header.data) < 24:
                continue
            if header.data[2] in (0, 2):
                return IP6[header.data[-16:]]
            if header.data[2] == 4:
                return IP6[header.data[8:24]]
        return self.destination

    def pseudo_header(self, protocol: int, length: int) -> bytes:
        """What a checksum above covers of this header (RFC 8200 §8.1)."""
        return _PSEUDO(self.source.packed, self.final_destination.packed, length, protocol)


def parse(packet: Packet, start: int, end: int) -> None:
    """Decode an IPv6 header, its extension headers and what they carry."""
    data = packet.data
    if len(data) < start + LENGTH:
        packet.lacks("ipv6", LENGTH, start, end)
        return
    word, length, protocol, hop_limit, source, destination = _HEADER(data, start)
    if word >> 28 != 6:
        packet.refuse(f"ipv6: version {word >> 28}", end)
        return
    header = packet.ip = IPv6(IP6[source], IP6[destination], hop_limit, protocol, length, protocol, word)
    start += LENGTH
    packet._marks.append(("ipv6", start))
    if not length and protocol == extensions.HOP_BY_HOP:
        length = extensions.jumbo_length(data[start : start + 8])
    if start + length > end:
        packet.complain(f"ipv6: payload length {length}, {end - start} bytes in the frame")
    else:
        end = start + length
    if protocol in extensions.ALL:
        chain = extensions.walk(packet, extensions.ALL, protocol, start, end)
        header.extensions = chain.headers
        header.upper_protocol = protocol = chain.upper
        if not chain.whole:
            return
        start = chain.end
        if header.fragment_offset:
            packet.carry(start, end, "fragment")
            return
    upper.parse(packet, header, protocol, start, end)
