"""Segments that are put on the wire again."""

from __future__ import annotations

import pytest

from testbed.packets import decode
from testbed.probe import frames
from testbed.scenarios.crafted import syn_again

MACS = "02:42:ac:10:0a:0a", "02:42:ac:10:0a:01"
OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")


def packet(segment: bytes, protocol: int = 6) -> bytes:
    """A frame from the client to the server's network."""
    datagram = frames.ipv4("172.16.10.10", "172.16.20.10", protocol, segment, identification=7)
    return frames.ethernet(*MACS, 0x0800, datagram)


def test_a_syn_is_sent_again_as_it_was_but_for_its_checksum() -> None:
    """One that was recorded before its card had filled in the checksum is whole again."""
    ends = ("172.16.10.10", 40000), ("172.16.20.10", 9003)
    syn = packet(frames.tcp(*ends, "SYN", sequence=2**32 - 1, window=64240, options=OPTIONS))
    unfinished = bytearray(syn)
    unfinished[50:52] = b"\x12\x34"
    tcp = decode(bytes(unfinished)).tcp
    assert tcp is not None
    assert tcp.checksum_ok is False
    assert syn_again(bytes(unfinished)) == syn


def test_what_is_no_tcp_is_refused() -> None:
    """A scenario that overheard something else is told what."""
    with pytest.raises(ValueError, match="UDP"):
        syn_again(packet(frames.udp(("172.16.10.10", 1), ("172.16.20.10", 2), b"x"), protocol=17))
