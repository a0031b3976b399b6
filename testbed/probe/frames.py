"""Frames built by hand, and put on a wire: stale SYNs, floods, what no kernel would send.

Every builder returns bytes; checksums are computed. Source addresses need not be one's own.
Sources: RFC 826, RFC 791, RFC 9293, RFC 768, RFC 1071.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import Agent

BROADCAST = "ff:ff:ff:ff:ff:ff"
FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}

_ARP = struct.Struct("!HHBBH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")


def mac_bytes(mac: str) -> bytes:
    """`02:42:ac:10:0a:0a` as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def checksum(data: bytes) -> int:
    """The Internet checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~int(total) & 0xFFFF


def ethernet(source: str, destination: str, ethertype: int, payload: bytes) -> bytes:
    """An Ethernet frame without its check sequence, filled up to 60 bytes."""
    frame = mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0")


def arp(operation: int, sender: tuple[str, str], target: tuple[str, str]) -> bytes:
    """An ARP packet; sender and target are (MAC, IPv4 address). operation: 1 asks, 2 answers."""
    ends = b"".join(mac_bytes(mac) + socket.inet_aton(address) for mac, address in (sender, target))
    return _ARP.pack(1, 0x0800, 6, 4, operation) + ends


def ipv4(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    ttl: int = 64,
    identification: int = 0,
    dont_fragment: bool = True,
) -> bytes:
    """An IPv4 packet without options."""
    ends = socket.inet_aton(source), socket.inet_aton(destination)
    fragment = 0x4000 if dont_fragment else 0
    fields = (0x45, 0, 20 + len(payload), identification, fragment, ttl, protocol)
    header = _IPV4.pack(*fields, 0, *ends)
    return _IPV4.pack(*fields, checksum(header), *ends) + payload


def _pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    return ends + struct.pack("!BBH", 0, protocol, length)


def tcp(
    source: tuple[str, int],
    destination: tuple[str, int],
    flags: str,
    sequence: int = 0,
    acknowledgment: int = 0,
    window: int = 65535,
    options: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    """A TCP segment between (address, port) pairs.

    flags: "SYN,ACK". options: as on the wire, 0 to 40 bytes, a multiple of four.
    """
    if len(options) % 4 or len(options) > 40:
        raise ValueError("TCP options are 0 to 40 bytes, a multiple of four")
    bits = sum(FLAG_BITS[name] for name in flags.split(",") if name)
    fields = (source[1], destination[1], sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF)
    rest = ((5 + len(options) // 4) << 4, bits, window)
    segment = _TCP.pack(*fields, *rest, 0, 0) + options + payload
    summed = checksum(_pseudo_header(source[0], destination[0], 6, len(segment)) + segment)
    return _TCP.pack(*fields, *rest, summed, 0) + options + payload


def udp(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """A UDP datagram between (address, port) pairs."""
    header = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    summed = checksum(_pseudo_header(source[0], destination[0], 17, 8 + len(payload)) + header + payload)
    return header[:6] + struct.pack("!H", summed or 0xFFFF) + payload


class Frames:
    """The operations `frames.*`."""

    def __init__(self, agent: Agent) -> None:
        del agent
        # One for each interface, kept: to close one takes the kernel some 15 ms.
        self._sockets: dict[str, socket.socket] = {}
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets.values():
            sock.close()

    def _socket(self, interface: str) -> socket.socket:
        with self._opening:
            if interface not in self._sockets:
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                sock.bind((interface, 0))
                self._sockets[interface] = sock
            return self._sockets[interface]

    def op_send(self, interface: str, frames: Sequence[bytes], count: int = 1, rate: float = 0.0) -> int:
        """Send frames in order, `count` times over; return how many were sent.

        rate: frames a second at most, 0 for as fast as it goes. What is late, on a busy machine, is not
        made up for: between two frames lies at least 1/rate. A full queue is waited for.
        """
        sock = self._socket(interface)
        due = 0.0
        for _ in range(count):
            for frame in frames:
                if rate:
                    time.sleep(max(0.0, due - time.monotonic()))
                sock.send(frame)
                due = time.monotonic() + 1 / rate if rate else 0.0
        return count * len(frames)
