"""Make the golden captures anew, from bytes that the tests' own builder puts together.

    python -m tests.golden.build

Beside each capture lies a text: a line for each frame, as `Packet.summary` has it, with its vantage
point. A change in either is a change in what we write or read, and is to be looked at.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from struct import pack

from testbed.packets import decode
from testbed.pcapng import InterfaceBlock, Record, Section, Statistics, read, write
from tests import frames_builder as build

FOLDER = Path(__file__).parent
BEGIN = 1_700_000_000_000_000_000
STEP = 250_000  # nanoseconds between frames

CLIENT_END = InterfaceBlock("client:lan-a", "the client's end of the conversation")
SERVER_END = InterfaceBlock("server:lan-b", "the server's end of the conversation")
SERVER_MAC = "02:42:ac:10:14:0a"
FAR_ROUTER_MAC = "02:42:ac:10:14:01"
ENDS6 = (build.CLIENT6, build.SERVER6)
SYN_OPTIONS = (
    build.option(2, pack("!H", 1460)) + build.option(4) + build.option(8, pack("!II", 1, 0)) + b"\1"
    + build.option(3, b"\x07")
)  # fmt: skip


def capture(interfaces: list[InterfaceBlock], records: Iterable[Record], *counted: Statistics) -> bytes:
    """A file with these frames."""
    file = io.BytesIO()
    write(file, interfaces, records, section=Section("golden", application="testbed"), statistics=counted)
    return file.getvalue()


def conversation() -> bytes:
    """Ask for the router, connect across it, say hello, hear it, close: seen on both sides."""
    asked = build.ethernet(build.arp(1), build.ARP, destination="ff:ff:ff:ff:ff:ff")
    told_arp = build.arp(2, (build.ROUTER_MAC, "172.16.10.1"), (build.CLIENT_MAC, build.CLIENT))
    answered = build.ethernet(
        told_arp, build.ARP, source=build.ROUTER_MAC, destination=build.CLIENT_MAC, pad=60
    )
    frames = [
        (0, asked),
        (0, answered),
        *_crossing(100, flags=build.SYN),
        *_crossing(500, flags=build.SYN | build.ACK, acknowledgment=101, answer=True),
        *_crossing(101, acknowledgment=501),
        *_crossing(101, b"hello", flags=build.PSH | build.ACK, acknowledgment=501),
        *_crossing(501, b"hello", flags=build.PSH | build.ACK, acknowledgment=106, answer=True),
        *_crossing(106, flags=build.FIN | build.ACK, acknowledgment=506),
    ]
    records = [
        Record(interface, BEGIN + number * STEP, frame, len(frame))
        for number, (interface, frame) in enumerate(frames)
    ]
    records[0].comment = "arp.via-gateway: asks for the gateway"
    return capture([CLIENT_END, SERVER_END], records, Statistics(0, BEGIN + STEP * 99, 8, 0))


def _crossing(
    sequence: int, data: bytes = b"", flags: int = build.ACK, acknowledgment: int = 0, *, answer: bool = False
) -> list[tuple[int, bytes]]:
    """The same segment at both ends, in the order of its way: the MACs are others, the TTL one less."""
    ends = (build.SERVER, build.CLIENT) if answer else (build.CLIENT, build.SERVER)
    ports = {"source_port": 8888, "destination_port": 43210} if answer else {}
    options = SYN_OPTIONS if flags & build.SYN else b""
    segment = build.tcp(
        data,
        sequence=sequence,
        acknowledgment=acknowledgment,
        flags=flags,
        options=options,
        ends=ends,
        **ports,
    )
    sides = [(0, build.CLIENT_MAC, build.ROUTER_MAC), (1, FAR_ROUTER_MAC, SERVER_MAC)]
    if answer:
        sides = [(number, destination, source) for number, source, destination in reversed(sides)]
    frames: list[tuple[int, bytes]] = []
    for ttl, (interface, source, destination) in zip((64, 63), sides, strict=True):
        packet = build.ipv4(segment, source=ends[0], destination=ends[1], ttl=ttl)
        frames.append((interface, build.ethernet(packet, source=source, destination=destination)))
    return frames


def version6() -> bytes:
    """Neighbour discovery, an echo, TCP behind every extension header, fragments."""
    who = ip_address(build.SERVER6).packed
    tcp = build.tcp(b"six", ends=ENDS6, flags=build.ACK)
    inner = build.fragment(tcp, build.TCP, 0, more=False)
    chained = build.extension(build.extension(inner, build.FRAGMENT), build.DESTINATION)
    quote = build.ipv6(build.udp(b"?", ends=ENDS6), build.UDP)
    packets = [
        build.ipv6(build.icmpv6(135, payload=who + b"\1\1" + build.mac(build.CLIENT_MAC)), build.ICMPV6),
        build.ipv6(build.icmpv6(136, 0, b"\x60\0\0\0", who + b"\2\1" + build.mac(SERVER_MAC)), build.ICMPV6),
        build.ipv6(build.icmpv6(128, 0, b"\0\1\0\1", b"ping"), build.ICMPV6),
        build.ipv6(chained, build.HOP_BY_HOP),
        build.ipv6(build.fragment(build.udp(b"x" * 8, length=48, ends=ENDS6), build.UDP, 0, more=True), 44),
        build.ipv6(build.fragment(b"y" * 24, build.UDP, 16, more=False), 44),
        build.ipv6(build.icmpv6(1, 4, payload=quote), build.ICMPV6),
        build.ipv6(build.authentication(tcp, build.TCP), build.AH),
    ]
    return capture([CLIENT_END], _numbered(build.ethernet(packet, build.IPV6) for packet in packets))


def odd() -> bytes:
    """Tags, lengths, options, errors that quote; cut by the capture, cut by the sender, contradictory."""
    whole = build.ethernet(build.ipv4(build.tcp(b"x" * 60, options=SYN_OPTIONS)))
    quote = build.ipv4(build.udp(b"?"), build.UDP)
    frames = [
        build.ethernet(build.ipv4(build.udp(b"tagged"), build.UDP), tags=((build.VLAN, 0x2007),)),
        build.ethernet(build.ipv4(build.tcp()), tags=((build.QINQ, 100), (build.VLAN, 7))),
        build.llc(b"\x42\x42\x03" + bytes(35)).ljust(60, b"\0"),
        build.ethernet(build.ipv4(build.udp(b"routed"), build.UDP, options=build.option(148, b"\0\0"))),
        build.ethernet(build.ipv4(build.icmp(3, 3, payload=quote), build.ICMP)),
        build.ethernet(build.ipv4(build.icmp(11, payload=build.ipv4(build.tcp(b"x" * 99))[:28]), build.ICMP)),
        build.ethernet(build.ipv4(build.tcp(options=b"\x05\x0a" + bytes(8) + b"\x13\x12" + bytes(16)))),
        build.ethernet(build.ipv4(build.tcp(options=b"\x08\x0a\0\0"))),
        build.ethernet(build.ipv4(build.tcp(header_words=3))),
        build.ethernet(build.ipv4(build.udp(b"x", length=99), build.UDP)),
        build.ethernet(build.ipv4(build.udp(), build.UDP, total_length=300)),
        build.ethernet(build.ipv4(b"z" * 16, build.UDP, flags=2)),
        build.ethernet(build.ipv4(build.tcp(checksum=1), checksum=1)),
        build.ethernet(b"marker", build.MARKER),
        whole[:20],
        b"\x02",
    ]
    cut = Record(0, BEGIN + STEP * 99, whole[:60], len(whole), "the capture kept 60 bytes")
    return capture([CLIENT_END], [*_numbered(frames), cut])


def foreign() -> bytes:
    """The older format, from a machine of the other byte order, in microseconds."""
    frame = build.ethernet(build.ipv4(build.udp(b"old"), build.UDP))
    head = pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + pack(">IIII", BEGIN // 10**9, 123456, len(frame), len(frame)) + frame


def _numbered(frames: Iterable[bytes]) -> Iterable[Record]:
    return [Record(0, BEGIN + number * STEP, frame, len(frame)) for number, frame in enumerate(frames)]


CAPTURES: dict[str, Callable[[], bytes]] = {
    "conversation.pcapng": conversation,
    "version6.pcapng": version6,
    "odd.pcapng": odd,
    "foreign.pcap": foreign,
}
"""File -> what makes it."""


def told(raw: bytes) -> str:
    """A line for each frame: when, where, what."""
    content = read(io.BytesIO(raw))
    lines = [
        f"{record.time_ns - BEGIN:>9} {content.interfaces[record.interface].name or '-':<12} "
        f"{decode(record.data, original_length=record.original_length).summary()}\n"
        for record in content.records
    ]
    return "".join(lines)


def main() -> None:
    """Write all captures, and their texts beside them."""
    for name, make in CAPTURES.items():
        path = FOLDER / name
        path.write_bytes(make())
        path.with_suffix(".txt").write_text(told(path.read_bytes()), encoding="utf-8")


if __name__ == "__main__":
    main()
