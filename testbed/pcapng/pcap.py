"""The older capture format, pcap (draft-ietf-opsawg-pcap): one interface, one clock."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from testbed.pcapng.blocks import InterfaceBlock, Record, Section, Statistics
from testbed.pcapng.source import Source

MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""First bytes of the file -> byte order, nanoseconds in a unit of its fractions of a second."""

_LONGEST_FRAME: Final = 1 << 26  # what a length beyond this tells is that we are lost in the file


class Pcap:
    """A pcap file, read from its beginning."""

    def __init__(self, source: Source) -> None:
        self.interfaces: list[InterfaceBlock] = []
        self.statistics: list[Statistics] = []
        self.section = Section()
        self._source = source
        self._order, self._unit = "<", 1
        if source.is_at_end("file header", 24):
            return
        head = source.buffer[:24]
        source.at = 24
        self._order, self._unit = MAGICS[head[:4]]
        snaplen, linktype = Struct(self._order + "II").unpack_from(head, 16)
        self.interfaces.append(InterfaceBlock("", linktype=linktype & 0xFFFF, snaplen=snaplen))

    def records(self) -> Iterator[Record]:
        """The frames in their order."""
        source, unit = self._source, self._unit
        unpack = Struct(self._order + "IIII").unpack_from
        while self.interfaces and not source.is_at_end("frame header", 16):
            seconds, fraction, captured, original = unpack(source.buffer, source.at)
            if captured > _LONGEST_FRAME:
                source.refuse(f"a frame of {captured} bytes", f"at most {_LONGEST_FRAME} allowed")
            if source.is_at_end("frame", 16 + captured):
                return
            data = source.buffer[source.at + 16 : source.at + 16 + captured]
            source.at += 16 + captured
            yield Record(0, seconds * 1_000_000_000 + fraction * unit, data, max(original, captured))
