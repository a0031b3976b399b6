#!/usr/bin/env python3
"""Print the ARP and TCP packets on every leg of this network namespace, one line for each.

    lan-a     1.3  02:42:ac:10:0a:0a > ff:ff:ff:ff:ff:ff  ARP who has 172.16.10.1? tell 172.16.10.10

A line has the leg, the time in milliseconds since the first packet, the two MAC addresses of the
frame, and what the frame carries. The sequence and acknowledgment numbers of TCP are counted from
the first one seen in each direction, so that a handshake reads 0, then 0 and 1, then 1 and 1.

WIRE_LEGS names the legs by subnet: "lan-a=172.16.10.0/24 lan-b=172.16.20.0/24". The names of the
interfaces would not do: their order is not fixed. Needs NET_RAW, and nothing but standard Python.
"""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import signal
import socket
import struct
import sys
import time

ETH_P_ALL, ETH_P_ARP, ETH_P_IP = 0x0003, 0x0806, 0x0800
SIOCGIFADDR = 0x8915
FLAGS = ((0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (0x10, "ACK"))

PAUSE = 0.1  # seconds of silence after which an empty line sets off what follows

Stream = tuple[bytes, int, bytes, int]


def address(raw: bytes) -> str:
    """Write four bytes as an IPv4 address."""
    return socket.inet_ntoa(raw)


def mac(raw: bytes) -> str:
    """Write six bytes as a MAC address."""
    return raw.hex(":")


def arp(packet: bytes) -> str | None:
    """Say what an ARP packet asks or answers (RFC 826)."""
    if len(packet) < 28:
        return None
    operation, sender_mac, sender, _, target = struct.unpack("!6xH6s4s6s4s", packet[:28])
    if operation == 1:
        return f"ARP who has {address(target)}? tell {address(sender)}"
    return f"ARP {address(sender)} is at {mac(sender_mac)}"


class Tcp:
    """Says what TCP segments do; remembers where the numbers of each direction begin."""

    def __init__(self) -> None:
        self.first: dict[Stream, int] = {}

    def describe(self, packet: bytes) -> str | None:
        """Say what an IPv4 packet with TCP carries; None for any other (RFC 791, RFC 9293)."""
        if len(packet) < 20 or packet[9] != socket.IPPROTO_TCP:
            return None
        header = (packet[0] & 0x0F) * 4
        total = struct.unpack_from("!H", packet, 2)[0]  # what lies beyond it is padding
        segment = packet[header:total]
        if len(segment) < 20:
            return None
        source, target = packet[12:16], packet[16:20]
        sport, dport, sequence, acknowledgment, offset, flags = struct.unpack_from("!HHIIBB", segment)
        there, back = (source, sport, target, dport), (target, dport, source, sport)
        if flags & 0x02:  # a new connection: its numbers begin here
            self.first[there] = sequence
        words = [f"{address(source)}:{sport} > {address(target)}:{dport}", f"ttl {packet[8]}"]
        words.append(",".join(name for bit, name in FLAGS if flags & bit))
        words.append(f"seq {(sequence - self.first.setdefault(there, sequence)) % 2**32}")
        if flags & 0x10:
            words.append(f"ack {(acknowledgment - self.first.setdefault(back, acknowledgment)) % 2**32}")
        data = segment[(offset >> 4) * 4 :]
        if data:
            words.append(f"{data.decode(errors='backslashreplace')!r:.40}")
        return "  ".join(words)


class Legs:
    """Names interfaces after the subnet that their address is in."""

    def __init__(self, wanted: str) -> None:
        """Take what WIRE_LEGS says: "lan-a=172.16.10.0/24 lan-b=172.16.20.0/24"."""
        pairs = (entry.partition("=") for entry in wanted.split())
        self.subnets = {ipaddress.ip_network(subnet): name for name, _, subnet in pairs}
        self.known: dict[str, str] = {}

    def name(self, interface: str) -> str:
        """Name one interface; by its own name as long as no subnet holds its address.

        The router exchanges its addresses while it starts, so only a hit is remembered.
        """
        if interface not in self.known:
            own = own_address(interface)
            hits = [name for subnet, name in self.subnets.items() if own and own in subnet]
            if not hits:
                return interface
            self.known[interface] = hits[0]
        return self.known[interface]


def own_address(interface: str) -> ipaddress.IPv4Address | None:
    """Ask the kernel for an interface's IPv4 address; None if it has none."""
    request = struct.pack("16s24x", interface.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, SIOCGIFADDR, request)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return None
            raise
    return ipaddress.IPv4Address(answer[20:24])


def watch(packets: socket.socket, legs: Legs) -> None:
    """Print a line for each ARP and TCP packet, for ever."""
    tcp = Tcp()
    begin = last = None
    while True:
        frame, (interface, protocol, *_) = packets.recvfrom(65535)
        if interface == "lo" or protocol not in (ETH_P_ARP, ETH_P_IP):
            continue
        what = (arp if protocol == ETH_P_ARP else tcp.describe)(frame[14:])
        if what is None:
            continue
        now = time.monotonic()
        if begin is None or last is None:
            begin = last = now
        if now - last > PAUSE:
            print()
        last = now
        elapsed = f"{(now - begin) * 1000:7.1f}"
        pair = f"{mac(frame[6:12])} > {mac(frame[0:6])}"
        print(f"{legs.name(interface)} {elapsed}  {pair}  {what}", flush=True)


def main() -> None:
    """Watch until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as packets:
        watch(packets, Legs(os.environ.get("WIRE_LEGS", "")))


if __name__ == "__main__":
    main()
