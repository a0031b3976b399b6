"""The blocks of a pcapng file: sections, each with a byte order and interfaces of its own."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from testbed.pcapng import blocks
from testbed.pcapng.blocks import DIRECTION_OF_FLAG, InterfaceBlock, Record, Section, Statistics
from testbed.pcapng.source import Source

_LONGEST_BLOCK: Final = 1 << 26
_SECOND: Final = 1_000_000_000
_ORDERS: Final = {
    blocks.BYTE_ORDER.to_bytes(4, "little"): "<",
    blocks.BYTE_ORDER.to_bytes(4, "big"): ">",
}


class _Numbers:
    """How a section writes its numbers."""

    def __init__(self, order: str) -> None:
        self.head = Struct(order + "II").unpack_from
        self.word = Struct(order + "I").unpack_from
        self.interface = Struct(order + "HxxI").unpack_from
        self.packet = Struct(order + "IIIII").unpack_from
        self.timed = Struct(order + "III").unpack_from
        self.option = Struct(order + "HH").unpack_from
        self.count = Struct(order + "Q").unpack_from
        self.signed = Struct(order + "q").unpack_from


class _Clock(NamedTuple):
    """How an interface tells the time: a count of units, each `scale / parts` nanoseconds."""

    scale: int
    parts: int
    offset_ns: int


class Sections:
    """A pcapng file, read from its beginning. Interfaces of all sections are numbered through."""

    def __init__(self, source: Source) -> None:
        self.interfaces: list[InterfaceBlock] = []
        self.statistics: list[Statistics] = []
        self.section = Section()
        self._source = source
        self._numbers = _Numbers("<")
        self._clocks: list[_Clock] = []
        self._first = 0  # number of this section's first interface
        self._sections = 0

    def records(self) -> Iterator[Record]:
        """The frames in their order."""
        source = self._source
        while len(source.buffer) - source.at >= 12 or not source.is_at_end("block", 12):
            kind, length = self._numbers.head(source.buffer, source.at)
            if kind == blocks.SECTION:  # reads the same in both byte orders
                length = self._order()
            if not 12 <= length <= _LONGEST_BLOCK or length & 3:
                source.refuse(f"a block of {length} bytes", f"12 to {_LONGEST_BLOCK}, by fours, allowed")
            if len(source.buffer) - source.at < length and source.is_at_end("block", length):
                return
            start, end = source.at + 8, source.at + length - 4
            again = self._numbers.word(source.buffer, end)[0]
            if again != length:
                source.refuse(f"a block of {length} bytes that ends with the length {again}", "one allowed")
            record: Record | None
            if kind == blocks.ENHANCED_PACKET:
                record = self._packet(source.buffer, start, end)
            else:
                record = self._other(kind, source.buffer[start:end])
            source.at = end + 4
            if record is not None:
                yield record

    def _other(self, kind: int, body: bytes) -> Record | None:
        """Take note of a block; kinds that we do not know are left out. A simple packet is a frame."""
        if kind == blocks.SIMPLE_PACKET:
            return self._simple(body)
        if kind == blocks.INTERFACE:
            self._interface(body)
        elif kind == blocks.STATISTICS:
            self._count(body)
        elif kind == blocks.SECTION:
            self._open(body)
        return None

    def _order(self) -> int:
        """Take over the byte order of the section that begins here; return its header's length."""
        source = self._source
        magic = source.buffer[source.at + 8 : source.at + 12]
        order = _ORDERS.get(magic)
        if order is None:
            source.refuse(f"byte-order magic {magic.hex()}", "1a2b3c4d and 4d3c2b1a allowed")
        self._numbers = _Numbers(order)
        length: int = self._numbers.head(source.buffer, source.at)[1]
        return length

    def _options(self, raw: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= end:
            code, length = self._numbers.option(raw, at)
            at += 4
            if code == blocks.END_OF_OPTIONS:
                return
            if at + length > end:
                self._source.refuse(f"an option of {length} bytes", f"{end - at} bytes are left in its block")
            yield code, raw[at : at + length]
            at += length + (-length & 3)

    def _need(self, there: int, size: int, what: str) -> None:
        if there < size:
            self._source.refuse(f"{what} of {there} bytes", f"at least {size} needed")

    def _open(self, body: bytes) -> None:
        self._need(len(body), 16, "a section header")
        self._clocks = []
        self._first = len(self.interfaces)
        self._sections += 1
        if self._sections > 1:
            return
        texts = {code: _text(value) for code, value in self._options(body, 16, len(body))}
        self.section = Section(
            texts.get(blocks.COMMENT, ""),
            texts.get(blocks.SHB_HARDWARE, ""),
            texts.get(blocks.SHB_OS, ""),
            texts.get(blocks.SHB_APPLICATION, ""),
        )

    def _interface(self, body: bytes) -> None:
        self._need(len(body), 8, "an interface block")
        linktype, snaplen = self._numbers.interface(body)
        name = description = ""
        scale, parts, offset = 1000, 1, 0
        for code, value in self._options(body, 8, len(body)):
            if code == blocks.IF_NAME:
                name = _text(value)
            elif code == blocks.IF_DESCRIPTION:
                description = _text(value)
            elif code == blocks.IF_RESOLUTION and value:
                power = value[0] & 0x7F
                scale, parts = _SECOND, 2**power if value[0] & 0x80 else 10**power
            elif code == blocks.IF_OFFSET and len(value) == 8:
                offset = self._numbers.signed(value)[0] * _SECOND
        self.interfaces.append(InterfaceBlock(name, description, linktype, snaplen))
        self._clocks.append(_Clock(scale, parts, offset))

    def _clock(self, interface: int) -> _Clock:
        if interface >= len(self._clocks):
            described = len(self._clocks)
            self._source.refuse(f"interface {interface}", f"{described} interfaces are described before it")
        return self._clocks[interface]

    def _packet(self, raw: bytes, start: int, end: int) -> Record:
        start += 20
        if start > end:
            self._need(end - start + 20, 20, "a packet block")
        interface, high, low, captured, original = self._numbers.packet(raw, start - 20)
        behind = start + captured
        if behind > end:
            self._need(end - start, captured, "a packet block's data")
        scale, parts, offset = self._clock(interface)
        record = Record(
            self._first + interface,
            (high << 32 | low) * scale // parts + offset,
            raw[start:behind],
            original if original > captured else captured,
        )
        options = behind + (-captured & 3)
        if options < end:
            self._describe(record, raw, options, end)
        return record

    def _describe(self, record: Record, raw: bytes, start: int, end: int) -> None:
        """Add what the options of a packet block say."""
        comments: list[str] = []
        for code, value in self._options(raw, start, end):
            if code == blocks.COMMENT:
                comments.append(_text(value))
            elif code == blocks.EPB_FLAGS and len(value) == 4:
                record.direction = DIRECTION_OF_FLAG.get(self._numbers.word(value)[0] & 3)
        if comments:
            record.comment = "\n".join(comments)

    def _simple(self, body: bytes) -> Record:
        """A frame of the first interface, without a time."""
        self._need(len(body), 4, "a simple packet block")
        self._clock(0)
        original = self._numbers.word(body)[0]
        snaplen = self.interfaces[self._first].snaplen
        captured = min(original, len(body) - 4, snaplen or original)
        return Record(self._first, 0, body[4 : 4 + captured], original)

    def _count(self, body: bytes) -> None:
        self._need(len(body), 12, "a statistics block")
        interface, high, low = self._numbers.timed(body)
        scale, parts, offset = self._clock(interface)
        options = self._options(body, 12, len(body))
        counts = {code: self._numbers.count(value)[0] for code, value in options if len(value) == 8}
        self.statistics.append(
            Statistics(
                self._first + interface,
                (high << 32 | low) * scale // parts + offset,
                counts.get(blocks.ISB_RECEIVED),
                counts.get(blocks.ISB_DROPPED),
            )
        )


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
