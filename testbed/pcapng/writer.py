"""Writing pcapng: one section, one interface block for each vantage point, times in nanoseconds.

The same input gives the same bytes: nothing of the clock or the machine gets in by itself.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from testbed.errors import InvalidRecording, StorageFull
from testbed.pcapng import blocks
from testbed.pcapng.blocks import InterfaceBlock, Record, Section, Statistics

_BLOCK: Final = Struct("<II").pack
_OPTION: Final = Struct("<HH").pack
_WORD: Final = Struct("<I").pack
_COUNT: Final = Struct("<Q").pack
_SECTION: Final = Struct("<IHHq").pack
_INTERFACE: Final = Struct("<HHI").pack
_TIMED: Final = Struct("<III").pack
_PACKET: Final = Struct("<IIIIIII").pack
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_LONGEST_OPTION: Final = 0xFFFF
_LATEST: Final = 1 << 64


def write(
    target: str | os.PathLike[str] | BinaryIO,
    interfaces: Sequence[InterfaceBlock],
    packets: Iterable[Record],
    *,
    section: Section | None = None,
    statistics: Iterable[Statistics] = (),
) -> None:
    """Write a capture; a file appears under its name only when it is whole.

    packets are consumed one by one and written in their order. Raises InvalidRecording for an
    interface that is not there, a time outside of 64 bits, or an original length that is too small;
    StorageFull if there is no room left.
    """
    if isinstance(target, (str, os.PathLike)):
        with _whole_file(Path(target)) as file:
            _write(file, interfaces, packets, section or Section(), statistics)
    else:
        _write(target, interfaces, packets, section or Section(), statistics)


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("wb", buffering=1 << 18) as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"write {path}", exc.strerror or str(exc), "free some room, or choose another place"
            ) from exc
        raise


def _write(
    file: BinaryIO,
    interfaces: Sequence[InterfaceBlock],
    packets: Iterable[Record],
    section: Section,
    statistics: Iterable[Statistics],
) -> None:
    file.write(section_block(section))
    file.writelines(interface_block(interface) for interface in interfaces)
    count = len(interfaces)
    for packet in packets:
        _refuse_wrong(packet.interface, packet.time_ns, count)
        file.write(packet_block(packet))
    for one in statistics:
        _refuse_wrong(one.interface, one.time_ns, count)
        file.write(statistics_block(one))


def _refuse_wrong(interface: int, time_ns: int, count: int) -> None:
    if not 0 <= interface < count:
        raise InvalidRecording("write a capture", f"interface {interface}; 0 to {count - 1} allowed")
    if not 0 <= time_ns < _LATEST:
        raise InvalidRecording("write a capture", f"time {time_ns} ns; 0 to 2**64 - 1 allowed")


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return _BLOCK(kind, length) + body + _WORD(length)


def _option(code: int, value: bytes) -> bytes:
    return _OPTION(code, len(value)) + value + _PADDING[len(value) & 3]


def _text(code: int, text: str) -> bytes:
    """An option that holds text: none for an empty one; cut, at a whole character, where too long."""
    if not text:
        return b""
    raw = text.encode("utf-8", "replace")
    if len(raw) > _LONGEST_OPTION:
        raw = raw[:_LONGEST_OPTION].decode("utf-8", "ignore").encode()
    return _option(code, raw)


def _end(options: bytes) -> bytes:
    return options + _OPTION(blocks.END_OF_OPTIONS, 0) if options else b""


def section_block(section: Section) -> bytes:
    """The section header, with which a file begins; its length is left open."""
    options = (
        _text(blocks.COMMENT, section.comment)
        + _text(blocks.SHB_HARDWARE, section.hardware)
        + _text(blocks.SHB_OS, section.os)
        + _text(blocks.SHB_APPLICATION, section.application)
    )
    return _block(blocks.SECTION, _SECTION(blocks.BYTE_ORDER, 1, 0, -1) + _end(options))


def interface_block(interface: InterfaceBlock) -> bytes:
    """The description of one vantage point; its times are nanoseconds."""
    options = (
        _text(blocks.IF_NAME, interface.name)
        + _text(blocks.IF_DESCRIPTION, interface.description)
        + _option(blocks.IF_RESOLUTION, b"\x09")
    )
    return _block(blocks.INTERFACE, _INTERFACE(interface.linktype, 0, interface.snaplen) + _end(options))


def packet_block(packet: Record) -> bytes:
    """One frame. Each line of its comment becomes a comment of its own."""
    data = packet.data
    captured = len(data)
    if packet.original_length < captured:
        raise InvalidRecording(
            "write a capture", f"original length {packet.original_length}; at least {captured} allowed"
        )
    options = b""
    if packet.comment:
        options = b"".join(_text(blocks.COMMENT, line) for line in packet.comment.splitlines())
    if packet.direction is not None:
        options += _option(blocks.EPB_FLAGS, _WORD(blocks.FLAG_OF_DIRECTION[packet.direction]))
    tail = _PADDING[captured & 3] + _end(options)
    length = captured + len(tail) + 32
    high, low = packet.time_ns >> 32, packet.time_ns & 0xFFFFFFFF
    head = _PACKET(
        blocks.ENHANCED_PACKET, length, packet.interface, high, low, captured, packet.original_length
    )
    return head + data + tail + _WORD(length)


def statistics_block(statistics: Statistics) -> bytes:
    """What was received and dropped at one vantage point."""
    options = b""
    if statistics.received is not None:
        options += _option(blocks.ISB_RECEIVED, _COUNT(statistics.received))
    if statistics.dropped is not None:
        options += _option(blocks.ISB_DROPPED, _COUNT(statistics.dropped))
    time = statistics.time_ns
    head = _TIMED(statistics.interface, time >> 32, time & 0xFFFFFFFF)
    return _block(blocks.STATISTICS, head + _end(options))
