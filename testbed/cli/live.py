"""Frames of a running lab as a pcapng stream, one block at a time, as they come."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from testbed import pcapng
from testbed.cli.output import discard
from testbed.errors import UsageError
from testbed.evidence import LOOPBACK
from testbed.interrupts import shielded
from testbed.recorder import Recorder
from testbed.version import package_version

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.slices import RawFrame

FLUSH = 0.2  # seconds that a frame may wait before whoever reads the stream sees it


class Stream:
    """A pcapng stream: interfaces are described when their first frame comes, or before."""

    def __init__(self, file: IO[bytes], vantages: Collection[str]) -> None:
        self._file = file
        self._interfaces: dict[str, int] = {}
        application = f"testbed {package_version()}"
        file.write(pcapng.section_block(pcapng.Section(application=application)))
        for name in vantages:
            self._describe(name)
        file.flush()

    def _describe(self, name: str) -> int:
        if name not in self._interfaces:
            self._interfaces[name] = len(self._interfaces)
            self._file.write(pcapng.interface_block(pcapng.InterfaceBlock(name)))
        return self._interfaces[name]

    def write(self, frame: RawFrame) -> None:
        """Add a frame."""
        interface = self._describe(frame.vantage)
        record = pcapng.Record(
            interface, frame.time_ns, frame.data, frame.original_length, direction=frame.direction
        )
        self._file.write(pcapng.packet_block(record))

    def flush(self) -> None:
        """Let the reader see what there is."""
        self._file.flush()


def vantages_of(lab: Lab, wanted: Collection[str]) -> list[str]:
    """The vantage points that `NODE` and `NODE:NET` mean; all but the loopbacks where nothing is said."""
    found = []
    for text in wanted or [node.name for node in lab.topology.nodes]:
        name, _, network = text.partition(":")
        node = lab.topology.node(name)
        if network and network != LOOPBACK and network not in node.networks:
            known = ", ".join((*node.networks, LOOPBACK))
            raise UsageError(f"capture at {text!r}", f"{node.name} is on: {known}")
        found += [f"{node.name}:{network}"] if network else [f"{node.name}:{one}" for one in node.networks]
    return list(dict.fromkeys(found))


def frames_at(lab: Lab, vantages: Collection[str], seconds: float | None) -> Generator[RawFrame | None]:
    """Yield the frames of some vantage points as they come; None at the beginning, and when none has come.

    seconds: how long; None: until the reader has had enough.
    """
    coming: queue.SimpleQueue[RawFrame] = queue.SimpleQueue()
    nodes = list(dict.fromkeys(name.partition(":")[0] for name in vantages))
    recorder = Recorder([lab[node] for node in nodes])
    end = recorder.subscribe(lambda frame: coming.put(frame) if frame.vantage in vantages else None)
    recorder.start(keep=False)
    until = None if seconds is None else time.monotonic() + seconds
    try:
        yield None
        while until is None or time.monotonic() < until:
            try:
                yield coming.get(timeout=FLUSH)
            except queue.Empty:
                yield None
    finally:
        with shielded():
            end()
            recorder.stop()


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording ends by itself: after so many frames, or so many seconds; None: never."""

    frames: int | None = None
    seconds: float | None = None


def capture(
    lab: Lab, vantages: Collection[str], file: IO[bytes], limits: Limits, ready: Callable[[], object]
) -> int:
    """Write frames as they come, until Ctrl-C or a limit; return how many were written.

    ready: is called once frames are recorded. A pipe whose reader has gone is an end too. Raises
    StorageFull; what was written before stays.
    """
    count = 0
    try:
        stream = Stream(file, vantages)
        with closing(frames_at(lab, vantages, limits.seconds)) as coming:
            next(coming)
            ready()
            for frame in coming:
                if frame is None:
                    stream.flush()
                    continue
                stream.write(frame)
                count += 1
                if count == limits.frames:
                    break
    except KeyboardInterrupt:
        pass  # it is how a capture ends
    except BrokenPipeError:
        discard(file.fileno())
    file.flush()
    return count
