"""The single things that a recording holds: frames, samples of kernel state, actions, steps, gaps.

Plain values on one clock (CLOCK_REALTIME, nanoseconds since the epoch).
Each has a number, by which a verdict cites it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

from testbed import packets

Direction = Literal["in", "out"]
Address = IPv4Address | IPv6Address

MARKER_ETHERTYPE = 0x88B5
"""IEEE 802 local experimental ethertype 1: the frames that slice a recording bear it."""


@dataclass(frozen=True, slots=True)
class Citation:
    """What a verdict points at: `frame 12`, `sample 3`, `action 1`."""

    kind: Literal["frame", "sample", "action"]
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Endpoint:
    """An address and a port: one end of a connection.

    Hash and text are kept: a recording asks a few of them for both a hundred thousand times.
    """

    address: Address
    port: int

    @cached_property
    def _hash(self) -> int:
        return hash((int(self.address), self.port))

    @cached_property
    def _text(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(cls, pair: tuple[str, int] | list[Any]) -> Endpoint:
        """Make one from what a socket or a JSON file gives: `["172.16.10.10", 40112]`."""
        return cls(ip_address(str(pair[0])), int(pair[1]))

    def __str__(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class Connection:
    """The four-tuple that tells one TCP connection from every other (RFC 9293 §3.3.1)."""

    client: Endpoint
    server: Endpoint

    def __str__(self) -> str:
        return f"{self.client} to {self.server}"


class Frame:
    """One frame, as one vantage point saw it.

    number: its number in the run's capture file, which is the number that Wireshark shows.
    time_ns: when the kernel took it, CLOCK_REALTIME.
    vantage: `node:network`.
    direction: `out` when the vantage point's own node sent it.
    original_length: its length on the wire, in bytes; `data` is shorter when the capture cut it.
    """

    __slots__ = ("_packet", "data", "direction", "number", "original_length", "time_ns", "vantage")

    def __init__(
        self,
        number: int,
        time_ns: int,
        vantage: str,
        direction: Direction,
        data: bytes,
        original_length: int | None = None,
    ) -> None:
        self.number = number
        self.time_ns = time_ns
        self.vantage = vantage
        self.direction = direction
        self.data = data
        self.original_length = len(data) if original_length is None else original_length
        self._packet: packets.Packet | None = None

    @property
    def packet(self) -> packets.Packet:
        """The frame taken apart, once and only when somebody asks."""
        if self._packet is None:
            self._packet = packets.decode(self.data, original_length=self.original_length)
        return self._packet

    @property
    def citation(self) -> Citation:
        """Its kind and number."""
        return Citation("frame", self.number)

    @property
    def truncated(self) -> bool:
        """Whether the capture cut it."""
        return len(self.data) < self.original_length

    @property
    def is_marker(self) -> bool:
        """Whether it is one of the recorder's own, which slice a recording."""
        return self.data[12:14] == b"\x88\xb5"

    def replaced(self, **changes: Any) -> Frame:
        """Return a copy with some fields changed: how a mutant edits evidence."""
        fields = {
            "number": self.number,
            "time_ns": self.time_ns,
            "vantage": self.vantage,
            "direction": self.direction,
            "data": self.data,
            "original_length": self.original_length,
        }
        if "data" in changes and "original_length" not in changes:
            fields["original_length"] = len(changes["data"])
        return Frame(**{**fields, **changes})

    def __repr__(self) -> str:
        return f"<frame {self.number} at {self.vantage}: {self.packet.summary()}>"


@dataclass(frozen=True, slots=True)
class TcpSample:
    """A TCP socket in the kernel's own table (sock_diag), at the moment when it was first seen so.

    state: as RFC 9293 writes it, with a dash: `SYN-SENT`, `TIME-WAIT`; `CLOSED` when the socket has gone.
    receive_queue, send_queue: bytes; of a listening socket, connections that wait and the most that may.
    """

    number: int
    time_ns: int
    node: str
    local: Endpoint
    remote: Endpoint
    state: str
    receive_queue: int = 0
    send_queue: int = 0

    @property
    def citation(self) -> Citation:
        """Its kind and number."""
        return Citation("sample", self.number)

    def __str__(self) -> str:
        return f"{self.node} {self.local} {self.remote} {self.state}"


@dataclass(frozen=True, slots=True)
class NeighbourSample:
    """A change in a node's neighbour table, as the kernel announced it (RTM_NEWNEIGH, RTM_DELNEIGH).

    state: `INCOMPLETE`, `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `PERMANENT`,
    and `DELETED` when removed.
    mac: None while it is not known.
    """

    number: int
    time_ns: int
    node: str
    interface: str
    address: Address
    mac: str | None
    state: str

    @property
    def citation(self) -> Citation:
        """Its kind and number."""
        return Citation("sample", self.number)

    def __str__(self) -> str:
        return f"{self.node} {self.address} lladdr {self.mac} {self.state}"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the scenario did on a node, and how it ended: a refused connection is evidence too.

    result: what it returned, as JSON; None when it failed.
    error: the errno's name (`ECONNREFUSED`) or the exception's; None when it went well.
    step: the step of the scenario that it belongs to.
    """

    number: int
    begin_ns: int
    end_ns: int
    node: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str | None = None
    message: str = ""
    step: str | None = None

    @property
    def citation(self) -> Citation:
        """Its kind and number."""
        return Citation("action", self.number)

    @property
    def seconds(self) -> float:
        """How long it took, in seconds."""
        return (self.end_ns - self.begin_ns) / 1e9

    def __str__(self) -> str:
        outcome = self.error or "ok"
        return f"{self.node}.{self.name}: {outcome}"


@dataclass(frozen=True, slots=True)
class Step:
    """A named part of a scenario, in time."""

    name: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault that was in force: what it matched, where, and how often the kernel counted it.

    where: the hook that it sat in: `forward`, `ingress`, `egress`, `input`, `output`. rule: what the kernel
    was told, in nftables' words; both empty for what is no filter.
    """

    node: str
    description: str
    hits: int
    begin_ns: int
    end_ns: int
    step: str | None = None
    where: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A reason why the recording is not whole; a verdict that stands on it is unknown."""

    vantage: str
    reason: str

    def __str__(self) -> str:
        return f"{self.vantage}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Vantage:
    """A place where frames were recorded: one interface of one node, as it was at the beginning."""

    node: str
    network: str
    interface: str
    mac: str
    addresses: tuple[Address, ...] = ()
    mtu: int = 1500

    @property
    def name(self) -> str:
        """`node:network`."""
        return f"{self.node}:{self.network}"

    @property
    def ip(self) -> IPv4Address:
        """Its first IPv4 address; LookupError when it has none."""
        for address in self.addresses:
            if isinstance(address, IPv4Address):
                return address
        raise LookupError(f"{self.name} had no IPv4 address")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the kernel said of a node at the beginning and at the end of the recording.

    counters: the names of /proc/net/snmp and netstat, joined: `TcpExtListenDrops`; (begin, end).
    neighbours: rows of the neighbour table at the end. routes: rows of the routing table at the end.
    settings: the sysctls below /proc/sys/net that a check may need, as text.
    """

    node: str
    neighbours: tuple[Mapping[str, Any], ...] = ()
    routes: tuple[Mapping[str, Any], ...] = ()
    counters: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
