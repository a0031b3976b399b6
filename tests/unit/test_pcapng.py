"""Captures written, read back, and read from where others wrote them."""

from __future__ import annotations

import io
import os
import resource
from contextlib import suppress
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import InvalidRecording, StorageFull
from testbed.pcapng import InterfaceBlock, Reader, Record, Section, Statistics, read, write

TIME = 1_700_000_000_123_456_789
CLIENT = InterfaceBlock("client:lan-a", "the client's end", 1, 65535)
SERVER = InterfaceBlock("server:lan-b")
RECORDS = [
    Record(0, TIME, b"first", 5),
    Record(1, TIME + 1, b"second frame", 1500, "cut\nand told", "in"),
    Record(0, TIME + 2, b"", 0, None, "out"),
]


def written(*args: Any, **kwargs: Any) -> bytes:
    """What `write` makes of its arguments."""
    file = io.BytesIO()
    write(file, *args, **kwargs)
    return file.getvalue()


def test_what_is_written_is_read_back() -> None:
    """Names, nanoseconds, comments, directions, lengths, drops, and what the file says of itself."""
    section = Section("why it was made", "hardware", "system", "program")
    counted = [Statistics(0, TIME, 10, 0), Statistics(1, TIME, None, 3)]
    capture = read(io.BytesIO(written([CLIENT, SERVER], RECORDS, section=section, statistics=counted)))
    assert capture.interfaces == (CLIENT, SERVER)
    assert capture.records == RECORDS
    assert capture.section == section
    assert list(capture.statistics) == counted
    assert capture.truncated is None


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
comments = text.filter(lambda line: line and line.splitlines() == [line])
records = st.builds(
    lambda interface, time, data, cut, comment, direction: Record(
        interface, time, data, len(data) + cut, comment, direction
    ),
    st.integers(0, 2),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=40),
    st.integers(0, 9),
    st.none() | comments,
    st.sampled_from(("in", "out", None)),
)


@given(st.lists(records, max_size=8), st.lists(text, min_size=3, max_size=3))
def test_any_frames_survive_a_file(frames: list[Record], names: list[str]) -> None:
    """And the same frames make the same bytes."""
    interfaces = [InterfaceBlock(name) for name in names]
    raw = written(interfaces, frames)
    capture = read(io.BytesIO(raw))
    assert capture.records == frames
    assert [one.name for one in capture.interfaces] == names
    assert written(interfaces, frames) == raw


def test_nothing_of_the_clock_or_the_machine_gets_in() -> None:
    """The same run, the same bytes: 28 of the header, 28 + 8 of an interface, then the frames."""
    assert written([], []) == bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000")


def test_a_file_that_breaks_off_is_read_up_to_there() -> None:
    """A recorder that was killed leaves evidence; what is missing is told."""
    raw = written([CLIENT, SERVER], RECORDS)
    ends = {len(written([CLIENT, SERVER], RECORDS[:count])): count for count in range(4)}
    for length in range(28, len(raw) + 1):
        capture = read(io.BytesIO(raw[:length]))
        whole = max((count for end, count in ends.items() if end <= length), default=0)
        assert capture.records == RECORDS[:whole]
        boundaries = {28, *ends, len(written([CLIENT], []))}
        assert (capture.truncated is None) == (length in boundaries)
    capture = read(io.BytesIO(raw[:-1]))
    assert capture.truncated is not None
    assert "breaks off in the block at byte" in capture.truncated


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 not a capture", "it begins with 50 4b 03 04"),
        (b"\n", "it begins with 0a"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0????" + bytes(16), "byte-order magic 3f3f3f3f"),
        (written([], []) + pack("<III", 6, 8, 8), "a block of 8 bytes"),
        (written([], []) + pack("<III", 6, 0xFFFFFFFC, 0), "a block of 4294967292 bytes"),
        (written([], []) + pack("<III", 9, 12, 16), "a block of 12 bytes that ends with the length 16"),
        (written([], []) + pack("<IIIII", 6, 20, 0, 0, 20), "a packet block of 8 bytes"),
        (written([], []) + pack("<8I", 6, 32, 0, 0, 0, 0, 0, 32), "interface 0"),
        (written([], []) + pack("<8I", 6, 32, 0, 0, 0, 99, 99, 32), "a packet block's data of 0 bytes"),
        (written([], []) + pack("<5I", 1, 20, 1, 0xFFFF0002, 20), None),
        (written([], []) + pack("<6I", 1, 24, 1, 0, 0xFFFF0002, 24), "an option of 65535 bytes"),
        (b"\xd4\xc3\xb2\xa1" + bytes(20) + pack("<IIII", 0, 0, 1 << 30, 0), "a frame of 1073741824 bytes"),
    ],
)
def test_garbage_is_refused_with_what_was_given_and_what_is_allowed(raw: bytes, seen: str | None) -> None:
    """No struct.error, no MemoryError: a message that says where."""
    if seen is None:
        assert read(io.BytesIO(raw)).records == []
        return
    with pytest.raises(InvalidRecording) as caught:
        read(io.BytesIO(raw))
    assert seen in caught.value.seen
    assert caught.value.hint


@given(st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_no_file_makes_the_reader_fail_in_another_way(noise: bytes, at: int, replace: bool) -> None:
    """Noise behind a good beginning, or in the middle."""
    raw = written([CLIENT, SERVER], RECORDS)
    middle = (28, 100, 150, 250)[at]
    raw = raw[:middle] + noise + (raw[middle + len(noise) :] if replace else raw[middle:])
    with suppress(InvalidRecording):
        read(io.BytesIO(raw))


def test_frames_come_one_by_one(tmp_path: Path) -> None:
    """A capture larger than the memory can be gone through."""
    path = tmp_path / "large.pcapng"
    write(path, [CLIENT], (Record(0, TIME + number, bytes(1400), 1400) for number in range(50_000)))
    assert path.stat().st_size > 70_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Reader(path) as reader:
        assert sum(len(record.data) for record in reader) == 70_000_000
        assert reader.interfaces == [CLIENT]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 10_000  # KiB


def test_a_pipe_gives_frames_as_they_come() -> None:
    """`testbed capture -w - | testbed decode -` does not wait for the end."""
    raw = written([CLIENT], RECORDS[:1])
    given_end, taken_end = os.pipe()
    with os.fdopen(given_end, "rb") as source, os.fdopen(taken_end, "wb", buffering=0) as sink:
        sink.write(raw)
        with Reader(source) as reader:
            frames = iter(reader)
            assert next(frames).data == b"first"
            more = written([CLIENT], RECORDS[:1] * 2)[len(raw) :]
            sink.write(more)
            assert next(frames).data == b"first"
            sink.close()
            assert list(frames) == []


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Half a capture never bears the name of a whole one."""
    path = tmp_path / "run.pcapng"
    write(path, [CLIENT], RECORDS[:1])
    before = path.read_bytes()
    wrong = [*RECORDS[:1], Record(7, TIME, b"", 0)]
    with pytest.raises(InvalidRecording, match=r"interface 7; 0 to 0 allowed"):
        write(path, [CLIENT], wrong)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        (Record(0, -1, b"", 0), "time -1 ns; 0 to 2**64 - 1 allowed"),
        (Record(0, 2**64, b"", 0), "time 18446744073709551616 ns; 0 to 2**64 - 1 allowed"),
        (Record(0, 0, b"abc", 2), "original length 2; at least 3 allowed"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(record: Record, seen: str) -> None:
    """Before it is written as something else."""
    with pytest.raises(InvalidRecording) as caught:
        written([CLIENT], [record])
    assert caught.value.seen == seen


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do, and nothing left behind."""
    path = tmp_path / "run.pcapng"
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args, **kwargs: real(Path("/dev/full"), *args, **kwargs))
    with pytest.raises(StorageFull) as caught:
        write(path, [CLIENT], RECORDS)
    assert str(path) in caught.value.attempted
    assert "room" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_comment_that_is_too_long_is_cut_at_a_whole_character() -> None:
    """An option holds 65535 bytes."""
    capture = read(io.BytesIO(written([CLIENT], [Record(0, TIME, b"", 0, "é" * 40_000)])))
    assert capture.records[0].comment == "é" * 32767
