"""One node under recording: what its probe streams, as it comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Literal

from testbed.errors import ProbeDied, TestbedError
from testbed.node import LOOPBACK, Node
from testbed.probe.marks import ETHERTYPE_BYTES, read_mark
from testbed.probe.wire import CHECKSUM_PENDING, OUTGOING, unpack
from testbed.slices import Hole, RawFacts, RawFrame, RawSample, RawVantage, SeenMark

Phase = Literal["begin", "end"]


class Tap:
    """The frames, samples and marker frames of one node.

    on_batch takes each batch of frames in the channel's thread; `frames` takes one apart.
    marked is notified when marker frames of the run have come, or will never come.
    """

    def __init__(
        self, node: Node, run_id: str, on_batch: Callable[[Tap, bytes], None], marked: threading.Condition
    ) -> None:
        self.node = node
        self._run_id = run_id
        self._on_batch = on_batch
        self._marked = marked
        self._undo = ExitStack()
        self._started = False
        self._interfaces: dict[int, str] = {}
        self._networks: dict[str, str] = {}
        self._samples: list[RawSample] = []
        self._failures: list[str] = []
        self._missing: dict[str, str] = {}
        self._dropped = {"begin": 0, "end": 0}
        self._tables: dict[str, Mapping[str, Any]] = {"begin": {}, "end": {}}
        self.marks: list[SeenMark] = []

    # -- life

    def start(self) -> None:
        """Record from now on; nothing happens where that is so already.

        A probe that died is replaced. Raises ProbeDied, NodeExited.
        """
        if self._started and self.node.alive:
            return
        if self._started:
            self._release()
            self.node.close()
        self._undo.enter_context(self.node.events(self._on_event))
        self._started = True
        self._failures.clear()
        try:
            self.node.call("capture.start")
            self._networks = {row["name"]: row["network"] for row in self.node.interfaces()}
            self.node.call("sampler.start")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop recording: the probe undoes what it set on the node for it."""
        if not self._started:
            return
        try:
            self.node.call("sampler.stop")
            self.node.call("capture.stop", within=30.0)
        except ProbeDied as error:
            self._failures.append(str(error))
        finally:
            self._release()

    def _release(self) -> None:
        self._undo.close()
        self._started = False
        self._interfaces = {}

    # -- what comes, in the channel's thread

    def _on_event(self, name: str, value: Any) -> None:
        if name == "frames":
            self._on_batch(self, value)
            if ETHERTYPE_BYTES in value:
                self._look_for_marks(value)
        elif name == "interface":
            number, interface = value
            self._interfaces[number] = interface
        elif name == "samples":
            self._samples += [RawSample(at, self.node.name, kind, row) for at, kind, row in json.loads(value)]
        elif name == "failed":
            self._failures.append(value)
            with self._marked:
                self._marked.notify_all()

    def _look_for_marks(self, batch: bytes) -> None:
        found = [
            SeenMark(frame.vantage, frame.time_ns, mark)
            for frame in self.frames(batch)
            if (mark := read_mark(frame.data)) is not None and mark.run == self._run_id
        ]
        if found:
            with self._marked:
                self.marks += found
                self._marked.notify_all()

    def frames(self, batch: bytes) -> Iterator[RawFrame]:
        """Take a batch apart."""
        for time_ns, interface, flags, original, data in unpack(batch):
            name = self._interfaces[interface]
            vantage = f"{self.node.name}:{self._networks.get(name, name)}"
            direction: Literal["in", "out"] = "out" if flags & OUTGOING else "in"
            pending = bool(flags & CHECKSUM_PENDING)
            yield RawFrame(time_ns, vantage, direction, original, data, pending)

    # -- slices

    def forget(self) -> None:
        """Forget samples and marks: a slice begins."""
        self._samples.clear()
        self._missing.clear()
        self.marks.clear()
        self.node.take_faults()

    def mark(self, number: int, phase: Phase) -> None:
        """Read the node's tables, and have every interface send and show a marker frame."""
        if phase == "begin":
            self._look("begin")
        answer = self.node.call(
            "capture.mark", within=30.0, run=self._run_id, number=number, phase=phase,
            node=self.node.name, networks=self._networks,
        )  # fmt: skip
        self._missing.update(answer["missing"])
        self._dropped["end"] = answer["dropped"]
        if phase == "begin":
            self._dropped["begin"] = answer["dropped"]
        else:
            self._look("end")

    def _look(self, phase: Phase) -> None:
        tables = json.loads(self.node.call("sampler.snapshot"))
        self._networks.update({row["name"]: self.node.network_of(row) for row in tables["interfaces"]})
        self._tables[phase] = tables

    def try_to_mark(self, number: int, phase: Phase) -> None:
        """Mark, or make a hole of what prevents it."""
        try:
            self.mark(number, phase)
        except (TestbedError, OSError) as error:
            self._failures.append(str(error))

    @property
    def expected_marks(self) -> set[str]:
        """The vantage points at which this node's own last marker was seen."""
        return {
            f"{self.node.name}:{network}"
            for name, network in self._networks.items()
            if name not in self._missing and network in self.node.declared.networks
        }

    def vantages(self) -> Iterator[RawVantage]:
        """The interfaces when the slice began: loopback, those of the topology, and others that were up."""
        for row in self._tables["begin"].get("interfaces", ()):
            if self._relevant(row):
                network = self._networks[row["name"]]
                addresses = tuple(row["addresses"])
                yield RawVantage(self.node.name, network, row["name"], row["mac"], addresses, row["mtu"])

    def _relevant(self, row: Mapping[str, Any]) -> bool:
        network = self._networks[row["name"]]
        return network == LOOPBACK or network in self.node.declared.networks or bool(row["up"])

    def samples(self) -> Iterator[RawSample]:
        """The sockets that there were when the slice began, then the changes."""
        begin = self._tables["begin"].get("time_ns", 0)
        for row in self._tables["begin"].get("sockets", ()):
            yield RawSample(begin, self.node.name, "tcp", row)
        yield from (sample for sample in list(self._samples) if sample.time_ns >= begin)

    def facts(self) -> RawFacts:
        """The node's tables at both ends of the slice."""
        return RawFacts(self._tables["begin"], self._tables["end"])

    @property
    def dropped(self) -> int:
        """Frames of the slice that the kernel could not keep for us."""
        return self._dropped["end"] - self._dropped["begin"]

    def _was_down(self, interface: str) -> bool:
        """Whether an interface was set down from beginning to end: then nothing can have passed it."""
        rows = [row for tables in self._tables.values() for row in tables.get("interfaces", ())]
        return not any(row["up"] for row in rows if row["name"] == interface)

    def holes(self) -> Iterator[Hole]:
        """Why the slice is not whole at this node."""
        name = self.node.name
        yield from (Hole(name, failure) for failure in self._failures)
        if self.dropped > 0:
            yield Hole(name, f"the kernel dropped {self.dropped} frames that were to be recorded")
        rows = {row["name"]: row for row in self._tables["begin"].get("interfaces", ())}
        for interface, reason in self._missing.items():
            if interface in rows and self._relevant(rows[interface]) and not self._was_down(interface):
                yield Hole(f"{name}:{self._networks[interface]}", f"no marker frame: {reason}")
