"""The recording of a lab: every frame of every interface, the kernels' tables, what was done.

A `Recorder` runs from its start to its stop. A slice of it is bounded by marker frames that
every vantage point sends and must show. What it hands over is plain (`testbed.slices`);
`testbed.gathering` makes evidence of it.
"""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from testbed.actions import Journal
from testbed.errors import StorageFull
from testbed.gathering import evidence_of
from testbed.node import Node
from testbed.slices import Hole, RawFrame, RawSlice, SeenMark
from testbed.spool import MEMORY, Spool
from testbed.tap import Phase, Tap

if TYPE_CHECKING:
    from testbed.evidence import Evidence
    from testbed.lab import Lab

FrameHandler = Callable[[RawFrame], None]

# Seconds that the markers of the other nodes of a LAN may take to arrive.
FOREIGN_MARKS = 1.0
# Before a slice is cut, nothing must have come for QUIET seconds; that is waited for at most CALM_LIMIT.
QUIET, CALM_LIMIT = 0.03, 0.25


@dataclass(slots=True)
class Recording:
    """What `record` yields. evidence: of the block, once it has ended."""

    evidence: Evidence | None = None


@contextmanager
def record(lab: Lab, scenario_id: str) -> Iterator[Recording]:
    """Record all nodes of a lab that run while the block does; see `Recorder.begin` for what it raises."""
    recorder = lab.recorder
    recording = Recording()
    recorder.begin()
    try:
        yield recording
    finally:
        recording.evidence = evidence_of(recorder.cut(scenario_id), lab.topology)


class Recorder:
    """Records all of these nodes.

    run_id: stands in the marker frames, to tell them from another recorder's of the same lab.
    journal: where the nodes write what they do; by default that of the first, for all of them.
    spool: folder for what exceeds `memory` bytes of frames between two cuts.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        run_id: str = "",
        *,
        journal: Journal | None = None,
        spool: Path | None = None,
        memory: int = MEMORY,
    ) -> None:
        self.run_id = run_id or secrets.token_hex(4)
        nodes = tuple(nodes)
        self.journal = journal or (nodes[0].journal if nodes else Journal())
        self._marked = threading.Condition()
        self._taps = tuple(Tap(node, self.run_id, self._on_batch, self._marked) for node in nodes)
        self._number_of = {id(tap): number for number, tap in enumerate(self._taps)}
        self._spool = Spool(spool, memory)
        weakref.finalize(self, self._spool.close)
        self._handlers: list[FrameHandler] = []
        self._handling = threading.Lock()
        self._keep = True
        self._mark_number = 0
        self._begin_ns = 0
        self._late: list[RawFrame] = []
        self._last_batch = 0.0
        self._pool = ThreadPoolExecutor(min(32, len(self._taps) or 1), thread_name_prefix="recorder")

    # -- life

    def start(self, *, keep: bool = True) -> None:
        """Record every node from now on; those that are being recorded go on.

        keep: False for subscribers alone: frames are forgotten once they were handed over.
        Raises ProbeDied, NodeExited.
        """
        self._keep = keep
        self.journal.keeping = keep
        for tap in self._taps:
            tap.node.journal = self.journal
        self._for_all(Tap.start)

    def stop(self) -> None:
        """Stop recording. The probes undo what they set on the nodes; what was not cut is forgotten."""
        self.journal.keeping = False
        self._for_all(Tap.stop)
        self._spool.close()
        self._late.clear()

    def _for_all(self, do: Callable[[Tap], None]) -> None:
        """Do something with every node at the same time; raise the first error when all are done."""
        done = [self._pool.submit(do, tap) for tap in self._taps]
        wait(done)
        for future in done:
            future.result()

    def subscribe(self, handler: FrameHandler) -> Callable[[], None]:
        """Give each frame to a handler as it comes, one at a time; call the result to end that.

        The handler is called in the channels' threads, so it must neither block nor fail.
        """
        self._handlers.append(handler)

        def end() -> None:
            with self._handling:
                self._handlers.remove(handler)

        return end

    def _on_batch(self, tap: Tap, batch: bytes) -> None:
        self._last_batch = time.monotonic()
        if self._keep:
            self._spool.append(self._number_of[id(tap)], batch)
        if self._handlers:
            with self._handling:
                for frame in tap.frames(batch):
                    for handler in list(self._handlers):
                        handler(frame)

    # -- slices

    def begin(self) -> None:
        """Begin a slice; starts what does not run. Raises ProbeDied, NodeExited."""
        self.start()
        for tap in self._taps:
            tap.forget()
        self._begin_ns = min(tap.node.now_ns() for tap in self._taps)
        self._mark("begin", Tap.mark)
        self.journal.take()

    def cut(self, label: str) -> RawSlice:
        """End the slice: return what was recorded since `begin`.

        A probe that died, a marker that is missing, frames that the kernel dropped and a
        full disk do not raise: they are holes in the slice, which keeps all that there is.
        """
        self._calm_down()
        self._mark("end", Tap.try_to_mark)
        end_ns = max(tap.node.now_ns() for tap in self._taps)
        actions, steps = self.journal.take()
        failure = self._spool.failure
        marks = tuple(sorted((mark for tap in self._taps for mark in tap.marks), key=_time))
        before, frames = self._divide(marks, end_ns)
        return RawSlice(
            label=label,
            begin_ns=self._begin_ns,
            end_ns=end_ns,
            vantages=tuple(vantage for tap in self._taps for vantage in tap.vantages()),
            before=before,
            frames=frames,
            samples=tuple(sorted((one for tap in self._taps for one in tap.samples()), key=_time)),
            actions=actions,
            steps=steps,
            faults=tuple(fault for tap in self._taps for fault in tap.node.take_faults()),
            marks=marks,
            facts={tap.node.name: tap.facts() for tap in self._taps},
            holes=tuple(self._holes(failure)),
            dropped={tap.node.name: tap.dropped for tap in self._taps},
            failure=failure,
        )

    def _calm_down(self) -> None:
        """Wait until nothing more happens: answers may still be on their way."""
        limit = time.monotonic() + CALM_LIMIT
        while (now := time.monotonic()) < min(limit, self._last_batch + QUIET):
            time.sleep(min(limit, self._last_batch + QUIET) - now)

    def _mark(self, phase: Phase, mark: Callable[[Tap, int, Phase], None]) -> None:
        """Mark all nodes, and give each marker the time to arrive at the other nodes of its LAN."""
        self._mark_number += 1
        number = self._mark_number
        self._for_all(lambda tap: mark(tap, number, phase))
        expected = {tap: tap.expected_marks for tap in self._taps}
        senders = {name.partition(":")[2]: 0 for names in expected.values() for name in names}
        for names in expected.values():
            for name in names:
                senders[name.partition(":")[2]] += 1

        def all_arrived() -> bool:
            return all(
                sum(seen.vantage == name and seen.mark.number == number for seen in tap.marks)
                >= senders[name.partition(":")[2]]
                for tap, names in expected.items()
                for name in names
            )

        with self._marked:
            self._marked.wait_for(all_arrived, FOREIGN_MARKS)

    def _divide(
        self, marks: tuple[SeenMark, ...], end_ns: int
    ) -> tuple[tuple[RawFrame, ...], tuple[RawFrame, ...]]:
        """Return the frames before the slice and those in it; keep those after it for the next.

        At each vantage point a slice goes from the first begin marker seen there to the last end marker.
        """
        begins: dict[str, int] = {}
        ends: dict[str, int] = {}
        for seen in marks:
            if seen.mark.phase == "begin":
                begins.setdefault(seen.vantage, seen.time_ns)
            elif seen.mark.number == self._mark_number:
                ends[seen.vantage] = seen.time_ns
        before, within, after = [], [], []
        for frame in (*self._late, *self._all_frames()):
            if frame.time_ns < begins.get(frame.vantage, self._begin_ns):
                before.append(frame)
            elif frame.time_ns <= ends.get(frame.vantage, end_ns):
                within.append(frame)
            else:
                after.append(frame)
        self._late = after
        return tuple(sorted(before, key=_time)), tuple(sorted(within, key=_time))

    def _all_frames(self) -> Iterator[RawFrame]:
        for number, batch in self._spool.take():
            yield from self._taps[number].frames(batch)

    def _holes(self, failure: StorageFull | None) -> Iterator[Hole]:
        for tap in self._taps:
            yield from tap.holes()
        if failure is not None:
            yield Hole("*", f"{failure.attempted}: {failure.seen}")


class _Timed(Protocol):
    @property
    def time_ns(self) -> int: ...


def _time(one: _Timed) -> int:
    return one.time_ns
