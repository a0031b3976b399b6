"""What a ladder says of a packet: short words in the field's own terms.

Everything that came off the wire is cleaned here; renderers escape it once more for where it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from testbed.evidence import BROADCAST_MAC, Frame
from testbed.packets import ARP, ICMP, UDP, IPv4, IPv6, dhcp, dns
from testbed.report.numbering import Numbers
from testbed.text import clean

EXCERPT: Final = 24
"""Characters of an application's data that a label shows."""

_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0", "\x1b": "\\e"}
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_ICMP6: Final = {
    128: "echo request",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    143: "multicast listener report",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A label in parts, each empty where there is none.

    protocol: `ARP`, `TCP`, `UDP`, `ICMP`, `ICMPv6`, `IP`, `Ethernet`. head: what it is. detail: its
    numbers, relative. data: how much it carries, and how that begins. raw: the numbers of the header.
    """

    protocol: str
    head: str
    detail: str = ""
    data: str = ""
    raw: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.head, self.detail, self.data) if part)


def protocol(frame: Frame) -> str:
    """The protocol that a label names: the innermost that is decoded."""
    packet = frame.packet
    if packet.arp is not None:
        return "ARP"
    if packet.tcp is not None:
        return "TCP"
    if packet.udp is not None:
        return "UDP"
    if packet.icmp is not None:
        return "ICMP" if packet.icmp.version == 4 else "ICMPv6"
    return "Ethernet" if packet.ip is None else "IP"


def words(frame: Frame, numbers: Numbers | None = None) -> Words:
    """Say what a frame is. numbers: of a TCP segment, relative to its connection."""
    packet = frame.packet
    if packet.arp is not None:
        return _arp(packet.arp, _broadcast(frame))
    if packet.ip is not None and not (packet.tcp or packet.udp or packet.icmp):
        ip = packet.ip
        if ip.is_fragment:
            return Words("IP", "fragment", f"id={identification(ip)} offset={ip.fragment_offset}")
        return Words("IP", f"protocol {ip.upper_protocol}", f"{ip.source} to {ip.destination}")
    if packet.tcp is not None:
        return _tcp(frame, numbers)
    if packet.udp is not None:
        return _udp(packet.udp, packet.payload)
    if packet.icmp is not None:
        return _icmp(packet.icmp)
    return Words("Ethernet", clean(packet.summary()))


def _broadcast(frame: Frame) -> bool:
    ethernet = frame.packet.ethernet
    return ethernet is not None and ethernet.destination == BROADCAST_MAC


def _arp(arp: ARP, broadcast: bool) -> Words:
    if arp.is_request:
        if arp.sender_ip == arp.target_ip:
            return Words("ARP", f"announces {arp.sender_ip}", f"at {arp.sender_mac}")
        manner = "" if broadcast else " (unicast)"
        return Words("ARP", f"who has {arp.target_ip}?", f"tell {arp.sender_ip}{manner}")
    if arp.is_reply:
        return Words("ARP", f"{arp.sender_ip} is at {arp.sender_mac}")
    return Words("ARP", f"operation {arp.operation}", f"{arp.sender_ip} to {arp.target_ip}")


def _tcp(frame: Frame, numbers: Numbers | None) -> Words:
    tcp = frame.packet.tcp
    assert tcp is not None
    head = tcp.flag_names.replace("PSH,", "").replace(",PSH", "") or "no flags"
    if numbers is None:
        detail = f"seq={tcp.sequence}" + (f" ack={tcp.acknowledgment}" if tcp.ack else "")
        return Words("TCP", head, detail)
    end = f":{numbers.sequence + numbers.length}" if numbers.length else ""
    parts = [f"seq={numbers.sequence}{end}"]
    raw = f"raw {numbers.raw_sequence}"
    if numbers.acknowledgment is not None:
        parts.append(f"ack={numbers.acknowledgment}")
        raw += f", {numbers.raw_acknowledgment}"
    if numbers.again:
        head += " again"
    data = _data(frame.packet.payload, numbers.length) if numbers.length else ""
    return Words("TCP", head, " ".join(parts), data, raw)


def _udp(udp: UDP, payload: bytes) -> Words:
    size = max(0, udp.length - 8)
    if said := told_by_port(udp, payload):
        return Words("UDP", *said, data=_data(b"", size))
    return Words("UDP", f"{udp.source_port} to {udp.destination_port}", data=_data(payload, size))


def told_by_port(udp: UDP, payload: bytes) -> tuple[str, str] | None:
    """What a datagram of DNS or DHCP is, and what it says; None for one that is neither."""
    ports = {udp.source_port, udp.destination_port}
    if ports == {dhcp.SERVER_PORT, dhcp.CLIENT_PORT} and (message := dhcp.message_of(payload)):
        return f"DHCP {message.name}", _dhcp(message)
    if dns.PORT in ports and (said := dns.message_of(payload)):
        return _dns(said)
    return None


def _dhcp(message: dhcp.Message) -> str:
    """The address that it is about: the one given, or else the one asked for."""
    address = message.requested if message.given.is_unspecified else message.given
    return str(address) if address is not None else ""


def _dns(message: dns.Message) -> tuple[str, str]:
    """Who is asked for, or what the answer is."""
    question = message.questions[0] if message.questions else None
    name = clean(question.name) if question else "?"
    kind = dns.KINDS.get(question.kind, f"type {question.kind}") if question else ""
    if not message.is_response:
        return "DNS query", f"{name} {kind}".strip()
    if message.rcode == dns.NO_SUCH_NAME:
        return "DNS answer", f"{name}: no such name"
    if message.rcode != dns.NO_ERROR:
        return "DNS answer", f"{name}: error {message.rcode}"
    found = ", ".join(str(address) for address in message.addresses[:2])
    return "DNS answer", f"{name} is {found}" if found else f"{name}: no {kind} record"


def _icmp(icmp: ICMP) -> Words:
    name = "ICMP" if icmp.version == 4 else "ICMPv6"
    if icmp.is_echo:
        kind = "echo request" if icmp.type in (8, 128) else "echo reply"
        return Words(name, kind, f"id={icmp.identifier} seq={icmp.sequence}")
    if icmp.version == 6 and icmp.type in (135, 136):
        told = "who has {}?" if icmp.type == 135 else "{} is at {}"
        return Words(name, told.format(icmp.target, icmp.link_layer_address))
    quoted = icmp.quoted
    about = ""
    if quoted is not None and quoted.ip is not None:
        about = f"about {quoted.ip.source} to {quoted.ip.destination}"
    return Words(name, _message(icmp), data=about)


def _message(icmp: ICMP) -> str:
    if icmp.mtu is not None:
        return f"{'fragmentation needed' if icmp.version == 4 else 'packet too big'}, MTU {icmp.mtu}"
    if icmp.version == 6:
        if icmp.type == 1:
            kinds = {0: "no route", 3: "address unreachable", 4: "port unreachable"}
            return kinds.get(icmp.code, "unreachable")
        return "time exceeded" if icmp.type == 3 else _ICMP6.get(icmp.type, f"type {icmp.type}")
    if icmp.type == 3:
        kinds = {0: "network", 1: "host", 2: "protocol", 3: "port", 13: "administratively"}
        return f"{kinds.get(icmp.code, f'code {icmp.code}')} unreachable"
    return {5: "redirect", 11: "time exceeded"}.get(icmp.type, f"type {icmp.type} code {icmp.code}")


def _data(payload: bytes, length: int) -> str:
    shown = excerpt(payload)
    size = f"{length} byte{'s' if length != 1 else ''}"
    return f"{size} {shown}" if shown else size


def identification(ip: IPv4 | IPv6) -> int:
    """What the fragments of one packet have in common; of IPv6 without a fragment header the flow label."""
    if isinstance(ip, IPv4):
        return ip.identification
    return ip.fragment.identification if ip.fragment else ip.flow_label


def excerpt(payload: bytes, limit: int = EXCERPT) -> str:
    """Return the beginning of some data as quoted text; empty when it does not look like text."""
    text = payload[: limit * 4].decode("utf-8", "replace")
    odd = len(_NO_TEXT.findall(text)) if text else 0
    if not text or odd > len(text) // 4 + 1:
        return ""
    seen = clean("".join(_ESCAPES.get(letter, letter) for letter in text))
    cut = len(seen) > limit or len(payload) > limit * 4
    return f"“{seen[: limit - 1]}…”" if cut else f"“{seen}”"
