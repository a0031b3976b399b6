"""One frame taken apart: the layers that a check knows to be there, and what is read off them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from testbed.evidence.records import Connection, Endpoint, Frame
from testbed.packets import ARP, ICMP, TCP, IPv4, IPv6


def macs_of(frame: Frame) -> tuple[str, str]:
    """The source and destination MAC of a frame."""
    ethernet = frame.packet.ethernet
    if ethernet is None:
        raise TypeError(f"frame {frame.number} is no Ethernet frame")
    return ethernet.source, ethernet.destination


def arp_of(frame: Frame) -> ARP:
    """The ARP layer of a frame that has one."""
    arp = frame.packet.arp
    if arp is None:
        raise TypeError(f"frame {frame.number} holds no ARP")
    return arp


def ip_of(frame: Frame) -> IPv4 | IPv6:
    """The IP layer of a frame that has one."""
    ip = frame.packet.ip
    if ip is None:
        raise TypeError(f"frame {frame.number} holds no IP")
    return ip


def ttl_of(frame: Frame) -> int:
    """TTL of an IPv4 packet, hop limit of an IPv6 packet."""
    ip = ip_of(frame)
    return ip.ttl if isinstance(ip, IPv4) else ip.hop_limit


def icmp_of(frame: Frame) -> ICMP:
    """The ICMP layer of a frame that has one."""
    icmp = frame.packet.icmp
    if icmp is None:
        raise TypeError(f"frame {frame.number} holds no ICMP")
    return icmp


def tcp_of(frame: Frame) -> TCP:
    """The TCP layer of a frame that has one."""
    tcp = frame.packet.tcp
    if tcp is None:
        raise TypeError(f"frame {frame.number} holds no TCP")
    return tcp


def flags_of(frame: Frame) -> frozenset[str]:
    """The flags that open, carry and close a connection; PSH, ECE, CWR and NS aside."""
    tcp = tcp_of(frame)
    named = {"SYN": tcp.syn, "ACK": tcp.ack, "FIN": tcp.fin, "RST": tcp.rst, "URG": tcp.urg}
    return frozenset(name for name, is_set in named.items() if is_set)


def sender(frame: Frame) -> Endpoint:
    """Address and port that a segment comes from."""
    source = ip_of(frame).source
    return _endpoint(source.version, int(source), tcp_of(frame).source_port)


def receiver(frame: Frame) -> Endpoint:
    """Address and port that a segment goes to."""
    destination = ip_of(frame).destination
    return _endpoint(destination.version, int(destination), tcp_of(frame).destination_port)


@lru_cache(maxsize=1 << 16)
def _endpoint(version: int, address: int, port: int) -> Endpoint:
    """The same value for the same numbers."""
    return Endpoint(IPv4Address(address) if version == 4 else IPv6Address(address), port)


def crossing_key(frame: Frame) -> tuple[Any, ...] | None:
    """What of an IP packet no router may change: the same key is the same packet, one hop later.

    TTL, header checksum and MACs change at each hop (RFC 1812 §5.3.1); the rest does not.
    """
    ip = frame.packet.ip
    if ip is None:
        return None
    header = ip.header_length if isinstance(ip, IPv4) else 40
    start = next((layer.start for layer in frame.packet.layers if layer.name in ("ipv4", "ipv6")), 0)
    length = ip.total_length if isinstance(ip, IPv4) else ip.payload_length + 40
    mark = (ip.identification, ip.fragment_offset) if isinstance(ip, IPv4) else (ip.flow_label, 0)
    ends = ip.version, int(ip.source), int(ip.destination)  # an address takes long to hash
    return (*ends, mark, frame.data[start + header : start + length])


def spoken(frame: Frame, connection: Connection) -> str:
    """Who sent a segment, and its flags, in the order in which they are spoken: `server SYN,ACK`."""
    end = "client" if sender(frame) == connection.client else "server"
    return (
        f"{end} {','.join(name for name in ('SYN', 'FIN', 'RST', 'URG', 'ACK') if name in flags_of(frame))}"
    )
