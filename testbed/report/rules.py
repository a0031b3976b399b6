"""Which packets a fault takes: the part of nftables' language that faults are placed in, read on frames.

A fault's record holds the rule that the kernel was given. Read on the frames that came to the node, it
says which of them were lost; the kernel's own count says whether that is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Final

from testbed.evidence import FaultRecord, Frame
from testbed.packets import Packet

Test = Callable[[Packet], bool]

_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}
_ETHERTYPES: Final = {"arp": 0x0806, "ip": 0x0800, "ip6": 0x86DD}
_BITS: Final = {
    "fin": 1,
    "syn": 2,
    "rst": 4,
    "psh": 8,
    "ack": 16,
    "urg": 32,
    "ecn": 64,
    "ece": 64,
    "cwr": 128,
}
_CHOSEN: Final = re.compile(r"numgen inc mod \d+ (\d+)(?:-(\d+))?\s*")
_END: Final = re.compile(r"\s*(counter\s+)?(numgen inc mod \S+ \S+\s+)?(counter\s+)?drop\s*$")


class Unreadable(ValueError):
    """A rule in words that are not ours."""


def struck(fault: FaultRecord, frames: Iterable[Frame]) -> frozenset[int]:
    """Return the numbers of the frames that a filter took of those that came to its node, by time.

    Empty where the rule cannot be read, or where the kernel counted another number of packets.
    """
    try:
        taken = _taken(fault.rule, frames)
    except Unreadable:
        return frozenset()
    return frozenset(taken) if len(taken) == fault.hits else frozenset()


def _taken(rule: str, frames: Iterable[Frame]) -> list[int]:
    lines = [line.strip() for line in rule.splitlines() if line.strip()]
    if not lines or not _END.search(lines[-1]):
        raise Unreadable(rule)
    spared = [conditions(line.removesuffix("return")) for line in lines[:-1]]
    fits = conditions(_END.sub("", lines[-1]))
    chosen = _CHOSEN.search(lines[-1])
    first, last = (int(chosen[1]), int(chosen[2] or chosen[1])) if chosen else (0, 2**32)
    matching = [
        frame.number
        for frame in frames
        if all(test(frame.packet) for test in fits)
        and not any(all(test(frame.packet) for test in tests) for tests in spared)
    ]
    return matching[first : last + 1]


def conditions(text: str) -> list[Test]:
    """Read conditions that must all be true of a packet; Unreadable for words that are not ours."""
    tests: list[Test] = []
    rest = text.strip()
    while rest:
        for pattern, make in _LANGUAGE:
            found = pattern.match(rest)
            if found is not None:
                tests.append(make(*found.groups()))
                rest = rest[found.end() :].lstrip()
                break
        else:
            raise Unreadable(rest)
    return tests


def _carries(name: str) -> Test:
    number = _PROTOCOLS[name]
    return lambda packet: packet.ip is not None and packet.ip.upper_protocol == number


def _is_of(names: str) -> Test:
    types = {_ETHERTYPES[name.strip()] for name in names.strip("{ }").split(",")}
    return lambda packet: packet.ethernet is not None and packet.ethernet.ethertype in types


def _address(family: str, end: str, names: str) -> Test:
    networks = [ip_network(name.strip()) for name in names.split(",")]
    place = 0 if end == "saddr" else 1

    def holds(packet: Packet) -> bool:
        if family == "arp":
            ends = (packet.arp.sender_ip, packet.arp.target_ip) if packet.arp is not None else None
            return ends is not None and any(ends[place] in network for network in networks)
        both = (packet.ip.source, packet.ip.destination) if packet.ip is not None else None
        return both is not None and any(both[place] in network for network in networks)

    return holds


def _port(end: str, number: str) -> Test:
    place = 0 if end == "sport" else 1
    return lambda packet: packet.ports is not None and packet.ports[place] == int(number)


def _icmp_type(number: str) -> Test:
    return lambda packet: packet.icmp is not None and packet.icmp.type == int(number)


def _flags(compared: str, wanted: str) -> Test:
    mask, value = _bits(compared), _bits(wanted)
    return lambda packet: packet.tcp is not None and packet.tcp.flags & mask == value


def _bits(names: str) -> int:
    return sum(_BITS[name] for name in re.findall(r"[a-z]+", names.replace("0x0", "")))


def _has_data() -> Test:
    return lambda packet: len(packet.payload) > 0


def _begins(offset: str, bits: str, value: str) -> Test:
    start, data = int(offset) // 8, bytes.fromhex(value.rjust(int(bits) // 4, "0"))
    return lambda packet: packet.payload[start : start + len(data)] == data


_LANGUAGE: Final[tuple[tuple[re.Pattern[str], Callable[..., Test]], ...]] = (
    (re.compile(r"meta l4proto (tcp|udp|icmp|ipv6-icmp)\b"), _carries),
    (re.compile(r"meta protocol (arp|ip6?|\{[^}]*\})"), _is_of),
    (re.compile(r"(arp|ip6?) ([sd]addr)(?: ip)? \{ ([^}]*) \}"), _address),
    (re.compile(r"(?:tcp|udp) ([sd]port) (\d+)\b"), _port),
    (re.compile(r"icmp(?:v6)? type (\d+)\b"), _icmp_type),
    (re.compile(r"tcp flags & \(([^)]*)\) == (\([^)]*\)|0x0)"), _flags),
    (re.compile(r"@ih,0,8 >= 0"), _has_data),
    (re.compile(r"@ih,(\d+),(\d+) 0x([0-9a-f]+)"), _begins),
)
