"""A frame taken apart for a reader: its layers, outermost first, with what each one says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from testbed.evidence import BROADCAST_MAC
from testbed.packets import ICMP, OSI, TCP, UDP, IPv4, IPv6, Packet
from testbed.packets.makers import is_chosen, is_group, maker_of
from testbed.report.numbering import Numbers
from testbed.report.words import excerpt, told_by_port
from testbed.text import clean

Fields = list[tuple[str, str]]

_NAMES: Final = {
    "ethernet": "Ethernet",
    "vlan": "VLAN tag",
    "arp": "ARP",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "icmp": "ICMP",
    "icmpv6": "ICMPv6",
    "tcp": "TCP",
    "udp": "UDP",
    "payload": "Data of the application",
    "padding": "Padding",
    "quoted": "The packet that the error is about",
    "fragment": "Fragment of a packet",
    "truncated": "Cut off by the capture",
    "malformed": "Malformed",
}
_TYPES: Final = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", 0x88B5: "marker of this lab"}
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes start (included) to end (not included) of a frame. kind: the decoder's name of the layer."""

    kind: str
    name: str
    osi: int | None
    start: int
    end: int
    fields: tuple[tuple[str, str], ...]


def anatomy(packet: Packet, numbers: Numbers | None = None) -> tuple[Part, ...]:
    """Take a packet apart. numbers: a segment's relative ones, told beside its own."""
    told: dict[str, Fields] = {}
    if packet.ethernet is not None:
        kind = packet.ethernet.ethertype
        told["ethernet"] = [
            ("destination", packet.ethernet.destination + _whose(packet.ethernet.destination)),
            ("source", packet.ethernet.source + _whose(packet.ethernet.source)),
            ("type", f"0x{kind:04x} {_TYPES.get(kind, '')}".strip()),
        ]
        told["vlan"] = [("VLAN", ", ".join(str(vlan) for vlan in packet.ethernet.vlans))]
    if packet.arp is not None:
        arp = packet.arp
        what = {1: "1, request", 2: "2, reply"}.get(arp.operation, str(arp.operation))
        told["arp"] = [
            ("operation", what),
            ("sender", f"{arp.sender_ip} at {arp.sender_mac}"),
            ("target", f"{arp.target_ip} at {arp.target_mac}"),
        ]
    if packet.ip is not None:
        told[f"ipv{packet.ip.version}"] = _ip(packet.ip)
    if packet.tcp is not None:
        told["tcp"] = _tcp(packet.tcp, numbers)
    if packet.udp is not None:
        told["udp"] = _udp(packet.udp)
    if packet.icmp is not None:
        told["icmp" if packet.icmp.version == 4 else "icmpv6"] = _icmp(packet.icmp)
    if packet.malformed:
        told["malformed"] = [("what is wrong", clean(packet.malformed))]
    told["payload"] = _said(packet) + _payload(packet.payload)
    return tuple(
        Part(layer.name, _NAMES.get(layer.name, layer.name), OSI[layer.name], layer.start, layer.end,
             tuple(told.get(layer.name, ())))
        for layer in packet.layers
    )  # fmt: skip


def _whose(mac: str) -> str:
    if mac == BROADCAST_MAC:
        return " (broadcast: to all on the LAN)"
    if is_group(mac):
        return " (a group)"
    if is_chosen(mac):
        return " (chosen, no maker)"
    maker = maker_of(mac)
    return f" (a number of {clean(maker)})" if maker else ""


def _right(ok: bool | None, offloaded: bool = False) -> str:
    if offloaded:
        return " (left to the card)"
    return {True: " (right)", False: " (wrong)", None: ""}[ok]


def _ip(ip: IPv4 | IPv6) -> Fields:
    ends = [("source", str(ip.source)), ("destination", str(ip.destination))]
    protocol = f"{ip.upper_protocol} {_PROTOCOLS.get(ip.upper_protocol, '')}".strip()
    if isinstance(ip, IPv6):
        return [
            *ends,
            ("hop limit", str(ip.hop_limit)),
            ("carries", protocol),
            ("payload length", f"{ip.payload_length} bytes"),
            ("flow label", f"0x{ip.flow_label:05x}"),
        ]
    flags = [name for name, is_set in (("DF", ip.dont_fragment), ("MF", ip.more_fragments)) if is_set]
    return [
        *ends,
        ("TTL", str(ip.ttl)),
        ("carries", protocol),
        ("length", f"{ip.total_length} bytes, header {ip.header_length}"),
        ("identification", f"0x{ip.identification:04x}"),
        ("flags", ", ".join(flags) or "none"),
        *([("fragment offset", f"{ip.fragment_offset} bytes")] if ip.is_fragment else []),
        ("header checksum", f"0x{ip.checksum:04x}{_right(ip.checksum_ok)}"),
    ]


def _tcp(tcp: TCP, numbers: Numbers | None) -> Fields:
    sequence, acknowledgment = str(tcp.sequence), str(tcp.acknowledgment)
    if numbers is not None:
        sequence += f" (relative {numbers.sequence})"
        if numbers.acknowledgment is not None:
            acknowledgment += f" (relative {numbers.acknowledgment})"
    check = _right(tcp.checksum_ok, not tcp.checksum_ok and tcp.checksum_offloaded)
    options = [_option(option.name, option.data) for option in tcp.options]
    return [
        ("ports", f"{tcp.source_port} to {tcp.destination_port}"),
        ("sequence number", sequence),
        *([("acknowledgment number", acknowledgment)] if tcp.ack else []),
        ("flags", tcp.flag_names.replace(",", ", ") or "none"),
        ("window", str(tcp.window)),
        ("header", f"{tcp.header_length} bytes"),
        ("checksum", f"0x{tcp.checksum:04x}{check}"),
        *([("options", ", ".join(options))] if options else []),
    ]


def _said(packet: Packet) -> Fields:
    """What the messages say that need no program's knowledge: DNS and DHCP."""
    words = told_by_port(packet.udp, packet.payload) if packet.udp is not None else None
    return [(words[0], words[1])] if words else []


def _option(name: str, data: bytes) -> str:
    if len(data) == 8 and name.startswith("timestamp"):
        return f"{name} {int.from_bytes(data[:4], 'big')} echo {int.from_bytes(data[4:], 'big')}"
    if 0 < len(data) <= 2:
        return f"{name} {int.from_bytes(data, 'big')}"
    return f"{name} {data.hex()}" if data else name


def _udp(udp: UDP) -> Fields:
    check = _right(udp.checksum_ok, not udp.checksum_ok and udp.checksum_offloaded)
    return [
        ("ports", f"{udp.source_port} to {udp.destination_port}"),
        ("length", f"{udp.length} bytes, header 8"),
        ("checksum", f"0x{udp.checksum:04x}{check}"),
    ]


def _icmp(icmp: ICMP) -> Fields:
    fields = [("type", str(icmp.type)), ("code", str(icmp.code))]
    fields += [("identifier", str(icmp.identifier)), ("sequence", str(icmp.sequence))] if icmp.is_echo else []
    fields += [("MTU", str(icmp.mtu))] if icmp.mtu is not None else []
    fields += [("target", str(icmp.target))] if icmp.target is not None else []
    return [*fields, ("checksum", f"0x{icmp.checksum:04x}{_right(icmp.checksum_ok)}")]


def _payload(data: bytes) -> Fields:
    text = excerpt(data, 200)
    return [("length", f"{len(data)} bytes"), *([("text", text)] if text else [])]
