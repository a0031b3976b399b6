"""A slice of a recording as plain values, before it becomes evidence.

All times are CLOCK_REALTIME in ns, by the clock of the node that they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from testbed.actions import ActionRecord, StepRecord
from testbed.errors import TestbedError
from testbed.faults import FaultState
from testbed.probe.marks import Mark


class RawFrame(NamedTuple):
    """A frame at one vantage point (`client:lan-a`).

    checksum_pending: the kernel had not filled in the transport checksum when it was
    recorded (loopback): that it is wrong means nothing.
    """

    time_ns: int
    vantage: str
    direction: Literal["in", "out"]
    original_length: int
    data: bytes
    checksum_pending: bool = False


@dataclass(frozen=True, slots=True)
class RawSample:
    """Something that the kernel's tables said at a moment.

    kind: "tcp", "neighbour", "link", "address" or "route"; row: as `testbed.probe.sampler` has it.
    """

    time_ns: int
    node: str
    kind: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawVantage:
    """An interface of a node, as it was when the slice began. addresses: with prefix lengths."""

    node: str
    network: str
    interface: str
    mac: str
    addresses: tuple[str, ...]
    mtu: int

    @property
    def name(self) -> str:
        """`client:lan-a`."""
        return f"{self.node}:{self.network}"


@dataclass(frozen=True, slots=True)
class RawFacts:
    """A node's tables when the slice began, and when it ended: as `sampler.op_snapshot` returns them."""

    begin: Mapping[str, Any]
    end: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenMark:
    """A marker frame, where it was seen and when."""

    vantage: str
    time_ns: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Hole:
    """Why the slice is not whole at a vantage point (`client:lan-a`, or `client` for all of the node)."""

    vantage: str
    reason: str


@dataclass(frozen=True, slots=True)
class RawSlice:
    """What was recorded between two marks. Frames, samples, actions and steps are in order of time.

    before: the frames since the slice before this one. dropped: node -> frames that the kernel
    could not keep for us in this slice. failure: what stopped the recording, StorageFull above all.
    """

    label: str
    begin_ns: int
    end_ns: int
    vantages: tuple[RawVantage, ...]
    before: tuple[RawFrame, ...]
    frames: tuple[RawFrame, ...]
    samples: tuple[RawSample, ...]
    actions: tuple[ActionRecord, ...]
    steps: tuple[StepRecord, ...]
    faults: tuple[FaultState, ...]
    marks: tuple[SeenMark, ...]
    facts: Mapping[str, RawFacts] = field(default_factory=dict)
    holes: tuple[Hole, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    failure: TestbedError | None = None
