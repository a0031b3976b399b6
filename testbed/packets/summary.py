"""A frame in one line, in the words of tcpdump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testbed.packets.options import Option

if TYPE_CHECKING:
    from testbed.packets.arp import ARP
    from testbed.packets.icmp import ICMP
    from testbed.packets.packet import Packet
    from testbed.packets.tcp import TCP

_FLAGS: Final = ((1, "F"), (2, "S"), (4, "R"), (8, "P"), (16, "."), (32, "U"), (64, "E"), (128, "W"))
_UNREACHABLE: Final = {
    0: "net unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "need to frag",
    13: "administratively prohibited",
}
_UNREACHABLE6: Final = {
    0: "no route",
    1: "administratively prohibited",
    3: "address unreachable",
    4: "port unreachable",
}
_ICMP: Final = {
    0: "echo reply",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    12: "parameter problem",
}
_ICMP6: Final = {
    2: "packet too big",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report v2",
}


def summary(packet: Packet) -> str:
    """Tell the frame in one line; what is malformed or cut comes last, in brackets."""
    line = _tag(packet) + _told(packet)
    if packet.malformed is not None:
        line += f" [malformed: {packet.malformed}]"
    if packet.truncated:
        line += f" [{len(packet.data)} of {packet.original_length} bytes captured]"
    return line


def _tag(packet: Packet) -> str:
    ethernet = packet.ethernet
    return "".join(f"vlan {vlan}, " for vlan in ethernet.vlans) if ethernet else ""


def _told(packet: Packet) -> str:
    if packet.arp is not None:
        return _arp(packet.arp)
    if packet.ip is not None:
        return f"IP{'6' if packet.ip.version == 6 else ''} {_network(packet)}"
    ethernet = packet.ethernet
    if ethernet is None:
        return f"link type {packet.linktype}, length {packet.original_length}"
    kind = "802.3" if ethernet.length is not None else f"ethertype 0x{ethernet.ethertype:04x}"
    return f"{ethernet.source} > {ethernet.destination}, {kind}, length {packet.original_length}"


def _arp(arp: ARP) -> str:
    if arp.is_request:
        return f"ARP, Request who-has {arp.target_ip} tell {arp.sender_ip}"
    if arp.is_reply:
        return f"ARP, Reply {arp.sender_ip} is-at {arp.sender_mac}"
    return f"ARP, operation {arp.operation}, {arp.sender_ip} to {arp.target_ip}"


def _network(packet: Packet) -> str:
    ip = packet.ip
    assert ip is not None
    ports = packet.ports
    if ports is not None and (packet.tcp or packet.udp):
        ends = f"{ip.source}.{ports[0]} > {ip.destination}.{ports[1]}: "
    else:
        ends = f"{ip.source} > {ip.destination}: "
    if packet.tcp is not None:
        return ends + _tcp(packet.tcp)
    if packet.udp is not None:
        return f"{ends}UDP, length {max(0, packet.udp.length - 8)}"
    if packet.icmp is not None:
        return ends + _icmp(packet.icmp)
    if ip.is_fragment and ip.fragment_offset:
        return f"{ends}fragment at {ip.fragment_offset}, length {len(packet.payload)}"
    return f"{ends}protocol {ip.upper_protocol}, length {len(packet.payload)}"


def _tcp(tcp: TCP) -> str:
    flags = "".join(letter for bit, letter in _FLAGS if tcp.flags & bit) or "none"
    sequence = (
        f"{tcp.sequence}:{(tcp.sequence + tcp.length) & 0xFFFFFFFF}" if tcp.length else str(tcp.sequence)
    )
    parts = [f"Flags [{flags}]", f"seq {sequence}"]
    if tcp.ack:
        parts.append(f"ack {tcp.acknowledgment}")
    parts.append(f"win {tcp.window}")
    if tcp.urg:
        parts.append(f"urg {tcp.urgent}")
    if tcp.options:
        parts.append(f"options [{','.join(_option(one) for one in tcp.options)}]")
    parts.append(f"length {tcp.length}")
    return ", ".join(parts)


def _option(option: Option) -> str:
    data = option.data
    number = int.from_bytes(data, "big")
    match option.kind, len(data):
        case 2, 2:
            return f"mss {number}"
        case 3, 1:
            return f"wscale {number}"
        case 4, 0:
            return "sackOK"
        case 5, size if size % 8 == 0:
            edges = [int.from_bytes(data[at : at + 4], "big") for at in range(0, size, 4)]
            return "sack " + " ".join(f"{{{a}:{b}}}" for a, b in zip(edges[::2], edges[1::2], strict=True))
        case 8, 8:
            return f"TS val {number >> 32} ecr {number & 0xFFFFFFFF}"
        case _:
            return f"{option.name} {data.hex()}" if data else option.name


def _icmp(icmp: ICMP) -> str:
    name = "ICMP" if icmp.version == 4 else "ICMP6"
    return f"{name} {_message(icmp)}, length {8 + len(icmp.body)}"


def _message(icmp: ICMP) -> str:
    if icmp.is_echo:
        kind = (_ICMP if icmp.version == 4 else _ICMP6)[icmp.type]
        return f"{kind}, id {icmp.identifier}, seq {icmp.sequence}"
    about = _about(icmp)
    if icmp.version == 4:
        if icmp.type == 3:
            return f"{_UNREACHABLE.get(icmp.code, f'unreachable, code {icmp.code}')}{_mtu(icmp)}{about}"
        if icmp.type == 11:
            return ("time exceeded in-transit" if icmp.code == 0 else "reassembly time exceeded") + about
        gateway = f" to {icmp.gateway}" if icmp.gateway else ""
        return f"{_ICMP.get(icmp.type, f'type {icmp.type}, code {icmp.code}')}{gateway}{about}"
    if icmp.type == 1:
        return f"{_UNREACHABLE6.get(icmp.code, f'unreachable, code {icmp.code}')}{about}"
    if icmp.type == 3:
        return ("time exceeded in-transit" if icmp.code == 0 else "reassembly time exceeded") + about
    return (
        f"{_ICMP6.get(icmp.type, f'type {icmp.type}, code {icmp.code}')}{_mtu(icmp)}{_neighbour(icmp)}{about}"
    )


def _mtu(icmp: ICMP) -> str:
    return f", mtu {icmp.mtu}" if icmp.mtu is not None else ""


def _neighbour(icmp: ICMP) -> str:
    if icmp.target is None:
        return ""
    words = {135: f", who has {icmp.target}", 136: f", tgt is {icmp.target}", 137: f" to {icmp.target}"}
    mac = icmp.link_layer_address
    return words[icmp.type] + (f", link-layer address {mac}" if mac else "")


def _about(icmp: ICMP) -> str:
    """Where the quoted packet was going."""
    quoted = icmp.quoted
    if quoted is None or quoted.ip is None:
        return ""
    port = f" port {quoted.ports[1]}" if quoted.ports else ""
    return f" for {quoted.ip.destination}{port}"
