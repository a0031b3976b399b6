"""Commands and background processes in the probe, in the node's network namespace.

Each runs in a process group of its own, which is killed whole: on its time limit, when
it is stopped, and when the probe ends. Output is kept up to a limit; what is beyond it
is read and thrown away, and said.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Deadline

if TYPE_CHECKING:
    from .agent import Agent

# Bytes of each of stdout and stderr that are kept.
OUTPUT_LIMIT = 4 * 1024 * 1024
# Seconds between SIGTERM and SIGKILL.
GRACE = 1.0


class Child:
    """One process group, its output as far as it has come, and how it ended."""

    def __init__(self, argv: Sequence[str], stdin: bytes | None, limit: int) -> None:
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._stdin = stdin
        self._limit = limit
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._cut = {"stdout": 0, "stderr": 0}
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Number of the process (and of its group), in the probe's own process namespace."""
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def read(self, deadline: float | None) -> None:
        """Move the output until both pipes end, or raise Deadline at the monotonic time."""
        poller = select.poll()
        streams: dict[int, tuple[str, Any]] = {}
        for name in ("stdout", "stderr"):
            pipe = getattr(self._process, name)
            streams[pipe.fileno()] = (name, pipe)
            poller.register(pipe, select.POLLIN | select.POLLHUP)
        to_write = self._open_stdin(poller, streams)
        while streams:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = poller.poll(None if left is None else left * 1000)
            if not ready and left is not None and deadline is not None and time.monotonic() >= deadline:
                raise Deadline("the command did not end in time")
            for descriptor, _ in ready:
                name, pipe = streams[descriptor]
                if name == "stdin":
                    to_write = self._feed(descriptor, to_write)
                    finished = not to_write
                else:
                    finished = not self._take(name, descriptor)
                if finished:
                    poller.unregister(descriptor)
                    del streams[descriptor]
                    pipe.close()

    def _open_stdin(self, poller: select.poll, streams: dict[int, tuple[str, Any]]) -> memoryview:
        pipe = self._process.stdin
        if pipe is None:
            return memoryview(b"")
        if not self._stdin:
            pipe.close()
            return memoryview(b"")
        os.set_blocking(pipe.fileno(), False)
        streams[pipe.fileno()] = ("stdin", pipe)
        poller.register(pipe, select.POLLOUT)
        return memoryview(self._stdin)

    @staticmethod
    def _feed(descriptor: int, data: memoryview) -> memoryview:
        try:
            return data[os.write(descriptor, data[:65536]) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:  # it does not want the rest, as `head` would not
            return memoryview(b"")

    def _take(self, name: str, descriptor: int) -> bool:
        data = os.read(descriptor, 65536)
        with self._lock:
            room = max(0, self._limit - len(self._kept[name]))
            self._kept[name] += data[:room]
            self._cut[name] += max(0, len(data) - room)
        return bool(data)

    def wait(self, deadline: float | None) -> int:
        """Return the exit status, or raise Deadline at the monotonic time."""
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            return self._process.wait(left)
        except subprocess.TimeoutExpired:
            raise Deadline("the process did not end in time") from None

    def output(self) -> dict[str, Any]:
        """What it has written so far, and how many bytes beyond the limit were not kept."""
        with self._lock:
            return {
                "stdout": bytes(self._kept["stdout"]),
                "stderr": bytes(self._kept["stderr"]),
                "cut": self._cut["stdout"] + self._cut["stderr"],
            }

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def stop(self) -> int:
        """End the group: SIGTERM, then SIGKILL; return the exit status."""
        if self.poll() is None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(Deadline):
                self.wait(time.monotonic() + GRACE)
        self.signal(signal.SIGKILL)
        return self._process.wait()


class Processes:
    """The operations `processes.*`."""

    def __init__(self, agent: Agent) -> None:
        del agent
        self._numbers = itertools.count(1)
        self._children: dict[int, tuple[Child, threading.Thread]] = {}

    def close(self) -> None:
        """End every process that was started in the background."""
        for child, _ in list(self._children.values()):
            child.signal(signal.SIGKILL)

    def op_run(
        self, argv: Sequence[str], timeout: float, stdin: bytes | None = None, limit: int = OUTPUT_LIMIT
    ) -> dict[str, Any]:
        """Run a command to its end; on the time limit kill it and say what it wrote until then."""
        deadline = time.monotonic() + timeout
        child = Child(argv, stdin, limit)
        try:
            child.read(deadline)
            status: int | None = child.wait(deadline)
        except Deadline:
            child.signal(signal.SIGKILL)
            child.wait(None)
            status = None
        return {"status": status, **child.output()}

    def op_spawn(self, argv: Sequence[str], limit: int = OUTPUT_LIMIT) -> tuple[int, int]:
        """Start a process in the background; return our number for it and its process id."""
        child = Child(argv, None, limit)
        reader = threading.Thread(target=child.read, args=(None,), name=f"output of {argv[0]}", daemon=True)
        reader.start()
        number = next(self._numbers)
        self._children[number] = (child, reader)
        return number, child.pid

    def _child(self, number: int) -> tuple[Child, threading.Thread]:
        if number not in self._children:
            raise ValueError(f"no process {number}")
        return self._children[number]

    def op_poll(self, number: int) -> dict[str, Any]:
        """Exit status (None while it runs) and the output so far: of one that has ended, all of it."""
        child, reader = self._child(number)
        status = child.poll()
        if status is not None:
            reader.join(GRACE)
        return {"status": status, **child.output()}

    def op_wait(self, number: int, timeout: float) -> dict[str, Any]:
        """Wait for the end and the last of the output."""
        child, reader = self._child(number)
        deadline = time.monotonic() + timeout
        status = child.wait(deadline)
        reader.join(max(0.0, deadline - time.monotonic()))
        return {"status": status, **child.output()}

    def op_cpu_seconds(self, number: int) -> float:
        """User and system time that the process has used, its ended children included, in seconds."""
        fields = Path(f"/proc/{self._child(number)[0].pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def op_signal(self, number: int, signal_number: int) -> None:
        """Send a signal to the process group."""
        self._child(number)[0].signal(signal_number)

    def op_stop(self, number: int) -> dict[str, Any]:
        """End the process group and forget it; return how it ended and what it wrote."""
        child, reader = self._child(number)
        status = child.stop()
        reader.join(GRACE)
        del self._children[number]
        return {"status": status, **child.output()}
