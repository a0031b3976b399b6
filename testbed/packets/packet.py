"""A decoded frame: what is in it, and which of its bytes belong to which layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testbed.packets.layers import Layer

if TYPE_CHECKING:
    from testbed.packets.arp import ARP
    from testbed.packets.icmp import ICMP
    from testbed.packets.ipv4 import IPv4
    from testbed.packets.ipv6 import IPv6
    from testbed.packets.link import Ethernet
    from testbed.packets.tcp import TCP
    from testbed.packets.udp import UDP

_TCP: Final = 6


class Packet:
    """One frame. Layers that it does not hold, or that are cut or malformed, are None.

    data: the captured bytes. original_length: bytes on the wire, >= len(data).
    linktype: what the frame begins with, as in captures (1 is Ethernet).
    """

    __slots__ = (
        "_fault",
        "_marks",
        "_payload_end",
        "_payload_start",
        "arp",
        "data",
        "ethernet",
        "icmp",
        "ip",
        "linktype",
        "original_length",
        "tcp",
        "udp",
    )

    def __init__(self, data: bytes, linktype: int, original_length: int) -> None:
        self.data = data
        self.linktype = linktype
        self.original_length = original_length
        self.ethernet: Ethernet | None = None
        self.arp: ARP | None = None
        self.ip: IPv4 | IPv6 | None = None
        self.icmp: ICMP | None = None
        self.tcp: TCP | None = None
        self.udp: UDP | None = None
        self._fault: str | None = None
        self._marks: list[tuple[str, int]] = []  # layer name, end; each begins where the last ended
        self._payload_start = 0
        self._payload_end = 0

    # -- for the decoders of the layers --------------------------------------------------------

    def mark(self, name: str, end: int) -> None:
        """Say that the bytes from the last mark up to `end` belong to the layer `name`."""
        self._marks.append((name, end))

    def carry(self, start: int, end: int, name: str = "payload") -> None:
        """Say that the bytes from `start` up to `end` are what the headers so far carry."""
        self._payload_start = start
        self._payload_end = end
        self._marks.append((name, end))

    def complain(self, fault: str) -> None:
        """Note what is wrong with the frame; the first complaint is the one that is kept."""
        if self._fault is None:
            self._fault = fault

    def refuse(self, fault: str, end: int) -> None:
        """Note what is wrong, and that nothing up to `end` can be read on."""
        self.complain(fault)
        self._marks.append(("malformed", end))

    def lacks(self, name: str, needed: int, start: int, end: int) -> None:
        """Note that a header of `needed` bytes does not fit between `start` and `end`.

        Either the capture cut it off, which is no fault of the sender's, or it was never there.
        """
        there = max(0, min(end, self.original_length) - start)
        if there >= needed:
            self._marks.append(("truncated", end))
        else:
            self.refuse(f"{name}: {there} bytes, at least {needed} needed", end)

    # -- for readers ---------------------------------------------------------------------------

    @property
    def truncated(self) -> bool:
        """Whether the capture holds fewer bytes than the wire did."""
        return self.original_length > len(self.data)

    @property
    def payload(self) -> bytes:
        """The bytes that the innermost header carries: the application's, behind TCP or UDP.

        Without the link's padding. For ICMP the data of an echo; empty where a header is cut.
        """
        return self.data[self._payload_start : self._payload_end]

    @property
    def malformed(self) -> str | None:
        """What contradicts itself in the frame, as '<layer>: <what>'; None if nothing does."""
        if self._fault is not None:
            return self._fault
        for layer in (self.ip, self.tcp, self.icmp):
            if layer is not None and layer.options_fault is not None:
                return layer.options_fault
        return None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The captured bytes by layer, outermost first: each byte once, none left out, none empty."""
        layers: list[Layer] = []
        start, length = 0, len(self.data)
        for name, claimed in (*self._marks, ("padding", length)):
            end = min(claimed, length)
            if end > start:
                layers.append(Layer(name, start, end))
                start = end
        return tuple(layers)

    @property
    def ports(self) -> tuple[int, int] | None:
        """Source and destination port of TCP or UDP.

        Also where the capture, or a router that quotes a packet in an ICMP error, cut the TCP
        header after the ports: RFC 792 asks for no more than its first 8 bytes.
        """
        header = self.tcp or self.udp
        if header is not None:
            return header.source_port, header.destination_port
        if self.ip is None or self.ip.upper_protocol != _TCP or self._marks[-1][0] != "truncated":
            return None
        start = self.layers[-1].start
        raw = self.data[start : start + 4]
        return (raw[0] << 8 | raw[1], raw[2] << 8 | raw[3]) if len(raw) == 4 else None

    def summary(self) -> str:
        """Tell the frame in one line, in tcpdump's words."""
        from testbed.packets.summary import summary  # only who prints pays for it

        return summary(self)

    def __repr__(self) -> str:
        return f"<Packet {self.summary()}>"
