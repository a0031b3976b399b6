"""What ICMPv6 messages of neighbour discovery hold behind their header (RFC 4861 §4)."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final, NamedTuple

from testbed.packets.addresses import IP6, MAC

ROUTER_SOLICITATION: Final = 133
ROUTER_ADVERTISEMENT: Final = 134
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
REDIRECT: Final = 137

_OPTIONS_AT: Final = {
    ROUTER_SOLICITATION: 0,
    ROUTER_ADVERTISEMENT: 8,
    NEIGHBOUR_SOLICITATION: 16,
    NEIGHBOUR_ADVERTISEMENT: 16,
    REDIRECT: 32,
}
"""Message type -> bytes of the message behind the header of eight, before its options."""

_WITH_TARGET: Final = frozenset((NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT))
_NAMES: Final = {
    1: "source-link-layer-address",
    2: "target-link-layer-address",
    3: "prefix-information",
    4: "redirected-header",
    5: "mtu",
}


class NDPOption(NamedTuple):
    """One option of neighbour discovery; data without the type and length bytes."""

    kind: int
    name: str
    data: bytes

    @property
    def mac(self) -> str | None:
        """Of a link-layer address option: the MAC, lowercase."""
        return MAC[self.data] if self.kind in (1, 2) and len(self.data) == 6 else None


def target(kind: int, body: bytes) -> IPv6Address | None:
    """The target address of a message of this type, if it has one and it was captured."""
    return IP6[body[:16]] if kind in _WITH_TARGET and len(body) >= 16 else None


def destination(kind: int, body: bytes) -> IPv6Address | None:
    """The destination address of a redirect."""
    return IP6[body[16:32]] if kind == REDIRECT and len(body) >= 32 else None


def options(kind: int, body: bytes) -> tuple[tuple[NDPOption, ...], str | None]:
    """The options of a message of this type, and what is wrong with them or with the message."""
    at = _OPTIONS_AT.get(kind)
    if at is None:
        return (), None
    found: list[NDPOption] = []
    if len(body) < at:
        return (), f"icmpv6: type {kind}: {len(body)} bytes behind the header, at least {at} needed"
    while at < len(body):
        length = body[at + 1] * 8 if at + 1 < len(body) else 0
        if not length or at + length > len(body):
            return tuple(found), f"icmpv6: option {body[at]}: length {length}, {len(body) - at} bytes left"
        name = _NAMES.get(body[at], f"option-{body[at]}")
        found.append(NDPOption(body[at], name, body[at + 2 : at + length]))
        at += length
    return tuple(found), None


def claimed_length(packet: bytes) -> int:
    """Bytes that an IP packet, of which there may be only the beginning here, says it has."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 4:
        return packet[2] << 8 | packet[3]
    if version == 6 and len(packet) >= 6:
        return 40 + (packet[4] << 8 | packet[5])
    return len(packet)
