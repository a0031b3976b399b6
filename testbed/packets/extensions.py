"""The headers between IPv6 and what it carries (RFC 8200 §4), and the authentication header."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final, NamedTuple

from testbed.packets.options import EXTENSION, Option, split
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
        """Name of the kind of header, as `Packet.layers` has it."""
        return _NAMES[self.protocol]

    @property
    def next_header(self) -> int:
        """Protocol number of what follows."""
        return self.data[0]

    @property
    def options(self) -> tuple[Option, ...]:
        """Of a hop-by-hop or destination options header, padding included (RFC 8200 §4.2)."""
        return self._split()[0]

    @property
    def fault(self) -> str | None:
        """What contradicts itself in the header, or None."""
        return self._split()[1] or _routing_fault(self)

    def _split(self) -> tuple[tuple[Option, ...], str | None]:
        if self.protocol not in (HOP_BY_HOP, DESTINATION):
            return (), None
        return split(self.name, self.data[2:], EXTENSION)

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


def _routing_fault(header: Extension) -> str | None:
    """What is wrong with a routing header of type 0 (RFC 5095) or 2 (RFC 6275 §6.4), or None."""
    if header.protocol != ROUTING or header.data[2] not in (0, 2):
        return None
    length, kind, left = header.data[1:4]
    if length % 2 or (kind == 2 and length != 2) or left > length // 2:
        return f"routing: type {kind}, length {length}, {left} addresses left"
    return None


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


def jumbo_length(hop_by_hop: bytes) -> int:
    """Bytes behind the IPv6 header as a jumbogram's hop-by-hop header has them; 0 if it is none.

    RFC 2675 §2: option 0xC2, which by its alignment comes first.
    """
    return int.from_bytes(hop_by_hop[4:8], "big") if hop_by_hop[2:4] == b"\xc2\4" else 0


def _length(protocol: int, field: int) -> int:
    """Bytes of a header whose second byte is `field`; AH counts in words (RFC 4302 §2.2)."""
    if protocol == FRAGMENT:
        return 8
    if protocol == AH:
        return max(8, (field + 2) * 4)
    return (field + 1) * 8
