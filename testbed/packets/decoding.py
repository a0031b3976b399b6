"""Bytes to a Packet, by what the frame begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from testbed.packets import link
from testbed.packets.packet import Packet

ETHERNET: Final = 1
RAW: Final = 101
LINUX_SLL: Final = 113
LINUX_SLL2: Final = 276

_LINKS: Final[dict[int, Callable[[Packet], None]]] = {
    ETHERNET: link.ethernet,
    RAW: link.raw,
    LINUX_SLL: link.cooked,
    LINUX_SLL2: link.cooked2,
    228: link.raw,  # LINKTYPE_IPV4
    229: link.raw,  # LINKTYPE_IPV6
}
"""Link types of captures (tcpdump.org/linktypes.html) that can be decoded."""


def decode(data: bytes, linktype: int = ETHERNET, original_length: int | None = None) -> Packet:
    """Decode a frame; never raises, whatever the bytes are.

    data: the captured bytes. linktype: what they begin with: 1 Ethernet, 101 raw IP, 113 and 276
    Linux cooked; the bytes of any other are left as payload. original_length: bytes that were on the
    wire, where the capture holds only the first of them.

    What does not fit is told by `Packet.malformed`; every layer before it is there.
    """
    length = len(data)
    if original_length is None or original_length < length:
        original_length = length
    packet = Packet(data, linktype, original_length)
    parse = _LINKS.get(linktype)
    if parse is not None:
        parse(packet)
    else:
        packet.carry(0, original_length)
    return packet
