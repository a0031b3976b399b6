"""Sequences of frames that can be asked in the words of the field: `seen.at("client:lan-a").arp.requests()`.

Every question returns a smaller sequence, and remembers how it was asked:
when nothing is left, the answer says what was looked for and where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Address
from typing import Self, overload

from testbed.evidence.layers import arp_of, flags_of, icmp_of, ip_of, receiver, sender, tcp_of
from testbed.evidence.records import Address, Citation, Connection, Endpoint, Frame

BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"


class NothingSeen(LookupError):
    """A check looked for a frame, sample or action that the recording does not hold.

    Not an accident of the check: it is judged as failed, with these words,
    and stands on the markers that prove that the place was watched.
    """

    def __init__(self, what: str, cite: Iterable[Citation] = ()) -> None:
        self.cite = tuple(cite)
        super().__init__(f"nothing seen: {what}")


class Frames(Sequence[Frame]):
    """Some frames of a recording, in order of time.

    what: how they were asked for, in words.
    markers: the marker frames of the places asked: proof that they were watched from beginning to end.
    """

    def __init__(self, frames: Iterable[Frame], what: str, markers: tuple[Frame, ...] = ()) -> None:
        self._frames = tuple(frames)
        self.what = what
        self.markers = markers

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Frame | Self:
        if isinstance(index, slice):
            return type(self)(self._frames[index], self.what, self.markers)
        try:
            return self._frames[index]
        except IndexError as exc:
            raise NothingSeen(self._wanting(index), self.markers_cited) from exc

    def _wanting(self, index: int) -> str:
        if not self._frames:
            return self.what
        return f"{self.what}, number {index + 1 if index >= 0 else index}: there are {len(self._frames)}"

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def __repr__(self) -> str:
        return f"<{len(self)} × {self.what}>"

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members, in order."""
        return tuple(frame.citation for frame in self._frames)

    @property
    def markers_cited(self) -> tuple[Citation, ...]:
        """Those of the markers."""
        return tuple(frame.citation for frame in self.markers)

    @property
    def first(self) -> Frame:
        """The earliest; NothingSeen when there is none."""
        return self[0]

    @property
    def last(self) -> Frame:
        """The latest; NothingSeen when there is none."""
        return self[-1]

    @property
    def only(self) -> Frame:
        """The single one; NothingSeen when there is none, or more."""
        if len(self) > 1:
            raise NothingSeen(f"a single one {self.what}: there are {len(self)}", self.citations)
        return self[0]

    def where(self, test: Callable[[Frame], bool], what: str) -> Self:
        """Keep the frames for which test is true; `what` says it in words."""
        return type(self)(filter(test, self._frames), f"{what} {self.what}".strip(), self.markers)

    @property
    def sent(self) -> Self:
        """Those that the vantage point's own node sent."""
        return self.where(lambda frame: frame.direction == "out", "sent")

    @property
    def received(self) -> Self:
        """Those that reached the vantage point from outside."""
        return self.where(lambda frame: frame.direction == "in", "received")

    def after(self, moment: Frame | int) -> Self:
        """Later than a frame, or than a time in nanoseconds."""
        time_ns = moment if isinstance(moment, int) else moment.time_ns
        return self.where(lambda frame: frame.time_ns > time_ns, "later")

    def before(self, moment: Frame | int) -> Self:
        """Earlier than a frame, or than a time in nanoseconds."""
        time_ns = moment if isinstance(moment, int) else moment.time_ns
        return self.where(lambda frame: frame.time_ns < time_ns, "earlier")

    def from_mac(self, mac: str) -> Self:
        """With this source MAC."""
        return self.where(
            lambda f: f.packet.ethernet is not None and f.packet.ethernet.source == mac, f"from {mac}"
        )

    def to_mac(self, mac: str) -> Self:
        """With this destination MAC."""
        return self.where(
            lambda f: f.packet.ethernet is not None and f.packet.ethernet.destination == mac, f"to {mac}"
        )

    def of_addresses(self, one: Address, other: Address) -> Self:
        """IP packets, or ARP, between two addresses, both ways."""
        pair = {one, other}

        def between(frame: Frame) -> bool:
            packet = frame.packet
            if packet.ip is not None:
                return {packet.ip.source, packet.ip.destination} == pair
            if packet.arp is not None:
                return {packet.arp.sender_ip, packet.arp.target_ip} == pair
            return False

        return self.where(between, f"between {one} and {other}")

    @cached_property
    def arp(self) -> ArpFrames:
        """Those that hold ARP."""
        return ArpFrames((f for f in self if f.packet.arp is not None), f"ARP {self.what}", self.markers)

    @cached_property
    def ip(self) -> IpFrames:
        """Those that hold IP, of either version."""
        return IpFrames((f for f in self if f.packet.ip is not None), f"IP {self.what}", self.markers)

    @cached_property
    def icmp(self) -> IcmpFrames:
        """Those that hold ICMP, of either version."""
        return IcmpFrames((f for f in self if f.packet.icmp is not None), f"ICMP {self.what}", self.markers)

    @cached_property
    def udp(self) -> IpFrames:
        """Those that hold UDP."""
        return IpFrames((f for f in self if f.packet.udp is not None), f"UDP {self.what}", self.markers)

    @cached_property
    def tcp(self) -> Segments:
        """Those that hold TCP."""
        return Segments((f for f in self if f.packet.tcp is not None), f"TCP {self.what}", self.markers)


class ArpFrames(Frames):
    """ARP packets (RFC 826)."""

    def requests(self, target: Address | None = None) -> ArpFrames:
        """Those that ask, for one address or for any."""
        return self.where(
            lambda f: arp_of(f).operation == 1 and target in (None, arp_of(f).target_ip),
            f"requests for {target}:" if target else "requests:",
        )

    def replies(self, owner: Address | None = None) -> ArpFrames:
        """Those that answer, for one address or for any."""
        return self.where(
            lambda f: arp_of(f).operation == 2 and owner in (None, arp_of(f).sender_ip),
            f"replies of {owner}:" if owner else "replies:",
        )

    @property
    def targets(self) -> set[IPv4Address]:
        """The addresses asked for."""
        return {arp_of(frame).target_ip for frame in self}

    @property
    def senders(self) -> set[str]:
        """The hardware addresses that the senders name as theirs."""
        return {arp_of(frame).sender_mac for frame in self}


class IpFrames(Frames):
    """IP packets of either version."""

    def to(self, address: Address) -> Self:
        """To an address."""
        return self.where(lambda f: ip_of(f).destination == address, f"to {address}")

    def coming_from(self, address: Address) -> Self:
        """From an address."""
        return self.where(lambda f: ip_of(f).source == address, f"from {address}")


class IcmpFrames(IpFrames):
    """ICMP messages of either version."""

    def type(self, number: int, code: int | None = None) -> IcmpFrames:
        """Of one type (RFC 792: 3 unreachable, 11 time exceeded), and of one code or of any."""
        return self.where(
            lambda f: icmp_of(f).type == number and code in (None, icmp_of(f).code),
            f"type {number}" if code is None else f"type {number} code {code}",
        )


class Segments(IpFrames):
    """TCP segments."""

    def of(self, connection: Connection) -> Segments:
        """The segments of one connection, both ways."""
        ends = {connection.client, connection.server}
        return self.where(lambda f: {sender(f), receiver(f)} == ends, f"of {connection}:")

    def from_end(self, end: Endpoint) -> Segments:
        """From one end of a connection."""
        return self.where(lambda f: sender(f) == end, f"from {end}")

    def port(self, number: int) -> Segments:
        """To or from a port."""
        return self.where(
            lambda f: number in (tcp_of(f).source_port, tcp_of(f).destination_port), f"of port {number}"
        )

    def flags(self, names: str) -> Segments:
        """With just these flags, ECN's and PSH aside: `SYN,ACK`."""
        wanted = frozenset(names.split(",")) if names else frozenset()
        return self.where(lambda f: flags_of(f) == wanted, names)

    @property
    def syns(self) -> Segments:
        """SYN alone: the first of a handshake."""
        return self.flags("SYN")

    @property
    def syn_acks(self) -> Segments:
        """SYN and ACK: the second of a handshake."""
        return self.flags("SYN,ACK")

    @property
    def fins(self) -> Segments:
        """Those with FIN."""
        return self.where(lambda f: tcp_of(f).fin, "FIN")

    @property
    def resets(self) -> Segments:
        """Those with RST."""
        return self.where(lambda f: tcp_of(f).rst, "RST")

    @property
    def with_data(self) -> Segments:
        """Those that carry data."""
        return self.where(lambda f: bool(f.packet.payload), "with data")

    @property
    def pure_acks(self) -> Segments:
        """ACK alone: no other flag, no data."""
        return self.where(lambda f: flags_of(f) == {"ACK"} and not f.packet.payload, "pure ACK")

    @property
    def copies(self) -> Segments:
        """The segment that was sent again, the first of them, with its copies; NothingSeen when none was.

        The same numbers, flags and data from the same end. Meant for where it is sent: a segment
        that was lost on its way is seen once where it arrives.
        """
        alike: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
        again: list[Frame] = []
        for frame in self:
            tcp = tcp_of(frame)
            key = (sender(frame), tcp.sequence, tcp.acknowledgment, flags_of(frame), frame.packet.payload)
            alike[key].append(frame)
            if not again and len(alike[key]) > 1:
                again = alike[key]
        if again:
            return type(self)(again, f"copies, {self.what}", self.markers)
        raise NothingSeen(f"a repetition among {self.what}", self.citations or self.markers_cited)

    @property
    def sent_twice(self) -> tuple[Frame, Frame]:
        """The first two of `copies`."""
        first, again = self.copies[:2]
        return first, again

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those whose first SYN is here, in the order in which they began."""
        return tuple(dict.fromkeys(Connection(sender(f), receiver(f)) for f in self.syns))

    @property
    def payload(self) -> bytes:
        """The data of these segments, by sequence number, what was sent twice taken once.

        Meant for one direction of one connection that holds less than 2 GiB.
        """
        pieces: dict[int, bytes] = {}
        base: int | None = None
        for frame in self.with_data:
            base = tcp_of(frame).sequence if base is None else base
            # Sequence numbers wrap at 2**32: what lies behind the first by under half of that came before it.
            offset = (tcp_of(frame).sequence - base + 2**31) % 2**32 - 2**31
            if len(frame.packet.payload) > len(pieces.get(offset, b"")):
                pieces[offset] = frame.packet.payload
        data = bytearray()
        end = min(pieces, default=0)
        for offset in sorted(pieces):
            if offset > end:
                raise NothingSeen(f"{offset - end} bytes of {self.what}, from byte {end} on", self.citations)
            data += pieces[offset][end - offset :]
            end = max(end, offset + len(pieces[offset]))
        return bytes(data)
