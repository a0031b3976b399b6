"""Captures that others wrote: any byte order, any clock, blocks that we never write, the older format."""

from __future__ import annotations

import io
from struct import pack

import pytest

from testbed.errors import InvalidRecording
from testbed.pcapng import InterfaceBlock, Record, read, write

SECOND = 1_000_000_000


def block(order: str, kind: int, body: bytes) -> bytes:
    """A block, padded to whole words."""
    body += bytes(-len(body) % 4)
    return pack(order + "II", kind, len(body) + 12) + body + pack(order + "I", len(body) + 12)


def section(order: str) -> bytes:
    """A section header of open length."""
    return block(order, 0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def option(order: str, code: int, value: bytes) -> bytes:
    """An option, padded."""
    return pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str, name: bytes = b"", options: bytes = b"", snaplen: int = 0) -> bytes:
    """An Ethernet interface; without options its clock counts microseconds."""
    named = option(order, 2, name) if name else b""
    return block(order, 1, pack(order + "HHI", 1, 0, snaplen) + named + options)


def packet(order: str, units: int, data: bytes, number: int = 0) -> bytes:
    """A frame, `units` of its interface's clock after 1970."""
    head = pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(order, 6, head + data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    """A capture from a big-endian router is one, too."""
    options = option(order, 3, b"described") + option(order, 9, b"\x09")
    raw = section(order) + interface(order, b"eth0", options) + packet(order, 5 * SECOND + 7, b"data")
    capture = read(io.BytesIO(raw))
    assert capture.interfaces == (InterfaceBlock("eth0", "described", 1, 0),)
    assert capture.records == [Record(0, 5 * SECOND + 7, b"data", 4)]


@pytest.mark.parametrize(
    ("resolution", "units", "nanoseconds"),
    [
        (None, 1_500_000, 1_500_000_000),  # microseconds, where nothing is said
        (b"\x06", 1_500_000, 1_500_000_000),
        (b"\x00", 3, 3 * SECOND),
        (b"\x03", 1500, 1_500_000_000),
        (b"\x0c", 1_500_000_000_000, 1_500_000_000),
        (b"\x8a", 1536, 1_500_000_000),  # 2**-10
        (b"\xa0", 3 << 31, 1_500_000_000),  # 2**-32, as NTP counts
        (b"\xff", 1, 0),
    ],
)
def test_any_clock_is_read(resolution: bytes | None, units: int, nanoseconds: int) -> None:
    """Powers of ten and of two."""
    options = option("<", 9, resolution) if resolution is not None else b""
    raw = section("<") + interface("<", options=options) + packet("<", units, b"x")
    assert read(io.BytesIO(raw)).records[0].time_ns == nanoseconds


def test_an_offset_of_the_clock_is_added() -> None:
    """if_tsoffset, in seconds."""
    options = option("<", 14, pack("<q", 100)) + option("<", 9, b"\x09")
    raw = section("<") + interface("<", options=options) + packet("<", 5, b"x")
    assert read(io.BytesIO(raw)).records[0].time_ns == 100 * SECOND + 5


def test_interfaces_of_several_sections_are_numbered_through() -> None:
    """`cat a.pcapng b.pcapng` is a capture, even if their byte orders differ."""
    one = section("<") + interface("<", b"a", option("<", 9, b"\x09")) + packet("<", 1, b"of a")
    two = section(">") + interface(">", b"b", option(">", 9, b"\x09")) + packet(">", 2, b"of b")
    capture = read(io.BytesIO(one + two))
    assert [(capture.interfaces[r.interface].name, r.time_ns, r.data) for r in capture.records] == [
        ("a", 1, b"of a"),
        ("b", 2, b"of b"),
    ]


def test_a_section_knows_no_interface_of_another() -> None:
    """Its frames cannot be of one."""
    with pytest.raises(InvalidRecording, match="interface 0"):
        read(io.BytesIO(section("<") + interface("<") + section("<") + packet("<", 1, b"x")))


def test_simple_packets_have_no_time() -> None:
    """And are cut at the snap length of the first interface."""
    raw = section("<") + interface("<", snaplen=4) + block("<", 3, pack("<I", 9) + b"nine")
    assert read(io.BytesIO(raw)).records == [Record(0, 0, b"nine", 9)]
    raw = section("<") + interface("<") + block("<", 3, pack("<I", 3) + b"abc")
    assert read(io.BytesIO(raw)).records == [Record(0, 0, b"abc", 3)]


def test_unknown_blocks_are_passed_over() -> None:
    """Name resolution, decryption secrets, and whatever comes."""
    raw = section("<") + interface("<") + block("<", 0x0BAD, b"whatever") + packet("<", 1, b"x")
    assert len(read(io.BytesIO(raw)).records) == 1


def test_several_comments_of_a_frame_are_lines() -> None:
    """And what we write in lines is several comments."""
    file = io.BytesIO()
    write(file, [InterfaceBlock("a")], [Record(0, 0, b"", 0, "one\ntwo")])
    assert file.getvalue().count(pack("<HH", 1, 3)) == 2
    assert read(io.BytesIO(file.getvalue())).records[0].comment == "one\ntwo"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_the_older_format_is_read(order: str, magic: int, unit: int) -> None:
    """Tcpdump writes it by default; microseconds and nanoseconds, both byte orders."""
    head = pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    frames = pack(order + "IIII", 5, 7, 4, 60) + b"data" + pack(order + "IIII", 6, 0, 0, 0)
    capture = read(io.BytesIO(head + frames))
    assert capture.interfaces == (InterfaceBlock("", "", 1, 65535),)
    assert capture.records == [Record(0, 5 * SECOND + 7 * unit, b"data", 60), Record(0, 6 * SECOND, b"", 0)]
    broken = read(io.BytesIO(head + frames[:18]))
    assert broken.records == []
    assert broken.truncated == "the capture breaks off in the frame at byte 24: 18 of 20 bytes are there"
    assert read(io.BytesIO(head + frames[:10])).truncated is not None
    assert read(io.BytesIO(head[:20])).truncated is not None
