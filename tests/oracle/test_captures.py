"""tshark and our reader agree on whole captures, and tshark reads what we write."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from struct import pack

import pytest

from testbed.pcapng import InterfaceBlock, Record, Section, Statistics, write
from tests import frames_builder as build
from tests.golden.build import CAPTURES, FOLDER
from tests.oracle import tshark
from tests.oracle.compare import disagreements

FRAME = build.ethernet(build.ipv4(build.tcp(b"hello, world")))
TIME = 1_700_000_000_123_456_789


@pytest.mark.parametrize("name", CAPTURES)
def test_tshark_and_we_agree_on_the_golden_captures(name: str) -> None:
    """Frame by frame and field by field."""
    assert disagreements(FOLDER / name) == []


def test_a_wrong_decoder_would_be_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that never disagrees is none: a sequence number read wrongly is told, with its frame."""
    from testbed.packets import Packet, decode
    from tests.oracle import compare

    def wrong(data: bytes, linktype: int, original_length: int) -> Packet:
        packet = decode(data, linktype, original_length)
        if packet.tcp is not None:
            packet.tcp.sequence += 1
        return packet

    capture = tmp_path / "one.pcapng"
    write(capture, [InterfaceBlock("a")], [Record(0, TIME, FRAME, len(FRAME))])
    monkeypatch.setattr(compare, "decode", wrong)
    assert disagreements(capture) == [f"frame 1: tcp.seq_raw: ours [1001], tshark's [1000]; {FRAME.hex()}"]


def test_tshark_reads_names_comments_and_nanoseconds_back(tmp_path: Path) -> None:
    """What Wireshark shows is what we wrote: the comment on the frame that a verdict cites above all."""
    capture = tmp_path / "run.pcapng"
    write(
        capture,
        [InterfaceBlock("client:lan-a", "the client's end"), InterfaceBlock("server:lan-b")],
        [
            Record(0, TIME, FRAME, len(FRAME), "tcp.handshake: the SYN\na second line", "out"),
            Record(1, TIME + 1, FRAME[:60], 1500, None, "in"),
        ],
        section=Section(comment="why", hardware="hardware", os="system", application="testbed"),
        statistics=[Statistics(0, TIME + 2, 1, 0)],
    )
    fields = (
        "frame.interface_name", "frame.interface_description", "frame.time_epoch", "frame.comment",
        "frame.packet_flags_direction", "frame.len", "frame.cap_len",
    )  # fmt: skip
    first, second = tshark.rows(capture, fields)
    assert first["frame.interface_name"] == ["client:lan-a"]
    assert first["frame.interface_description"] == ["the client's end"]
    assert first["frame.time_epoch"] == ["1700000000.123456789"]
    assert first["frame.comment"] == ["tcp.handshake: the SYN", "a second line"]
    assert int(first["frame.packet_flags_direction"][0], 0) == 2
    assert second["frame.interface_name"] == ["server:lan-b"]
    assert second["frame.time_epoch"] == ["1700000000.123456790"]
    assert second["frame.comment"] == []
    assert int(second["frame.packet_flags_direction"][0], 0) == 1
    assert (second["frame.len"], second["frame.cap_len"]) == (["1500"], ["60"])


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="needs capinfos, of Wireshark")
def test_capinfos_reads_what_the_file_says_of_itself(tmp_path: Path) -> None:
    """Comment, hardware, system, program, and a statistics block for each interface that has one."""
    capture = tmp_path / "run.pcapng"
    write(
        capture,
        [InterfaceBlock("client:lan-a")],
        [Record(0, TIME, FRAME, len(FRAME))],
        section=Section("why", "hardware", "system", "testbed"),
        statistics=[Statistics(0, TIME + 2, 1, 0)],
    )
    told = subprocess.run(["capinfos", os.fspath(capture)], capture_output=True, text=True, check=True).stdout
    lines = {line.strip() for line in told.splitlines()}
    for one in ("Capture comment:     why", "Capture application: testbed", "Number of stat entries = 1"):
        assert one in lines, told


@pytest.mark.parametrize("linktype", [101, 113, 276])
def test_tshark_and_we_agree_on_captures_that_begin_with_something_else(
    tmp_path: Path, linktype: int
) -> None:
    """Raw IP, and what `tcpdump -i any` writes."""
    packet = build.ipv4(build.tcp(b"x"))
    header = {
        101: b"",
        113: pack("!HHH8sH", 0, 1, 6, bytes(8), build.IPV4),
        276: pack("!HHIHBB8s", build.IPV4, 0, 2, 1, 0, 6, bytes(8)),
    }[linktype]
    capture = tmp_path / "other.pcapng"
    frame = header + packet
    write(capture, [InterfaceBlock("any", linktype=linktype)], [Record(0, TIME, frame, len(frame))])
    assert disagreements(capture) == []


def test_what_versions_of_tshark_read_in_two_ways_is_forgiven(tmp_path: Path) -> None:
    """A checksum left to the card, and the time in a ping's data: a lab's captures are full of both."""
    pseudo = bytes((172, 16, 10, 10, 172, 16, 20, 10, 0, 6, 0, 21))
    offloaded = build.tcp(b"x", checksum=build.ones_complement(pseudo) ^ 0xFFFF)
    data = pack("<QQ", 1_700_000_000, 500_000) + bytes(range(16, 56))
    frames = [
        build.ethernet(build.ipv4(offloaded)),
        build.ethernet(build.ipv4(build.icmp(8, 0, b"\0\1\0\1", data), build.ICMP)),
    ]
    capture = tmp_path / "lab.pcapng"
    write(capture, [InterfaceBlock("a")], [Record(0, TIME, frame, len(frame)) for frame in frames])
    assert disagreements(capture) == []
