"""What is compared: tshark's fields, how their text is read, and how our decoder tells the same.

A frame may hold a packet that quotes another (ICMP errors): tshark gives the values of both, the
outer first, and so do we.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from testbed.packets import ARP, ICMP, TCP, UDP, Ethernet, IPv4, IPv6, Option, Packet

Values = dict[str, list[object]]


def number(text: str) -> int:
    """Decimal or hexadecimal; of a flag 0, 1, False or True, as the version has it."""
    return int(text, 0) if text[0].isdigit() else ("False", "True").index(text)


def eights(text: str) -> object:
    """An offset, counted in units of eight bytes."""
    return int(text, 0) * 8


def nine_bits(text: str) -> object:
    """TCP's flags and the reserved bits above them, which we leave out."""
    return int(text, 0) & 0x1FF


def verdict(text: str) -> object:
    """State of a checksum: 0 bad, 1 good, 2 unverified, 3 not present, 4 illegal, 5 partial.

    Partial is the sum of the pseudo-header alone, as Linux leaves it to the card: wrong all the same.
    """
    return {0: False, 1: True, 2: None, 3: None, 4: False, 5: False}[int(text)]


def raw(text: str) -> object:
    """Bytes in hexadecimal."""
    return bytes.fromhex(text.replace(":", ""))


def as_it_is(text: str) -> object:
    """A MAC, or what only is there or not."""
    return text


_READ: Final[dict[Callable[[str], object], str]] = {
    as_it_is: "eth.dst eth.src arp.src.hw_mac arp.dst.hw_mac icmp.data_time",
    number: """
        eth.type eth.len vlan.id ieee8021ad.id ieee8021ad.svid ieee8021ad.cvid arp.opcode
        ip.version ip.hdr_len ip.dsfield ip.len ip.id ip.flags.df ip.flags.mf ip.ttl ip.proto
        ip.checksum ip.opt.type ip.opt.len
        ipv6.tclass ipv6.flow ipv6.plen ipv6.nxt ipv6.hlim ipv6.hopopts.nxt ipv6.dstopts.nxt
        ipv6.routing.nxt ipv6.routing.type ipv6.routing.segleft
        ipv6.fraghdr.nxt ipv6.fraghdr.more ipv6.fraghdr.ident ah.next_header
        icmp.type icmp.code icmp.checksum icmp.ident icmp.seq icmp.mtu
        icmpv6.type icmpv6.code icmpv6.checksum icmpv6.echo.identifier icmpv6.echo.sequence_number
        icmpv6.mtu icmpv6.opt.type
        udp.srcport udp.dstport udp.length udp.checksum
        tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.hdr_len tcp.window_size_value tcp.checksum
        tcp.urgent_pointer tcp.len tcp.option_kind tcp.option_len tcp.options.mss_val tcp.options.wscale.shift
        tcp.options.sack_le tcp.options.sack_re tcp.options.timestamp.tsval tcp.options.timestamp.tsecr
    """,
    eights: "ip.frag_offset ipv6.fraghdr.offset",
    nine_bits: "tcp.flags",
    verdict: """
        ip.checksum.status icmp.checksum.status icmpv6.checksum.status
        udp.checksum.status tcp.checksum.status
    """,
    ip_address: """
        arp.src.proto_ipv4 arp.dst.proto_ipv4 ip.src ip.dst ipv6.src ipv6.dst icmp.redir_gw
        icmpv6.nd.ns.target_address icmpv6.nd.na.target_address icmpv6.nd.rd.target_address
        icmpv6.rd.na.destination_address
    """,
    raw: """
        eth.padding eth.trailer udp.payload tcp.payload tcp.options.md5.digest tcp.options.tfo.cookie
        icmpv6.opt.src_linkaddr icmpv6.opt.target_linkaddr data.data
    """,
}
READERS: Final = {name: read for read, names in _READ.items() for name in names.split()}
"""tshark's field -> how its text is read."""

IP_OPTIONS: Final = frozenset((1, 7, 11, 12, 25, 68, 82, 130, 131, 133, 134, 136, 137, 148, 149))
"""Kinds of IPv4 options that tshark names; of others it tells no field."""

MULTIPATH: Final = 30
"""The TCP option that tshark takes apart as a protocol of its own, which is off."""


def ours(packet: Packet) -> Values:
    """The fields as our decoder has them, with those of a quoted packet behind them."""
    values: Values = defaultdict(list)
    for name, value in _link(packet):
        values[name].append(value)
    for one in chain(packet):
        for name, value in _layers(one):
            values[name].append(value)
    return values


def chain(packet: Packet) -> Iterator[Packet]:
    """A packet, and the one that it quotes."""
    one: Packet | None = packet
    while one is not None:
        yield one
        one = one.icmp.quoted if one.icmp is not None else None


def _link(packet: Packet) -> Iterator[tuple[str, object]]:
    """What the link layer has; no quoted packet has one."""
    if packet.ethernet is not None:
        yield from _ethernet(packet.ethernet)
        last = packet.layers[-1]
        if last.name == "padding":
            yield "eth.padding", packet.data[last.start :]
    if packet.arp is not None:
        yield from _arp(packet.arp)


def _layers(packet: Packet) -> Iterator[tuple[str, object]]:
    if isinstance(packet.ip, IPv4):
        yield from _ipv4(packet.ip)
    elif isinstance(packet.ip, IPv6):
        yield from _ipv6(packet.ip)
    if packet.icmp is not None:
        yield from _icmp(packet.icmp) if packet.icmp.version == 4 else _icmpv6(packet.icmp)
    if packet.udp is not None:
        yield from _udp(packet.udp)
    if packet.tcp is not None:
        yield from _tcp(packet.tcp)
        yield "tcp.len", packet.tcp.length
    transport = "udp" if packet.udp else "tcp" if packet.tcp else None
    if packet.payload:
        yield f"{transport}.payload" if transport else "data.data", packet.payload


def _ethernet(ethernet: Ethernet) -> Iterator[tuple[str, object]]:
    yield "eth.dst", ethernet.destination
    yield "eth.src", ethernet.source
    first = ethernet.tags[0].protocol if ethernet.tags else ethernet.ethertype
    yield "eth.len" if first < 0x600 else "eth.type", first
    for tag in ethernet.tags:
        yield "ieee8021ad.id" if tag.protocol == 0x88A8 else "vlan.id", tag.vlan


def _arp(arp: ARP) -> Iterator[tuple[str, object]]:
    yield "arp.opcode", arp.operation
    yield "arp.src.hw_mac", arp.sender_mac
    yield "arp.src.proto_ipv4", arp.sender_ip
    yield "arp.dst.hw_mac", arp.target_mac
    yield "arp.dst.proto_ipv4", arp.target_ip


def _ipv4(ip: IPv4) -> Iterator[tuple[str, object]]:
    yield "ip.version", ip.version
    yield "ip.hdr_len", ip.header_length
    yield "ip.dsfield", ip.tos
    yield "ip.len", ip.total_length
    yield "ip.id", ip.identification
    yield "ip.flags.df", ip.dont_fragment
    yield "ip.flags.mf", ip.more_fragments
    yield "ip.frag_offset", ip.fragment_offset
    yield "ip.ttl", ip.ttl
    yield "ip.proto", ip.protocol
    yield "ip.checksum", ip.checksum
    yield "ip.checksum.status", ip.checksum_ok
    yield "ip.src", ip.source
    yield "ip.dst", ip.final_destination
    for option in ip.options:
        if option.kind not in IP_OPTIONS:
            continue
        yield "ip.opt.type", option.kind
        if option.kind > 1:
            yield "ip.opt.len", len(option.data) + 2
    yield from _extensions(ip)


def _ipv6(ip: IPv6) -> Iterator[tuple[str, object]]:
    yield "ip.version", ip.version
    yield "ipv6.tclass", ip.traffic_class
    yield "ipv6.flow", ip.flow_label
    yield "ipv6.plen", ip.payload_length
    yield "ipv6.nxt", ip.next_header
    yield "ipv6.hlim", ip.hop_limit
    yield "ipv6.src", ip.source
    yield "ipv6.dst", ip.destination
    yield from _extensions(ip)


def _extensions(ip: IPv4 | IPv6) -> Iterator[tuple[str, object]]:
    names = {0: "ipv6.hopopts.nxt", 43: "ipv6.routing.nxt", 44: "ipv6.fraghdr.nxt", 51: "ah.next_header"}
    for extension in ip.extensions:
        yield names.get(extension.protocol, "ipv6.dstopts.nxt"), extension.next_header
        if extension.protocol == 43:
            yield "ipv6.routing.type", extension.data[2]
            yield "ipv6.routing.segleft", extension.data[3]
        if extension.protocol == 44:
            yield "ipv6.fraghdr.offset", extension.fragment_offset
            yield "ipv6.fraghdr.more", extension.more_fragments
            yield "ipv6.fraghdr.ident", extension.identification


def _icmp(icmp: ICMP) -> Iterator[tuple[str, object]]:
    yield "icmp.type", icmp.type
    yield "icmp.code", icmp.code
    yield "icmp.checksum", icmp.checksum
    yield "icmp.checksum.status", icmp.checksum_ok
    yield from _known({"icmp.ident": icmp.identifier, "icmp.seq": icmp.sequence})
    yield from _known({"icmp.mtu": icmp.mtu, "icmp.redir_gw": icmp.gateway})


def _icmpv6(icmp: ICMP) -> Iterator[tuple[str, object]]:
    yield "icmpv6.type", icmp.type
    yield "icmpv6.code", icmp.code
    yield "icmpv6.checksum", icmp.checksum
    yield "icmpv6.checksum.status", icmp.checksum_ok
    yield from _known({"icmpv6.echo.identifier": icmp.identifier, "icmpv6.mtu": icmp.mtu})
    yield from _known({"icmpv6.echo.sequence_number": icmp.sequence})
    targets = {135: "icmpv6.nd.ns.target_address", 136: "icmpv6.nd.na.target_address"}
    yield from _known({targets.get(icmp.type, "icmpv6.nd.rd.target_address"): icmp.target})
    yield from _known({"icmpv6.rd.na.destination_address": icmp.destination})
    for option in icmp.options:
        yield "icmpv6.opt.type", option.kind
        if option.mac is not None:
            yield f"icmpv6.opt.{'src' if option.kind == 1 else 'target'}_linkaddr", option.data


def _known(values: dict[str, object]) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in values.items() if value is not None)


def _udp(udp: UDP) -> Iterator[tuple[str, object]]:
    yield "udp.srcport", udp.source_port
    yield "udp.dstport", udp.destination_port
    yield "udp.length", udp.length
    yield "udp.checksum", udp.checksum
    yield "udp.checksum.status", udp.checksum_ok


def _tcp(tcp: TCP) -> Iterator[tuple[str, object]]:
    yield "tcp.srcport", tcp.source_port
    yield "tcp.dstport", tcp.destination_port
    yield "tcp.seq_raw", tcp.sequence
    yield "tcp.ack_raw", tcp.acknowledgment
    yield "tcp.hdr_len", tcp.header_length
    yield "tcp.flags", tcp.flags
    yield "tcp.window_size_value", tcp.window
    yield "tcp.checksum", tcp.checksum
    yield "tcp.checksum.status", tcp.checksum_ok
    yield "tcp.urgent_pointer", tcp.urgent
    for option in tcp.options:
        yield from _tcp_option(option)


_IN_OPTIONS: Final = {
    (2, 2): ("tcp.options.mss_val",),
    (3, 1): ("tcp.options.wscale.shift",),
    (8, 8): ("tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr"),
    **{(5, size): ("tcp.options.sack_le", "tcp.options.sack_re") * (size // 8) for size in (8, 16, 24, 32)},
}
"""Kind and size of an option -> the fields that its data holds, all of one size."""


def _tcp_option(option: Option) -> Iterator[tuple[str, object]]:
    kind, data = option.kind, option.data
    if kind in (0, MULTIPATH):
        return
    yield "tcp.option_kind", kind
    if kind > 1:
        yield "tcp.option_len", len(data) + 2
    names = _IN_OPTIONS.get((kind, len(data)), ())
    for at, name in enumerate(names):
        size = len(data) // len(names)
        yield name, int.from_bytes(data[at * size : (at + 1) * size], "big")
    if kind == 19 and len(data) == 16:
        yield "tcp.options.md5.digest", data
    if kind == 34 and data:
        yield "tcp.options.tfo.cookie", data
