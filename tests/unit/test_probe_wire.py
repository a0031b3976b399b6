"""What the probe packs, and what it puts on a wire."""

from __future__ import annotations

import pytest

from testbed import packets
from testbed.probe import frames
from testbed.probe.marks import Mark, read_mark
from testbed.probe.wire import CHECKSUM_PENDING, HEADER, OUTGOING, unpack

CLIENT, SERVER = ("172.16.10.10", 40000), ("172.16.20.10", 8888)
MAC, OTHER = "02:42:ac:10:0a:0a", "02:42:ac:10:0a:0b"


def test_a_batch_gives_back_its_frames() -> None:
    """Frames cross the channel unchanged, empty ones and those with odd lengths too."""
    given = [(1, 0, OUTGOING, 60, b"x" * 60), (2, 3, CHECKSUM_PENDING, 9000, b"abc"), (3, 0, 0, 0, b"")]
    batch = b"".join(HEADER.pack(*one[:4], len(one[4])) + one[4] for one in given)
    assert list(unpack(batch)) == given


def test_a_marker_says_who_sent_it_where_and_when_in_the_run() -> None:
    """A marker frame is read back from any vantage point, in spite of the padding."""
    mark = Mark("4f1c", 3, "begin", "client", "lan-a")
    frame = mark.frame(bytes.fromhex(MAC.replace(":", "")))
    assert read_mark(frame) == mark
    assert len(frame) >= 60
    ethernet = packets.decode(frame).ethernet
    assert ethernet is not None
    assert (ethernet.source, ethernet.destination, ethernet.ethertype) == (MAC, "ff:ff:ff:ff:ff:ff", 0x88B5)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff" * 60,
        b"\xff" * 6 + b"\0" * 6 + b"\x88\xb5" + b"somebody else's\n",
        b"\xff" * 6 + b"\0" * 6 + b"\x88\xb5testbed-mark run=1 n=two phase=begin node=a network=b\n",
        b"\xff" * 6 + b"\0" * 6 + b"\x88\xb5testbed-mark \xfe\xfe",
    ],
)
def test_what_is_no_marker_is_none(frame: bytes) -> None:
    """The private ethertype is anybody's: what is not ours is not taken for ours."""
    assert read_mark(frame) is None


def test_a_built_segment_is_a_right_one() -> None:
    """An injected segment has the flags, numbers and checksums that a kernel accepts."""
    segment = frames.tcp(CLIENT, SERVER, "SYN,ACK", 7, 9, options=b"\x02\x04\x05\xb4", payload=b"odd")
    frame = frames.ethernet(MAC, OTHER, 0x0800, frames.ipv4(CLIENT[0], SERVER[0], 6, segment, ttl=3))
    packet = packets.decode(frame)
    assert isinstance(packet.ip, packets.IPv4)
    assert packet.tcp is not None
    assert (packet.ip.ttl, packet.ip.checksum_ok) == (3, True)
    assert (packet.tcp.flag_names, packet.tcp.sequence, packet.tcp.acknowledgment) == ("SYN,ACK", 7, 9)
    assert (packet.tcp.checksum_ok, packet.tcp.mss, packet.payload) == (True, 1460, b"odd")


def test_a_built_datagram_is_a_right_one() -> None:
    """An injected datagram has the checksum that a kernel accepts."""
    datagram = frames.udp(CLIENT, SERVER, b"hello")
    frame = frames.ethernet(MAC, OTHER, 0x0800, frames.ipv4(CLIENT[0], SERVER[0], 17, datagram))
    packet = packets.decode(frame)
    assert packet.udp is not None
    assert (packet.udp.checksum_ok, packet.payload) == (True, b"hello")


def test_a_built_question_is_one() -> None:
    """An injected ARP request asks for the address that was given."""
    asked = frames.arp(1, (MAC, CLIENT[0]), ("00:00:00:00:00:00", SERVER[0]))
    arp = packets.decode(frames.ethernet(MAC, frames.BROADCAST, 0x0806, asked)).arp
    assert arp is not None
    assert (arp.operation, arp.sender_mac, str(arp.target_ip)) == (1, MAC, SERVER[0])


@pytest.mark.parametrize("options", [b"\x01", b"\x01" * 44])
def test_options_that_no_header_can_hold_are_refused(options: bytes) -> None:
    """A TCP header counts in words of four bytes, and holds ten of them beside its own five."""
    with pytest.raises(ValueError, match="multiple of four"):
        frames.tcp(CLIENT, SERVER, "SYN", options=options)
