"""Faults: lose exactly this packet, drop those, limit a rate; and the middle box's tricks.

    with lab.router.lose(Match(flags="SYN,ACK", source_port=8888)) as fault:
        ...                         # the first SYN-ACK is lost, its repetition passes
    assert fault.hits() == 1

`Match` says which packets, in words of the protocols; the node, and `where`, say at which
point on their way:

    forward   on a router, between its interfaces: seen where it came in, not where it
              would have gone out. The default on a node that forwards.
    ingress   on arrival, before the node's kernel looks at it: recorded at the node, and
              never received by it. The default on a host for what comes to it.
    egress    on leaving, after the kernel has sent it: not on the wire, so not recorded.
              The default on a host for what it sends.
    input, output   netfilter's hooks of those names, for what must be reassembled or
              tracked first. A packet lost at output fails the sender's call with EPERM.

Each fault is a chain of its own in a table of our own, so undoing it removes just that; the
table goes with its last chain. Docker's rules (the embedded DNS) are left alone. The kernel
counts: how many packets matched, how many were lost. Where this process dies, the probe undoes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from testbed.errors import ProbeDied
from testbed.matching import Match

if TYPE_CHECKING:
    from testbed.node import Node

__all__ = ["Fault", "FaultState", "Match", "Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """How a fault is counted and removed: both return (matched, hits)."""

    count: Callable[[], tuple[int, int]]
    remove: Callable[[], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault as evidence. matched: packets that fitted; hits: those it acted on.

    end_ns: None while it is in force. Times are CLOCK_REALTIME in ns by the node's clock.
    """

    node: str
    kind: str
    description: str
    where: str
    rule: str
    begin_ns: int
    end_ns: int | None
    matched: int
    hits: int
    step: str | None = None


class Fault:
    """A fault in force on a node; undone by `undo`, at the end of its `with`, or by the lab."""

    def __init__(
        self,
        node: Node,
        kind: str,
        description: str,
        where: str,
        rule: str,
        parts: Parts,
        on_undone: Callable[[Fault], None],
    ) -> None:
        self.node = node
        self.kind = kind
        self.description = description
        self.where = where
        self.rule = rule
        self.step = node.journal.current_step
        self.begin_ns = node.now_ns()
        self._on_undone = on_undone
        self._parts = parts
        self._end_ns: int | None = None
        self._counts = (0, 0)
        self._undoing = threading.Lock()

    def __repr__(self) -> str:
        return f"<{self.kind} on {self.node.name}: {self.description}>"

    def hits(self) -> int:
        """How many packets the kernel counted as lost (or limited, or changed) by it, so far."""
        return self._count()[1]

    def matched(self) -> int:
        """How many packets fitted its description so far, those that passed included."""
        return self._count()[0]

    def _count(self) -> tuple[int, int]:
        with self._undoing:
            if self._end_ns is None:
                self._counts = self._parts.count()
            return self._counts

    def await_hits(self, count: int = 1, timeout: float = 5.0) -> None:
        """Wait until the kernel has counted so many; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (hits := self.hits()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{self.description} on {self.node.name}: {hits} of {count} packets in {timeout:g} s"
                )
            time.sleep(0.005)

    def state(self) -> FaultState:
        """The fault as evidence, with the counts of this moment."""
        try:
            matched, hits = self._count()
        except ProbeDied:  # the counts as they were last read; that the probe died is told elsewhere
            matched, hits = self._counts
        return FaultState(
            self.node.name, self.kind, self.description, self.where, self.rule,
            self.begin_ns, self._end_ns, matched, hits, self.step,
        )  # fmt: skip

    def undo(self) -> None:
        """Take it back; twice is as good as once."""
        with self._undoing:
            if self._end_ns is not None:
                return
            with self.node.doing("undo", fault=self.description) as doing:
                self._counts = self._parts.remove()
                doing.result = {"matched": self._counts[0], "hits": self._counts[1]}
            self._end_ns = self.node.now_ns()
        self._on_undone(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ProbeDied):
            return  # nobody is left to ask; the lab's end removes the node
        self.undo()
