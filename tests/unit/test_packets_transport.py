"""TCP and UDP: fields, options of every kind, checksums that can and cannot be told."""

from __future__ import annotations

from struct import pack

import pytest

from testbed.packets import TCP, UDP, Packet, decode
from testbed.packets.checksum import checksum, folded, is_right
from tests import frames_builder as build


def segment(data: bytes, original_length: int | None = None) -> TCP:
    """The TCP header of an IPv4 packet with this segment."""
    packet = decode(build.ethernet(build.ipv4(data)), original_length=original_length)
    assert packet.tcp is not None
    return packet.tcp


def datagram(data: bytes) -> tuple[Packet, UDP]:
    """Decode an IPv4 packet with this datagram; with its UDP header."""
    packet = decode(build.ethernet(build.ipv4(data, build.UDP)))
    assert packet.udp is not None
    return packet, packet.udp


def test_a_tcp_header_is_read() -> None:
    """Every field of RFC 9293 §3.1; numbers as on the wire."""
    tcp = segment(
        build.tcp(
            b"hello", source_port=1, destination_port=2, sequence=0xFFFFFFFF, acknowledgment=7,
            flags=build.PSH | build.ACK | build.URG, window=512, urgent=3,
        )
    )  # fmt: skip
    assert (tcp.source_port, tcp.destination_port) == (1, 2)
    assert (tcp.sequence, tcp.acknowledgment) == (0xFFFFFFFF, 7)
    assert (tcp.window, tcp.urgent, tcp.header_length, tcp.length) == (512, 3, 20, 5)
    assert (tcp.psh, tcp.ack, tcp.urg) == (True, True, True)
    assert (tcp.syn, tcp.fin, tcp.rst) == (False, False, False)
    assert tcp.flag_names == "PSH,ACK,URG"
    assert tcp.checksum_ok
    assert not tcp.checksum_offloaded


def test_flags_are_named_as_they_are_spoken_of() -> None:
    """It is a SYN-ACK and a FIN-ACK, not an ACK-SYN."""
    assert segment(build.tcp(flags=build.SYN | build.ACK)).flag_names == "SYN,ACK"
    assert segment(build.tcp(flags=build.FIN | build.ACK)).flag_names == "FIN,ACK"
    assert segment(build.tcp(flags=build.RST)).flag_names == "RST"
    assert segment(build.tcp(flags=0)).flag_names == ""
    assert segment(build.tcp(flags=0x1FF)).flag_names == "SYN,FIN,RST,PSH,ACK,URG,ECE,CWR,AE"


def test_options_of_a_syn_are_read() -> None:
    """As Linux writes them: MSS, SACK permitted, timestamps, no operation, window scale."""
    raw = (
        build.option(2, pack("!H", 1460)) + build.option(4) + build.option(8, pack("!II", 1000, 0))
        + b"\1" + build.option(3, b"\x07")
    )  # fmt: skip
    tcp = segment(build.tcp(options=raw))
    assert [one.name for one in tcp.options] == ["mss", "sack-permitted", "timestamps", "nop", "window-scale"]
    assert (tcp.mss, tcp.window_scale, tcp.sack_permitted, tcp.timestamps) == (1460, 7, True, (1000, 0))
    assert tcp.sacks == ()
    assert tcp.header_length == 40


def test_a_segment_without_options_has_none() -> None:
    """Not zeros: None."""
    tcp = segment(build.tcp())
    assert (tcp.mss, tcp.window_scale, tcp.sack_permitted, tcp.timestamps) == (None, None, False, None)
    assert tcp.options == ()


def test_selective_acknowledgments_are_pairs_of_edges() -> None:
    """RFC 2018 §3."""
    tcp = segment(build.tcp(options=b"\1\1" + build.option(5, pack("!4I", 1, 2, 3, 4))))
    assert tcp.sacks == ((1, 2), (3, 4))


def test_other_kinds_of_options_are_kept_with_their_bytes() -> None:
    """MD5 (RFC 2385), fast open (RFC 7413), and one that nobody knows."""
    raw = build.option(19, bytes(range(16))) + build.option(34, b"12345678") + build.option(99, b"??")
    assert [(one.name, one.data) for one in segment(build.tcp(options=raw)).options[:3]] == [
        ("md5", bytes(range(16))), ("fast-open", b"12345678"), ("option-99", b"??"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (b"\x02\x03\x05\x01", "tcp: option mss: length 3, 4 allowed"),
        (b"\x05\x0c" + bytes(10), "tcp: option sack: length 12, 10 or 18 or 26 or 34 allowed"),
        (b"\x01\x01\x01\x08", "tcp: option timestamps: has no length"),
        (b"\x08\x0a\x00\x00", "tcp: option timestamps: length 10, 4 bytes left"),
        (b"\x08\x00\x00\x00", "tcp: option timestamps: length 0, 4 bytes left"),
    ],
)
def test_options_that_do_not_fit_are_malformed_and_no_exception(options: bytes, fault: str) -> None:
    """The header and the payload behind it are there."""
    packet = decode(build.ethernet(build.ipv4(build.tcp(b"data", options=options))))
    assert packet.malformed == fault
    assert packet.tcp is not None
    assert packet.payload == b"data"


def test_nothing_is_read_behind_the_end_of_the_options() -> None:
    """What follows are bytes to fill up."""
    tcp = segment(build.tcp(options=b"\0" + build.option(2, b"\5\xb4")))
    assert [one.name for one in tcp.options] == ["end"]
    assert tcp.mss is None


def test_a_changed_byte_makes_the_checksum_wrong() -> None:
    """Odd and even lengths."""
    for data in (b"", b"a", b"ab", b"abc"):
        assert segment(build.tcp(data)).checksum_ok is True
    frame = bytearray(build.ethernet(build.ipv4(build.tcp(b"abc"))))
    frame[-1] ^= 1
    tcp = decode(bytes(frame)).tcp
    assert tcp is not None
    assert tcp.checksum_ok is False


def test_a_checksum_left_to_the_card_is_known_as_such() -> None:
    """On virtual wires no card fills it in: every capture there is full of these."""
    pseudo = bytes((172, 16, 10, 10, 172, 16, 20, 10, 0, 6, 0, 25))
    tcp = segment(build.tcp(b"hello", checksum=folded(pseudo)))
    assert tcp.checksum_ok is False
    assert tcp.checksum_offloaded


def test_a_cut_capture_has_no_verdict_on_the_checksum() -> None:
    """The header is whole, the data is not."""
    frame = build.ethernet(build.ipv4(build.tcp(b"x" * 100)))
    packet = decode(frame[:80], original_length=len(frame))
    assert packet.truncated
    assert packet.malformed is None
    assert packet.tcp is not None
    assert packet.tcp.checksum_ok is None
    assert packet.tcp.length == 100
    assert packet.payload == b"x" * 26


def test_a_header_that_the_capture_cut_is_not_the_senders_fault() -> None:
    """Missing bytes are no contradiction; the ports are told where they are there."""
    frame = build.ethernet(build.ipv4(build.tcp(b"x")))
    packet = decode(frame[:40], original_length=len(frame))
    assert packet.tcp is None
    assert packet.malformed is None
    assert [layer.name for layer in packet.layers] == ["ethernet", "ipv4", "truncated"]
    assert packet.ports == (43210, 8888)
    assert decode(frame[:36], original_length=len(frame)).ports is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (build.tcp()[:12], "tcp: 12 bytes, at least 20 needed"),
        (build.tcp(header_words=4), "tcp: header length 16, at least 20 allowed"),
        (build.tcp(b"abc", header_words=8), "tcp: 23 bytes, at least 32 needed"),
    ],
)
def test_a_tcp_header_that_does_not_fit_is_malformed(data: bytes, fault: str) -> None:
    """Its bytes are marked so, and there is no header."""
    packet = decode(build.ethernet(build.ipv4(data)))
    assert packet.malformed == fault
    assert packet.tcp is None
    assert packet.layers[-1].name == "malformed"


def test_a_udp_header_is_read_and_its_length_ends_the_payload() -> None:
    """Bytes behind the length are nobody's."""
    packet, udp = datagram(build.udp(b"hello") + b"surplus")
    assert (udp.source_port, udp.destination_port, udp.length) == (5353, 9, 13)
    assert packet.payload == b"hello"
    assert packet.layers[-1].name == "padding"
    assert udp.checksum_ok is True


def test_over_ipv4_a_udp_checksum_may_be_left_out_and_over_ipv6_not() -> None:
    """RFC 768, RFC 8200 §8.1."""
    assert datagram(build.udp(b"x", checksum=0))[1].checksum_ok is None
    packet = decode(build.ethernet(build.ipv6(build.udp(b"x", checksum=0), build.UDP), build.IPV6))
    assert packet.udp is not None
    assert packet.udp.checksum_ok is False


@pytest.mark.parametrize(
    ("data", "fault", "kept"),
    [
        (build.udp()[:7], "udp: 7 bytes, at least 8 needed", False),
        (build.udp(length=7), "udp: length 7, at least 8 allowed", False),
        (build.udp(b"x", length=10), "udp: length 10, 9 bytes in the packet", True),
    ],
)
def test_a_udp_length_that_lies_is_malformed(data: bytes, fault: str, kept: bool) -> None:
    """One that is too long leaves a header to look at."""
    packet = decode(build.ethernet(build.ipv4(data, build.UDP)))
    assert packet.malformed == fault
    assert (packet.udp is not None) is kept


def test_the_checksum_is_that_of_rfc_1071() -> None:
    """The one division agrees with the sum word by word, on the standard's example and its corners."""
    example = bytes.fromhex("0001f203f4f5f6f7")
    assert folded(example) == 0xDDF2
    for data in (b"", b"\0", b"\0\0", b"\xff\xff", b"\xff\xff\0\1", b"odd", example):
        assert checksum(data) == build.ones_complement(data)
    assert is_right(b"\xff\xff")
    assert not is_right(b"\0\0")
