"""The names of the layers that a frame's bytes belong to, with their number in the OSI model."""

from __future__ import annotations

from typing import Final, NamedTuple

OSI: Final[dict[str, int | None]] = {
    "ethernet": 2,
    "vlan": 2,
    "llc": 2,
    "sll": 2,
    "arp": 2,
    "padding": 2,
    "ipv4": 3,
    "ipv6": 3,
    "hop-by-hop": 3,
    "routing": 3,
    "fragment-header": 3,
    "destination-options": 3,
    "ah": 3,
    "fragment": 3,
    "icmp": 3,
    "icmpv6": 3,
    "quoted": 3,
    "igmp": 3,
    "ipip": 3,
    "ipv6-in-ip": 3,
    "gre": 3,
    "esp": 3,
    "ospf": 3,
    "pim": 3,
    "vrrp": 3,
    "tcp": 4,
    "udp": 4,
    "sctp": 4,
    "udp-lite": 4,
    "payload": 7,
    "truncated": None,
    "malformed": None,
}
"""Every name that `Packet.layers` can hold -> OSI layer; None where the bytes belong to none.

padding: what the link adds behind a packet, and bytes behind the length that a header claims.
fragment: a fragment of an IP packet other than its first: no header of layer 4 is in it.
quoted: the packet that an ICMP error carries. truncated: the start of a header that the capture
cut off. malformed: bytes that contradict the header before them.
"""


class Layer(NamedTuple):
    """Bytes `start` (included) to `end` (not included) of a frame, and the layer they belong to."""

    name: str
    start: int
    end: int

    @property
    def osi(self) -> int | None:
        """Number of the layer in the OSI model, 2 to 7; None for truncated and malformed bytes."""
        return OSI[self.name]
