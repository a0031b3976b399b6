"""Frames as hypothesis makes them: whole, cut by the capture, cut by the sender, and changed."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hypothesis import strategies as st

from tests import frames_builder as build


class Captured(NamedTuple):
    """A frame in a capture: what is there of it, and how long it was."""

    data: bytes
    original_length: int


bits8, bits16, bits32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
checksums = st.none() | bits16  # None is the right one
payloads = st.binary(max_size=40)
macs = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
addresses6 = st.integers(0, 2**128 - 1).map(IPv6Address)
quads = st.binary(min_size=4, max_size=4)

SIZES = ((2, 2), (3, 1), (4, 0), (5, 8), (5, 16), (5, 24), (8, 8), (19, 16), (28, 2), (34, 8), (34, 0))
STATEFUL = frozenset((20, 21, 22, 23, 24, 76, 78))
"""Kinds of TCP options that tshark reads by what it remembers of the connection (SCPS, Riverbed)."""


def _sized(kind: int, size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size).map(lambda data: build.option(kind, data))


tcp_option = st.one_of(
    st.just(b"\1"),
    st.just(b"\0"),
    *(_sized(kind, size) for kind, size in SIZES),
    st.builds(build.option, bits8.filter(lambda kind: kind not in STATEFUL), st.binary(max_size=12)),
    st.binary(min_size=1, max_size=6).filter(lambda raw: not STATEFUL.intersection(raw)),
)
ip_option = st.one_of(
    st.just(b"\1"),
    st.just(b"\0"),
    quads.map(lambda raw: build.option(7, b"\4" + raw)),
    quads.map(lambda raw: build.option(131, b"\4" + raw)),
    st.binary(min_size=2, max_size=2).map(lambda raw: build.option(148, raw)),
    st.builds(build.option, bits8, st.binary(max_size=12)),
)


def once(options: list[bytes]) -> bool:
    """No more than one source route: that is allowed once, and tshark makes something of each."""
    return sum(one[0] in (131, 137) for one in options) < 2


def fitting(one: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Options that fit behind a header: up to 40 bytes, the last one cut where it does not fit."""
    return st.lists(one, max_size=5).filter(once).map(lambda several: b"".join(several)[:40])


Ends = tuple[build.Address, build.Address]


@st.composite
def transports(draw: st.DrawFn, ends: Ends) -> tuple[int, bytes]:
    """TCP, UDP, or bytes of a protocol that is not decoded; with the protocol's number."""
    match draw(st.sampled_from(("tcp", "tcp", "tcp", "udp", "other"))):
        case "tcp":
            return build.TCP, build.tcp(
                draw(payloads),
                source_port=draw(bits16),
                destination_port=draw(bits16),
                sequence=draw(bits32),
                acknowledgment=draw(bits32),
                flags=draw(st.integers(0, 0xFFF)),
                window=draw(bits16),
                urgent=draw(bits16),
                options=draw(fitting(tcp_option)),
                header_words=draw(st.none() | st.integers(0, 15)),
                checksum=draw(checksums),
                ends=ends,
            )
        case "udp":
            return build.UDP, build.udp(
                draw(payloads),
                source_port=draw(bits16),
                destination_port=draw(bits16),
                length=draw(st.none() | st.integers(0, 60)),
                checksum=draw(checksums | st.just(0)),
                ends=ends,
            )
        case _:
            return draw(st.sampled_from((2, 47, 89, 132, 253))), draw(payloads)


@st.composite
def ipv4_packets(draw: st.DrawFn, *, errors: bool = True) -> bytes:
    """An IPv4 packet; errors: ICMP errors, which quote such a packet, may be in it."""
    source, destination = draw(addresses), draw(addresses)
    if draw(st.integers(0, 4)) == 0:
        protocol, payload = build.ICMP, draw(icmp_messages(errors=errors))
    else:
        protocol, payload = draw(transports((source, destination)))
    if draw(st.integers(0, 15)) == 0:
        protocol, payload = build.AH, build.authentication(payload, protocol)
    return build.ipv4(
        payload,
        protocol,
        source=source,
        destination=destination,
        ttl=draw(bits8),
        tos=draw(bits8),
        identification=draw(bits16),
        flags=draw(st.sampled_from((0, 0x4000)) | st.sampled_from((0, 0x2000, 0x2003, 0x0002, 0x8000))),
        options=draw(fitting(ip_option)) if draw(st.integers(0, 3)) == 0 else b"",
        total_length=draw(st.none() | st.none() | st.none() | st.integers(0, 120)),
        header_words=draw(st.none() | st.none() | st.none() | st.integers(0, 15)),
        checksum=draw(checksums),
    )


@st.composite
def icmp_messages(draw: st.DrawFn, *, errors: bool) -> bytes:
    """An ICMP message: an echo, an error that quotes a packet or the beginning of one, or any."""
    rest = draw(quads)
    if errors and draw(st.booleans()):
        kind, code = draw(st.sampled_from(((3, 3), (3, 4), (11, 0), (12, 0), (5, 1))))
        packet = draw(ipv4_packets(errors=False))
        body = packet[: draw(st.sampled_from((28, len(packet))))]
        return build.icmp(kind, code, rest if kind == 5 else b"\0\0" + rest[2:], body)
    return build.icmp(draw(st.sampled_from((0, 8))), draw(bits8), rest, draw(payloads), draw(checksums))


@st.composite
def icmpv6_messages(draw: st.DrawFn, ends: Ends, *, errors: bool) -> bytes:
    """An ICMPv6 message: an echo, an error with a quote, or neighbour discovery."""
    kind, code, rest = draw(st.sampled_from((128, 129, 135, 136, 133, 137))), 0, draw(quads)
    body = draw(payloads)
    if errors and draw(st.booleans()):
        kind, rest = draw(st.sampled_from((1, 2, 3, 4))), draw(quads)
        packet = draw(ipv6_packets(errors=False))
        body = packet[: draw(st.sampled_from((48, len(packet))))]
    elif kind >= 133:
        addresses_in = {133: 0, 135: 1, 136: 1, 137: 2}[kind]
        body = b"".join(draw(addresses6).packed for _ in range(addresses_in))
        for _ in range(draw(st.integers(0, 2))):
            head = draw(st.sampled_from((b"\1\1", b"\2\1", b"\5\1")))
            body += head + draw(st.binary(min_size=6, max_size=6))
    return build.icmpv6(kind, code, rest, body, draw(checksums), ends)


@st.composite
def ipv6_packets(draw: st.DrawFn, *, errors: bool = True) -> bytes:
    """An IPv6 packet with any extension headers, in any order."""
    source, destination = draw(addresses6), draw(addresses6)
    final = destination
    kinds = draw(st.lists(st.sampled_from((0, 60, 44, 43, 51)), max_size=3)) if draw(st.booleans()) else []
    routing = b""
    if build.ROUTING in kinds:
        via, left = draw(addresses6), draw(st.integers(0, 1))
        routing = bytes((draw(st.sampled_from((0, 2))), left, 0, 0, 0, 0)) + via.packed
        final = via if left else destination
    if draw(st.integers(0, 3)) == 0:
        protocol, payload = build.ICMPV6, draw(icmpv6_messages((source, final), errors=errors))
    else:
        protocol, payload = draw(transports((source, final)))
    for kind in reversed(kinds):
        if kind == build.FRAGMENT:
            offset = draw(st.sampled_from((0, 0, 0, 8, 1480)))
            more, identification = draw(st.booleans()), draw(bits32)
            payload = build.fragment(payload, protocol, offset, more=more, identification=identification)
        elif kind == build.AH:
            payload = build.authentication(payload, protocol)
        elif kind == build.ROUTING:
            payload = build.extension(payload, protocol, routing)
        else:
            size = draw(st.sampled_from((4, 12)))
            payload = build.extension(payload, protocol, build.padding6(size))
        protocol = kind
    return build.ipv6(
        payload,
        protocol,
        source=source,
        destination=destination,
        hop_limit=draw(bits8),
        traffic_class=draw(bits8),
        flow_label=draw(st.integers(0, 0xFFFFF)),
        payload_length=draw(st.none() | st.none() | st.integers(0, 120)),
    )


@st.composite
def whole_frames(draw: st.DrawFn) -> bytes:
    """An Ethernet frame as its sender meant it, though some of what it claims may be wrong."""
    match draw(st.sampled_from(("ipv4", "ipv4", "ipv6", "ipv6", "arp", "llc", "other"))):
        case "ipv4":
            ethertype, payload = build.IPV4, draw(ipv4_packets())
        case "ipv6":
            ethertype, payload = build.IPV6, draw(ipv6_packets())
        case "arp":
            ends = st.tuples(macs, addresses.map(str))
            ethertype, payload = build.ARP, build.arp(draw(bits16), draw(ends), draw(ends))
        case "llc":
            payload = draw(payloads)
            ethertype = draw(st.just(len(payload)) | st.integers(0, 60))
        case _:
            ethertype, payload = build.MARKER, draw(payloads)
    tags = st.tuples(st.sampled_from((build.VLAN, build.QINQ)), bits16)
    return build.ethernet(
        payload,
        ethertype,
        source=draw(macs),
        destination=draw(macs),
        tags=tuple(draw(st.lists(tags, max_size=2))) if draw(st.integers(0, 3)) == 0 else (),
        pad=draw(st.sampled_from((0, 60))),
    )


@st.composite
def frames(draw: st.DrawFn) -> Captured:
    """A frame: whole, or with what a capture, a sender or a bad wire does to it."""
    frame = draw(whole_frames())
    match draw(st.sampled_from(("whole", "whole", "snapped", "short", "flipped"))):
        case "snapped":
            return Captured(frame[: draw(st.integers(0, len(frame)))], len(frame))
        case "short":
            frame = frame[: draw(st.integers(14, len(frame)))]
        case "flipped":
            at = draw(st.integers(12, len(frame) - 1))
            frame = frame[:at] + bytes((draw(bits8),)) + frame[at + 1 :]
    return Captured(frame, len(frame))
