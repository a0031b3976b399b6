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
        self.block = Struct(order + "II").unpack
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

    def time_ns(self, high: int, low: int) -> int:
        return (high << 32 | low) * self.scale // self.parts + self.offset_ns


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
        while (block := self._block()) is not None:
            kind, body = block
            if kind == blocks.ENHANCED_PACKET:
                yield self._packet(body)
            elif kind == blocks.INTERFACE:
                self._interface(body)
            elif kind == blocks.STATISTICS:
                self._count(body)
            elif kind == blocks.SIMPLE_PACKET:
                yield self._simple(body)
            elif kind == blocks.SECTION:
                self._open(body)

    def _block(self) -> tuple[int, bytes] | None:
        """The next block's type and body; None at the end."""
        source = self._source
        start = source.position
        head = source.take(8)
        if head is None:
            return None
        kind, length = self._numbers.block(head)
        behind = 8
        if kind == blocks.SECTION:  # reads the same in both byte orders
            taken = source.take(4)
            if taken is None:
                self._ends(start, 12)
                return None
            order = _ORDERS.get(taken)
            if order is None:
                source.refuse(f"byte-order magic {taken.hex()}", "1a2b3c4d or 4d3c2b1a allowed", start + 8)
            behind = 12
            self._numbers = _Numbers(order)
            length = self._numbers.block(head)[1]
        if not behind + 4 <= length <= _LONGEST_BLOCK or length & 3:
            source.refuse(
                f"a block of {length} bytes", f"multiples of 4 from 12 to {_LONGEST_BLOCK} allowed", start
            )
        rest = source.take(length - behind)
        if rest is None:
            self._ends(start, length)
            return None
        again = self._numbers.word(rest, len(rest) - 4)[0]
        if again != length:
            source.refuse(
                f"a block of {length} bytes that ends with the length {again}",
                "the same twice allowed",
                start,
            )
        return kind, rest[:-4]

    def _ends(self, start: int, wanted: int) -> None:
        """The file breaks off in the block of `wanted` bytes that begins at `start`."""
        self._source.breaks_off("block", start, wanted)

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        end = len(body)
        while at + 4 <= end:
            code, length = self._numbers.option(body, at)
            at += 4
            if code == blocks.END_OF_OPTIONS:
                return
            if at + length > end:
                self._source.refuse(f"an option of {length} bytes", f"{end - at} bytes are left in its block")
            yield code, body[at : at + length]
            at += length + (-length & 3)

    def _need(self, body: bytes, size: int, what: str) -> None:
        if len(body) < size:
            self._source.refuse(f"{what} of {len(body)} bytes", f"at least {size} needed")

    def _open(self, body: bytes) -> None:
        self._need(body, 12, "a section header")
        self._clocks = []
        self._first = len(self.interfaces)
        self._sections += 1
        if self._sections > 1:
            return
        texts = {code: _text(value) for code, value in self._options(body, 12)}
        self.section = Section(
            texts.get(blocks.COMMENT, ""),
            texts.get(blocks.SHB_HARDWARE, ""),
            texts.get(blocks.SHB_OS, ""),
            texts.get(blocks.SHB_APPLICATION, ""),
        )

    def _interface(self, body: bytes) -> None:
        self._need(body, 8, "an interface block")
        linktype, snaplen = self._numbers.interface(body)
        name = description = ""
        scale, parts, offset = 1000, 1, 0
        for code, value in self._options(body, 8):
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
            self._source.refuse(
                f"interface {interface}", f"{len(self._clocks)} interfaces are described before it"
            )
        return self._clocks[interface]

    def _packet(self, body: bytes) -> Record:
        self._need(body, 20, "a packet block")
        interface, high, low, captured, original = self._numbers.packet(body)
        clock = self._clock(interface)
        behind = 20 + captured
        self._need(body, behind, "a packet block")
        comments: list[str] = []
        direction = None
        options_at = behind + (-captured & 3)
        if options_at < len(body):
            for code, value in self._options(body, options_at):
                if code == blocks.COMMENT:
                    comments.append(_text(value))
                elif code == blocks.EPB_FLAGS and len(value) == 4:
                    direction = DIRECTION_OF_FLAG.get(self._numbers.word(value)[0] & 3)
        return Record(
            self._first + interface, clock.time_ns(high, low), body[20:behind], max(original, captured),
            "\n".join(comments) if comments else None, direction,
        )  # fmt: skip

    def _simple(self, body: bytes) -> Record:
        """A frame of the first interface, without a time."""
        self._need(body, 4, "a simple packet block")
        self._clock(0)
        original = self._numbers.word(body)[0]
        snaplen = self.interfaces[self._first].snaplen
        captured = min(original, len(body) - 4, snaplen or original)
        return Record(self._first, 0, body[4 : 4 + captured], original)

    def _count(self, body: bytes) -> None:
        self._need(body, 12, "a statistics block")
        interface, high, low = self._numbers.timed(body)
        clock = self._clock(interface)
        counts = {
            code: self._numbers.count(value)[0] for code, value in self._options(body, 12) if len(value) == 8
        }
        self.statistics.append(
            Statistics(
                self._first + interface,
                clock.time_ns(high, low),
                counts.get(blocks.ISB_RECEIVED),
                counts.get(blocks.ISB_DROPPED),
            )
        )


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
