"""Frames for tests, built from the standards and from nothing of the package's.

Each function takes what it carries first and returns bytes, so that a frame is read inside out:

    ethernet(ipv4(tcp(b"hello", flags=SYN), protocol=TCP))

What a header claims (lengths, checksums) is right unless it is given.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import pack

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AH, NO_NEXT, DESTINATION = 0, 43, 44, 51, 59, 60
ARP, IPV4, IPV6, VLAN, QINQ, MARKER = 0x0806, 0x0800, 0x86DD, 0x8100, 0x88A8, 0x88B5
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))

CLIENT_MAC = "02:42:ac:10:0a:0a"
ROUTER_MAC = "02:42:ac:10:0a:01"
CLIENT = "172.16.10.10"
SERVER = "172.16.20.10"
CLIENT6 = "fd00:10::10"
SERVER6 = "fd00:20::10"

Address = str | IPv4Address | IPv6Address


def mac(text: str) -> bytes:
    """Six bytes."""
    return bytes.fromhex(text.replace(":", ""))


def ones_complement(data: bytes) -> int:
    """The Internet checksum as RFC 1071 §4.1 computes it: word by word, carries folded in."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | data[at + 1]
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _over_ip(source: Address, destination: Address, protocol: int, segment: bytes) -> int:
    """A checksum of a segment and the header that is pretended to stand before it."""
    ends = ip_address(source).packed + ip_address(destination).packed
    length = pack("!I", len(segment))
    return ones_complement(ends + length + bytes((0, 0, 0, protocol)) + segment)


def ethernet(
    payload: bytes,
    ethertype: int = IPV4,
    *,
    source: str = CLIENT_MAC,
    destination: str = ROUTER_MAC,
    tags: tuple[tuple[int, int], ...] = (),
    pad: int = 0,
) -> bytes:
    """tags: pairs of (tag protocol, 16-bit tag), outermost first. pad: bytes the frame has at least."""
    middle = b"".join(pack("!HH", protocol, tag) for protocol, tag in tags)
    frame = mac(destination) + mac(source) + middle + pack("!H", ethertype) + payload
    return frame.ljust(pad, b"\0")


def llc(payload: bytes, *, length: int | None = None) -> bytes:
    """An IEEE 802.3 frame to the bridges' group address, with its length where the Ethertype stands."""
    size = len(payload) if length is None else length
    return ethernet(payload, size, destination="01:80:c2:00:00:00")


def arp(
    operation: int,
    sender: tuple[str, str] = (CLIENT_MAC, CLIENT),
    target: tuple[str, str] = ("00:00:00:00:00:00", "172.16.10.1"),
) -> bytes:
    """sender, target: pairs of MAC and IPv4 address."""
    addresses = b"".join(mac(one[0]) + ip_address(one[1]).packed for one in (sender, target))
    return pack("!HHBBH", 1, IPV4, 6, 4, operation) + addresses


def ipv4(
    payload: bytes,
    protocol: int = TCP,
    *,
    source: Address = CLIENT,
    destination: Address = SERVER,
    ttl: int = 64,
    tos: int = 0,
    identification: int = 0,
    flags: int = 0x4000,
    options: bytes = b"",
    total_length: int | None = None,
    header_words: int | None = None,
    version: int = 4,
    checksum: int | None = None,
) -> bytes:
    """flags: the 16 bits of flags and fragment offset. options: padded to whole words with zeros."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if header_words is None else header_words
    total = 20 + len(options) + len(payload) if total_length is None else total_length
    first = pack("!BBHHHBB", version << 4 | words, tos, total, identification, flags, ttl, protocol)
    ends = ip_address(source).packed + ip_address(destination).packed
    check = ones_complement(first + ends + options) if checksum is None else checksum
    return first + pack("!H", check) + ends + options + payload


def ipv6(
    payload: bytes,
    next_header: int = TCP,
    *,
    source: Address = CLIENT6,
    destination: Address = SERVER6,
    hop_limit: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
    payload_length: int | None = None,
    version: int = 6,
) -> bytes:
    """payload: extension headers and what follows them."""
    length = len(payload) if payload_length is None else payload_length
    word = version << 28 | traffic_class << 20 | flow_label
    ends = ip_address(source).packed + ip_address(destination).packed
    return pack("!IHBB", word, length, next_header, hop_limit) + ends + payload


def extension(payload: bytes, next_header: int, body: bytes = b"\1\4\0\0\0\0") -> bytes:
    """A hop-by-hop or destination options header, or a routing header; body: padded to 8n + 6 bytes."""
    body += bytes(-(len(body) + 2) % 8)
    return pack("!BB", next_header, (len(body) + 2) // 8 - 1) + body + payload


def fragment(payload: bytes, next_header: int, offset: int, *, more: bool, identification: int = 1) -> bytes:
    """An IPv6 fragment header; offset: bytes, a multiple of 8."""
    return pack("!BxHI", next_header, offset | more, identification) + payload


def authentication(payload: bytes, next_header: int, value: bytes = bytes(12)) -> bytes:
    """An authentication header (RFC 4302); value: a multiple of 4 bytes."""
    return pack("!BBHII", next_header, len(value) // 4 + 1, 0, 1, 1) + value + payload


def tcp(
    payload: bytes = b"",
    *,
    source_port: int = 43210,
    destination_port: int = 8888,
    sequence: int = 1000,
    acknowledgment: int = 0,
    flags: int = SYN,
    window: int = 64240,
    urgent: int = 0,
    options: bytes = b"",
    header_words: int | None = None,
    checksum: int | None = None,
    ends: tuple[Address, Address] = (CLIENT, SERVER),
) -> bytes:
    """ends: the addresses that the checksum covers. options: padded to whole words with zeros."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if header_words is None else header_words
    start = pack(
        "!HHIIHH", source_port, destination_port, sequence, acknowledgment, words << 12 | flags, window
    )
    end = pack("!H", urgent) + options + payload
    check = _over_ip(*ends, TCP, start + b"\0\0" + end) if checksum is None else checksum
    return start + pack("!H", check) + end


def udp(
    payload: bytes = b"",
    *,
    source_port: int = 5353,
    destination_port: int = 9,
    length: int | None = None,
    checksum: int | None = None,
    ends: tuple[Address, Address] = (CLIENT, SERVER),
) -> bytes:
    """ends: the addresses that the checksum covers."""
    start = pack("!HHH", source_port, destination_port, 8 + len(payload) if length is None else length)
    check = _over_ip(*ends, UDP, start + b"\0\0" + payload) or 0xFFFF if checksum is None else checksum
    return start + pack("!H", check) + payload


def icmp(
    kind: int, code: int = 0, rest: bytes = bytes(4), payload: bytes = b"", checksum: int | None = None
) -> bytes:
    """rest: the second four bytes of the header."""
    start = pack("!BB", kind, code)
    check = ones_complement(start + b"\0\0" + rest + payload) if checksum is None else checksum
    return start + pack("!H", check) + rest + payload


def icmpv6(
    kind: int,
    code: int = 0,
    rest: bytes = bytes(4),
    payload: bytes = b"",
    checksum: int | None = None,
    ends: tuple[Address, Address] = (CLIENT6, SERVER6),
) -> bytes:
    """rest: the second four bytes of the header. ends: the addresses that the checksum covers."""
    start = pack("!BB", kind, code)
    check = _over_ip(*ends, ICMPV6, start + b"\0\0" + rest + payload) if checksum is None else checksum
    return start + pack("!H", check) + rest + payload


def option(kind: int, data: bytes = b"") -> bytes:
    """An option of IPv4 or TCP that has a length."""
    return pack("!BB", kind, len(data) + 2) + data


def padding6(size: int) -> bytes:
    """An option of `size` bytes of data that says nothing, for IPv6's extension headers."""
    return pack("!BB", 1, size) + bytes(size)
