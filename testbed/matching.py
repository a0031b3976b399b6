"""Which packets a fault is about, in words of the protocols, and the same as nftables has it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from testbed.errors import UsageError

if TYPE_CHECKING:
    from testbed.node import Node

HOOKS_OF_INET = ("forward", "input", "output")
WHERES = (*HOOKS_OF_INET, "ingress", "egress")

PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "arp", "ip", "any")
FLAGS = ("SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR")
# PSH is a hint of the sender's kernel, URG and the two of ECN are other matters: compared only when named.
_ALWAYS_COMPARED = frozenset({"SYN", "ACK", "FIN", "RST"})
_WORDS = {"icmpv6": "ICMPv6", "ip": "IP packet", "any": "packet"}
# nftables takes so many bytes of a raw comparison at once.
_CHUNK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The packets that a fault is about: all that is given must be true of a packet.

    protocol: "tcp" (default where flags or ports are given), "udp", "icmp", "icmpv6", "arp",
    "ip" (4 or 6) or "any". source, destination: a node (any of its declared addresses), an
    address, or a network ("172.16.10.0/24"). flags: of TCP, "SYN,ACK": SYN, ACK, FIN and RST
    must be just so, the others only where named. payload: False for a segment or datagram
    without data, True for one with, bytes for one whose data begins so (at most 64 bytes).
    network: it arrives from, or where it leaves is sent to, that network. direction: "in" or
    "out" as the node sees it. icmp_type: number of an ICMP message.
    """

    protocol: str | None = None
    source: Any = None
    destination: Any = None
    source_port: int | None = None
    destination_port: int | None = None
    flags: str | None = None
    payload: bool | bytes | None = None
    network: str | None = None
    direction: Literal["in", "out"] | None = None
    icmp_type: int | None = None

    def __post_init__(self) -> None:
        if self.protocol is not None and self.protocol not in PROTOCOLS:
            raise UsageError("match packets", f"protocol {self.protocol!r}", f"one of {', '.join(PROTOCOLS)}")
        if self.flags is not None and self.effective_protocol != "tcp":
            raise UsageError("match packets", f"flags of {self.protocol}", "only TCP has flags")
        if unknown := self.flag_names - set(FLAGS):
            raise UsageError("match packets", f"flags {sorted(unknown)}", f"of {', '.join(FLAGS)}")
        for port in (self.source_port, self.destination_port):
            if port is not None and not (0 <= port <= 65535 and self.effective_protocol in ("tcp", "udp")):
                raise UsageError(
                    "match packets", f"port {port} of {self.effective_protocol}", "0 to 65535 of TCP or UDP"
                )
        if self.payload is not None and self.effective_protocol not in ("tcp", "udp"):
            raise UsageError("match packets", f"payload of {self.effective_protocol}", "of TCP or UDP")
        if isinstance(self.payload, bytes) and not 1 <= len(self.payload) <= 64:
            raise UsageError("match packets", f"payload of {len(self.payload)} bytes", "1 to 64 bytes")

    @property
    def effective_protocol(self) -> str:
        """The protocol, or what follows from the rest."""
        if self.protocol is not None:
            return self.protocol
        if self.icmp_type is not None:
            return "icmp"
        layered = (self.flags, self.source_port, self.destination_port, self.payload)
        return "tcp" if any(value is not None for value in layered) else "any"

    @property
    def flag_names(self) -> frozenset[str]:
        """The flags that must be set."""
        names = (self.flags or "").upper().replace("|", ",").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def __str__(self) -> str:
        words = [_WORDS.get(self.effective_protocol, self.effective_protocol.upper())]
        if self.icmp_type is not None:
            words.append(f"type {self.icmp_type}")
        words.append(self.flags or "")
        words.append(_end("from", self.source, self.source_port))
        words.append(_end("to", self.destination, self.destination_port))
        if self.network is not None:
            words.append(f"on {self.network}")
        if isinstance(self.payload, bytes):
            words.append(f"whose data begin with {self.payload!r}")
        elif self.payload is not None:
            words.append("with data" if self.payload else "without data")
        return " ".join(word for word in words if word)


def _end(word: str, end: Any, port: int | None) -> str:
    if end is None and port is None:
        return ""
    name = "" if end is None else str(getattr(end, "name", end))
    return " ".join(part for part in (word, name, "" if port is None else f"port {port}") if part)


def expressions(match: Match, node: Node, where: str) -> tuple[list[str], str]:
    """Return (conditions under which a packet is none of these, the conditions that it must fulfil)."""
    protocol = match.effective_protocol
    parts = [_protocol(protocol)]
    if match.network is not None and where in HOOKS_OF_INET:
        interface = node.interface_on(match.network)
        parts.append(
            f'{"oifname" if match.direction == "out" or where == "output" else "iifname"} "{interface}"'
        )
    for key, end in (("saddr", match.source), ("daddr", match.destination)):
        if end is not None:
            parts.append(_address(protocol, key, end))
    for key, port in (("sport", match.source_port), ("dport", match.destination_port)):
        if port is not None:
            parts.append(f"{protocol} {key} {port}")
    if match.icmp_type is not None:
        parts.append(f"{protocol} type {match.icmp_type}")
    if match.flags is not None:
        parts.append(_flags(match.flag_names))
    if isinstance(match.payload, bytes):
        parts += _payload(match.payload)
    elif match.payload:
        parts.append("@ih,0,8 >= 0")
    fitting = " ".join(part for part in parts if part)
    # A packet that is too short for a byte of data makes the expression fail: no data.
    without = [f"{fitting} @ih,0,8 >= 0"] if match.payload is False else []
    return without, fitting


def _protocol(protocol: str) -> str:
    return {
        "arp": "meta protocol arp",
        "ip": "meta protocol { ip, ip6 }",
        "any": "",
        "icmpv6": "meta l4proto ipv6-icmp",
    }.get(protocol, f"meta l4proto {protocol}")


def _address(protocol: str, key: str, end: Any) -> str:
    """`ip saddr { 172.16.10.10 }`: of one family, since no packet has both."""
    networks = [ipaddress.ip_network(str(one)) for one in _addresses(end)]
    versions = {network.version for network in networks}
    if not networks:
        raise UsageError("match packets", f"{end} has no address")
    if len(versions) > 1:
        networks = [network for network in networks if network.version == 4]
        versions = {4}
    names = ", ".join(str(one.network_address if one.num_addresses == 1 else one) for one in networks)
    family = "arp" if protocol == "arp" else "ip" if versions == {4} else "ip6"
    suffix = f"{key} ip" if family == "arp" else key
    return f"{family} {suffix} {{ {names} }}"


def _addresses(end: Any) -> Iterable[Any]:
    return end.addresses if hasattr(end, "addresses") else (end,)


def _flags(names: frozenset[str]) -> str:
    compared = " | ".join(name.lower() for name in FLAGS if name in names | _ALWAYS_COMPARED)
    wanted = " | ".join(name.lower() for name in FLAGS if name in names)
    return f"tcp flags & ({compared}) == {f'({wanted})' if wanted else '0x0'}"


def _payload(data: bytes) -> list[str]:
    chunks = [(start, data[start : start + _CHUNK]) for start in range(0, len(data), _CHUNK)]
    return [f"@ih,{start * 8},{len(chunk) * 8} 0x{chunk.hex()}" for start, chunk in chunks]
