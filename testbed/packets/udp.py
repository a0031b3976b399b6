"""The User Datagram Protocol (RFC 768)."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final

from testbed.packets import checksum
from testbed.packets.packet import Packet

if TYPE_CHECKING:
    from testbed.packets.ipv4 import IPv4
    from testbed.packets.ipv6 import IPv6

PROTOCOL: Final = 17
LENGTH: Final = 8
_LONGEST: Final = 0xFFFF  # a longer one is a jumbogram and has the length 0 (RFC 2675 §4)
_HEADER: Final = Struct("!HHHH").unpack_from


@dataclass(slots=True, eq=False)
class UDP:
    """A UDP header. length: bytes, header included, as the header claims; 0 in a jumbogram."""

    source_port: int
    destination_port: int
    length: int
    checksum: int
    _ip: IPv4 | IPv6 = field(repr=False)
    _data: bytes = field(repr=False)
    _start: int = field(repr=False)
    _end: int = field(repr=False)
    _whole: bool = field(repr=False)

    @property
    def checksum_ok(self) -> bool | None:
        """Whether the checksum is right; None where there is nothing to check.

        That is: a fragment, bytes that were not captured, and over IPv4 a checksum of zero, by which
        the sender says that it made none. IPv6 does not allow that (RFC 8200 §8.1): False.
        """
        if not self.checksum:
            return None if self._ip.version == 4 else False
        if not self._whole or self._end > len(self._data):
            return None
        datagram = self._data[self._start : self._end]
        return checksum.is_right(self._ip.pseudo_header(PROTOCOL, len(datagram)) + datagram)

    @property
    def checksum_offloaded(self) -> bool:
        """Whether the field holds the sum of the pseudo-header alone: see `TCP.checksum_offloaded`."""
        pseudo = self._ip.pseudo_header(PROTOCOL, self._end - self._start)
        return self.checksum == checksum.folded(pseudo)


def parse(packet: Packet, ip: IPv4 | IPv6, start: int, end: int) -> None:
    """Decode a UDP header; what it carries is the payload."""
    data = packet.data
    if min(end, len(data)) < start + LENGTH:
        packet.lacks("udp", LENGTH, start, end)
        return
    source, destination, length, check = _HEADER(data, start)
    if length < LENGTH and (length or end - start <= _LONGEST):
        packet.refuse(f"udp: length {length}, at least 8 allowed", end)
        return
    whole = not ip.is_fragment
    if length:
        if start + length <= end:
            end = start + length
        elif whole:
            packet.complain(f"udp: length {length}, {end - start} bytes in the packet")
            whole = False
    packet.udp = UDP(source, destination, length, check, ip, data, start, end, whole)
    packet._marks.append(("udp", start + LENGTH))
    packet.carry(start + LENGTH, end)
