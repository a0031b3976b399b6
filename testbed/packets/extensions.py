"""The headers between IPv6 and what it carries (RFC 8200 §4), and the authentication header."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final, NamedTuple

from testbed.packets.packet import Packet

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AH: Final = 51
DESTINATION: Final = 60
_NAMES: Final = {
    HOP_BY_HOP: "hop-by-hop",
    ROUTING: "routing",
    FRAGMENT: "fragment-header",
    AH: "ah",
    DESTINATION: "destination-options",
}
ALL: Final = frozenset(_NAMES)


@dataclass(slots=True, eq=False)
class Extension:
    """One extension header. protocol: its own number. data: all its bytes, the first two included."""

    protocol: int
    data: bytes

    @property
    def name(self) -> str:
        return _NAMES[self.protocol]

    @property
    def next_header(self) -> int:
        """Protocol number of what follows."""
        return self.data[0]

    @property
    def fragment_offset(self) -> int:
        """Bytes; only of a fragment header."""
        return (self.data[2] << 8 | self.data[3]) & 0xFFF8

    @property
    def more_fragments(self) -> bool:
        """Only of a fragment header."""
        return bool(self.data[3] & 1)

    @property
    def identification(self) -> int:
        """32 bits; only of a fragment header."""
        return int.from_bytes(self.data[4:8], "big")


class Chain(NamedTuple):
    """Extension headers in their order.

    upper: the protocol number behind them. end: where they end. whole: none was cut or malformed.
    """

    headers: tuple[Extension, ...]
    upper: int
    end: int
    whole: bool


def walk(packet: Packet, kinds: Container[int], protocol: int, start: int, end: int) -> Chain:
    """Read the headers of these kinds from `start` on; behind a fragment that is not the first, stop."""
    data = packet.data
    reach = min(end, len(data))
    headers: list[Extension] = []
    while protocol in kinds:
        name = _NAMES[protocol]
        if start + 8 > reach:
            packet.lacks(name, 8, start, end)
            return Chain(tuple(headers), protocol, start, False)
        length = _length(protocol, data[start + 1])
        if start + length > reach:
            packet.lacks(name, length, start, end)
            return Chain(tuple(headers), protocol, start, False)
        header = Extension(protocol, data[start : start + length])
        headers.append(header)
        start += length
        packet.mark(name, start)
        later_fragment = protocol == FRAGMENT and header.fragment_offset
        protocol = header.next_header
        if later_fragment:
            break
    return Chain(tuple(headers), protocol, start, True)


def _length(protocol: int, field: int) -> int:
    """Bytes of a header whose second byte is `field`; AH counts in words (RFC 4302 §2.2)."""
    if protocol == FRAGMENT:
        return 8
    if protocol == AH:
        return max(8, (field + 2) * 4)
    return (field + 1) * 8
