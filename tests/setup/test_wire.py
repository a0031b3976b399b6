"""What the sidecar on the router prints about a frame."""

from __future__ import annotations

import importlib.util
import socket
import struct
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.setup.by_hand import ROOT


def load() -> ModuleType:
    """Load the program as a module: it belongs to an image, not to the package."""
    spec = importlib.util.spec_from_file_location("wire", ROOT / "images/probe/wire.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wire = load()
NEAR, FAR = socket.inet_aton("172.16.10.10"), socket.inet_aton("172.16.20.10")


def segment(source: bytes, target: bytes, numbers: tuple[int, int], flags: int, data: bytes = b"") -> bytes:
    """Build an IPv4 packet with TCP from port 40000 to 8888, or back."""
    ports = (40000, 8888) if source == NEAR else (8888, 40000)
    tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 64240, 0, 0) + data
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target)
    return header + tcp


def test_a_handshake_reads_from_zero() -> None:
    """Numbers count from the first of each direction, through the wrap at 2**32; padding is not data."""
    tcp = wire.Tcp()
    there, back = "172.16.10.10:40000 > 172.16.20.10:8888", "172.16.20.10:8888 > 172.16.10.10:40000"
    last = 2**32 - 1
    said = [
        tcp.describe(segment(NEAR, FAR, (last, 0), 0x02) + bytes(6)),
        tcp.describe(segment(FAR, NEAR, (7000, 0), 0x12)),
        tcp.describe(segment(NEAR, FAR, (0, 7001), 0x10)),
        tcp.describe(segment(NEAR, FAR, (0, 7001), 0x18, b"hi\n")),
        tcp.describe(segment(FAR, NEAR, (7001, 3), 0x11)),
    ]
    assert said == [
        f"{there}  ttl 64  SYN  seq 0",
        f"{back}  ttl 64  SYN,ACK  seq 0  ack 1",
        f"{there}  ttl 64  ACK  seq 1  ack 1",
        f"{there}  ttl 64  PSH,ACK  seq 1  ack 1  'hi\\n'",
        f"{back}  ttl 64  FIN,ACK  seq 1  ack 4",
    ]


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (1, "ARP who has 172.16.20.10? tell 172.16.10.10"),
        (2, "ARP 172.16.10.10 is at 02:00:00:00:00:0a"),
    ],
)
def test_arp(operation: int, said: str) -> None:
    """A request says who asks for whom, a reply who is where."""
    sender = bytes.fromhex("02000000000a")
    packet = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, sender, NEAR, bytes(6), FAR)
    assert wire.arp(packet) == said


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_stop_it(data: bytes, is_tcp: bool) -> None:
    """Whatever bytes arrive, a line or nothing is printed, never an error."""
    if is_tcp and len(data) > 10:
        data = b"\x45" + data[1:9] + b"\x06" + data[10:]
    wire.arp(data)
    wire.Tcp().describe(data)
