"""The Transmission Control Protocol (RFC 9293)."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final

from testbed.packets import checksum, options
from testbed.packets.options import Option
from testbed.packets.packet import Packet

if TYPE_CHECKING:
    from testbed.packets.ipv4 import IPv4
    from testbed.packets.ipv6 import IPv6

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
AE: Final = 0x100

PROTOCOL: Final = 6
_HEADER: Final = Struct("!HHIIHHHH").unpack_from
_PAIR: Final = Struct("!II")
_NAMES: Final = (
    (SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"),
    (URG, "URG"), (ECE, "ECE"), (CWR, "CWR"), (AE, "AE"),
)  # fmt: skip
_FLAG_NAMES: Final = tuple(",".join(name for bit, name in _NAMES if flags & bit) for flags in range(AE << 1))


@dataclass(slots=True, eq=False)
class TCP:
    """A TCP header.

    sequence, acknowledgment: as on the wire, 0 to 2**32 - 1. window: as on the wire, not scaled.
    flags: nine bits, FIN = 1 to CWR = 128 and AE = 256. header_length: bytes, 20 to 60.
    """

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    header_length: int
    window: int
    checksum: int
    urgent: int
    _ip: IPv4 | IPv6 = field(repr=False)
    _data: bytes = field(repr=False)
    _start: int = field(repr=False)
    _end: int = field(repr=False)
    _options: tuple[tuple[Option, ...], str | None] | None = field(default=None, repr=False)

    @property
    def syn(self) -> bool:
        """Synchronise sequence numbers: the first segment of each side."""
        return bool(self.flags & SYN)

    @property
    def ack(self) -> bool:
        """The acknowledgment number counts."""
        return bool(self.flags & ACK)

    @property
    def fin(self) -> bool:
        """The sender has no more to send."""
        return bool(self.flags & FIN)

    @property
    def rst(self) -> bool:
        """The connection is, or never was, there."""
        return bool(self.flags & RST)

    @property
    def psh(self) -> bool:
        """Hand the data to the application at once."""
        return bool(self.flags & PSH)

    @property
    def urg(self) -> bool:
        """The urgent pointer counts."""
        return bool(self.flags & URG)

    @property
    def flag_names(self) -> str:
        """Such as 'SYN,ACK'; empty if no flag is set."""
        return _FLAG_NAMES[self.flags]

    @property
    def length(self) -> int:
        """Bytes that the segment carries on the wire, the header not counted."""
        return self._end - self._start - self.header_length

    @property
    def checksum_ok(self) -> bool | None:
        """Whether the checksum is right; None for a fragment, and where bytes were not captured."""
        if self._end > len(self._data) or self._ip.is_fragment:
            return None
        segment = self._data[self._start : self._end]
        return checksum.is_right(self._ip.pseudo_header(PROTOCOL, len(segment)) + segment)

    @property
    def checksum_offloaded(self) -> bool:
        """Whether the field holds the sum of the pseudo-header alone.

        So it looks where Linux leaves the checksum to the network card: captured on the sender, or
        anywhere on a path of virtual wires, where no card ever fills it in.
        """
        pseudo = self._ip.pseudo_header(PROTOCOL, self._end - self._start)
        return self.checksum == checksum.folded(pseudo)

    # -- options -------------------------------------------------------------------------------

    def _split(self) -> tuple[tuple[Option, ...], str | None]:
        if self._options is None:
            raw = self._data[self._start + 20 : self._start + self.header_length]
            self._options = options.split("tcp", raw, options.TCP)
        return self._options

    def _option(self, kind: int, size: int) -> bytes | None:
        """Data of the first option of this kind that has the right size."""
        return next((one.data for one in self.options if one.kind == kind and len(one.data) == size), None)

    @property
    def options(self) -> tuple[Option, ...]:
        """All options in their order, no-operation and end of list included."""
        return self._split()[0] if self.header_length > 20 else ()

    @property
    def options_fault(self) -> str | None:
        """What is wrong with the options, or None."""
        return self._split()[1] if self.header_length > 20 else None

    @property
    def mss(self) -> int | None:
        """Maximum segment size that the sender takes, in bytes (RFC 9293 §3.7.1)."""
        data = self._option(2, 2)
        return None if data is None else int.from_bytes(data, "big")

    @property
    def window_scale(self) -> int | None:
        """How many bits the windows of this sender are to be shifted (RFC 7323 §2)."""
        data = self._option(3, 1)
        return None if data is None else data[0]

    @property
    def sack_permitted(self) -> bool:
        """RFC 2018 §2."""
        return self._option(4, 0) is not None

    @property
    def sacks(self) -> tuple[tuple[int, int], ...]:
        """Blocks that arrived out of order: left edge, right edge (RFC 2018 §3)."""
        return tuple(
            edges
            for one in self.options
            if one.kind == 5 and len(one.data) % 8 == 0
            for edges in _PAIR.iter_unpack(one.data)
        )

    @property
    def timestamps(self) -> tuple[int, int] | None:
        """Value and echo reply (RFC 7323 §3)."""
        data = self._option(8, 8)
        if data is None:
            return None
        value, echo = _PAIR.unpack(data)
        return value, echo


def parse(packet: Packet, ip: IPv4 | IPv6, start: int, end: int) -> None:
    """Decode a TCP header; what it carries is the payload."""
    data = packet.data
    reach = len(data)
    if end < reach:
        reach = end
    if reach < start + 20:
        packet.lacks("tcp", 20, start, end)
        return
    source, destination, sequence, acknowledgment, bits, window, check, urgent = _HEADER(data, start)
    length = bits >> 12 << 2
    if length < 20:
        packet.refuse(f"tcp: header length {length}, at least 20 allowed", end)
        return
    behind = start + length
    if reach < behind:
        packet.lacks("tcp", length, start, end)
        return
    packet.tcp = TCP(
        source, destination, sequence, acknowledgment, bits & 0x1FF, length, window, check, urgent,
        ip, data, start, end,
    )  # fmt: skip
    packet._payload_start = behind
    packet._payload_end = end
    packet._marks += (("tcp", behind), ("payload", end))
