"""The Internet Control Message Protocol for IPv4 (RFC 792) and IPv6 (RFC 4443)."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from testbed.packets import checksum, neighbour
from testbed.packets.addresses import IP4
from testbed.packets.neighbour import NDPOption
from testbed.packets.packet import Packet

if TYPE_CHECKING:
    from testbed.packets.ipv4 import IPv4
    from testbed.packets.ipv6 import IPv6

LENGTH: Final = 8
_V4: Final = 1
_V6: Final = 58
_RAW: Final = 101
_QUOTING: Final = {4: frozenset((3, 4, 5, 11, 12)), 6: frozenset((1, 2, 3, 4))}
_ECHO: Final = {4: frozenset((0, 8)), 6: frozenset((128, 129))}
_LAYER: Final = {4: "icmp", 6: "icmpv6"}


@dataclass(slots=True, eq=False)
class ICMP:
    """An ICMP message. version: 4 for ICMP, 6 for ICMPv6. rest: the second four bytes of its header."""

    version: int
    type: int
    code: int
    checksum: int
    rest: bytes
    _ip: IPv4 | IPv6 = field(repr=False)
    _data: bytes = field(repr=False)
    _start: int = field(repr=False)
    _end: int = field(repr=False)

    @property
    def body(self) -> bytes:
        """What follows the header of eight bytes, as far as it was captured."""
        return self._data[self._start + LENGTH : self._end]

    @property
    def checksum_ok(self) -> bool | None:
        """Whether the checksum is right; None for a fragment, and where bytes were not captured."""
        if self._end > len(self._data) or self._ip.is_fragment:
            return None
        message = self._data[self._start : self._end]
        if self.version == 6:
            message = self._ip.pseudo_header(_V6, len(message)) + message
        return checksum.is_right(message)

    @property
    def is_echo(self) -> bool:
        """Whether it is an echo request or an echo reply."""
        return self.type in _ECHO[self.version]

    @property
    def identifier(self) -> int | None:
        """Of an echo request or reply."""
        return int.from_bytes(self.rest[:2], "big") if self.is_echo else None

    @property
    def sequence(self) -> int | None:
        """Of an echo request or reply."""
        return int.from_bytes(self.rest[2:], "big") if self.is_echo else None

    @property
    def mtu(self) -> int | None:
        """Bytes, of 'fragmentation needed' (RFC 1191 §4) or 'packet too big' (RFC 4443 §3.2)."""
        if self.version == 6:
            return int.from_bytes(self.rest, "big") if self.type == 2 else None
        return int.from_bytes(self.rest[2:], "big") if (self.type, self.code) == (3, 4) else None

    @property
    def gateway(self) -> IPv4Address | None:
        """The better router that an ICMP redirect names; ICMPv6 has it as `target`."""
        return IP4[self.rest] if self.version == 4 and self.type == 5 else None

    @property
    def quoted(self) -> Packet | None:
        """The packet that an error is about: its header, and as many bytes as were sent along.

        Cut short, it is `truncated`, not malformed. None if the message quotes no packet.
        """
        if self.type not in _QUOTING[self.version]:
            return None
        from testbed.packets.decoding import decode  # a packet holds a packet: the one circle here

        quote = self.body
        return decode(quote, _RAW, neighbour.claimed_length(quote)) if quote else None

    # -- neighbour discovery (RFC 4861) --------------------------------------------------------

    @property
    def target(self) -> IPv6Address | None:
        """Who is asked for, who answers, or the better next hop: types 135, 136, 137."""
        return neighbour.target(self.type, self.body) if self.version == 6 else None

    @property
    def destination(self) -> IPv6Address | None:
        """What a redirect (137) is about."""
        return neighbour.destination(self.type, self.body) if self.version == 6 else None

    @property
    def options(self) -> tuple[NDPOption, ...]:
        """The options of types 133 to 137."""
        return neighbour.options(self.type, self.body)[0] if self.version == 6 else ()

    @property
    def options_fault(self) -> str | None:
        """What is wrong with the message behind its header, or None."""
        if self.version == 4 or self._end > len(self._data) or self._ip.is_fragment:
            return None
        return neighbour.options(self.type, self.body)[1]

    @property
    def link_layer_address(self) -> str | None:
        """The MAC in the first source (1) or target (2) link-layer address option."""
        return next((one.mac for one in self.options if one.mac is not None), None)


def parse(packet: Packet, ip: IPv4 | IPv6, start: int, end: int) -> None:
    """Decode an ICMP message."""
    _parse(packet, ip, 4, start, end)


def parse6(packet: Packet, ip: IPv4 | IPv6, start: int, end: int) -> None:
    """Decode an ICMPv6 message."""
    _parse(packet, ip, 6, start, end)


def _parse(packet: Packet, ip: IPv4 | IPv6, version: int, start: int, end: int) -> None:
    data = packet.data
    name = _LAYER[version]
    behind = start + LENGTH
    if min(end, len(data)) < behind:
        packet.lacks(name, LENGTH, start, end)
        return
    kind = data[start]
    packet.icmp = ICMP(
        version, kind, data[start + 1], data[start + 2] << 8 | data[start + 3], data[start + 4 : behind],
        ip, data, start, end,
    )  # fmt: skip
    if kind in _ECHO[version]:
        packet.mark(name, behind)
        packet.carry(behind, end)
    elif kind in _QUOTING[version]:
        packet.mark(name, behind)
        packet.mark("quoted", end)
    else:
        packet.mark(name, end)
