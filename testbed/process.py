"""Commands that ran on a node, and processes that still do."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from testbed.errors import DeadlinePassed, ProbeDied, TestbedError
from testbed.text import clean

if TYPE_CHECKING:
    from testbed.remote import Remote

# Seconds between two looks at a process's output.
LOOK_EVERY = 0.005


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended. status: negative for the signal that ended it.

    cut: how many bytes of output were more than is kept (4 MiB of each stream).
    """

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes
    cut: int = 0

    @property
    def text(self) -> str:
        """What it wrote to stdout, without control characters."""
        return clean(self.stdout)

    @property
    def error_text(self) -> str:
        """What it wrote to stderr, without control characters."""
        return clean(self.stderr)

    def facts(self) -> dict[str, Any]:
        """What an action records of it."""
        return {"status": self.status, "stdout": self.stdout, "stderr": self.stderr, "cut": self.cut}


def completed(argv: Sequence[str], answer: Mapping[str, Any], timeout: float) -> Completed:
    """Make one of the probe's answer; TimeoutError where the command had to be killed."""
    if answer["status"] is None:
        said = clean(answer["stdout"] + answer["stderr"]).strip()[-400:]
        raise TimeoutError(f"{shlex.join(argv)} did not end in {timeout:g} s; it wrote: {said or 'nothing'}")
    return Completed(tuple(argv), answer["status"], answer["stdout"], answer["stderr"], answer["cut"])


def expect_success(node: str, result: Completed) -> Completed:
    """Return the result; raise TestbedError where its status is not 0."""
    if result.status != 0:
        said = (result.error_text or result.text).strip()
        raise TestbedError(f"{shlex.join(result.argv)} on {node}", f"status {result.status}: {said}")
    return result


class Process:
    """A process on a node, in the background; a context manager that ends it."""

    def __init__(self, node: Remote, number: int, pid: int, argv: tuple[str, ...]) -> None:
        self.node = node
        self.pid = pid
        self.argv = argv
        self._number = number
        self._ended: Completed | None = None

    def __repr__(self) -> str:
        return f"<process {self.pid} on {self.node.name}: {shlex.join(self.argv)[:60]}>"

    def _look(self) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.node.call("processes.poll", number=self._number)
        return answer

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self._ended is not None:
            return self._ended.status
        status: int | None = self._look()["status"]
        return status

    def output(self) -> bytes:
        """What it has written to stdout so far."""
        return self._ended.stdout if self._ended is not None else bytes(self._look()["stdout"])

    def wait_output(self, text: str, timeout: float = 20.0) -> str:
        """Wait until it has written a text, to stdout or stderr; return all that it wrote.

        DeadlinePassed after `timeout` seconds, TestbedError when it ended without, both with its words.
        """
        deadline = time.monotonic() + timeout
        while True:
            answer = self._look()
            said = clean(answer["stdout"]) + clean(answer["stderr"])
            if text in said:
                return said
            doing = f"wait until {shlex.join(self.argv)[:80]} on {self.node.name} writes {text!r}"
            if answer["status"] is not None:
                raise TestbedError(
                    doing, f"it ended with status {answer['status']}; it wrote: {said.strip()}"
                )
            if time.monotonic() > deadline:
                raise DeadlinePassed(doing, f"not in {timeout:g} s; it wrote: {said.strip() or 'nothing'}")
            time.sleep(LOOK_EVERY)

    def wait(self, timeout: float = 10.0) -> Completed:
        """Wait for its end; TimeoutError after `timeout` seconds."""
        if self._ended is None:
            answer = self.node.call("processes.wait", within=timeout, number=self._number, timeout=timeout)
            self._ended = completed(self.argv, answer, timeout)
        return self._ended

    def cpu_seconds(self) -> float:
        """The CPU time that it has used, its own and the kernel's for it, in seconds."""
        with self.node.doing("cpu_seconds", pid=self.pid) as doing:
            doing.result = used = float(self.node.call("processes.cpu_seconds", number=self._number))
        return used

    def signal(self, number: int) -> None:
        """Send a signal to it and its children."""
        with self.node.doing("signal", pid=self.pid, signal=signal.Signals(number).name):
            self.node.call("processes.signal", number=self._number, signal_number=int(number))

    def kill(self) -> Completed:
        """End it with SIGKILL, and wait for that."""
        if self._ended is None:
            self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self) -> Completed:
        """End it with SIGTERM, after a second with SIGKILL; return how it ended and what it wrote."""
        if self._ended is None:
            with self.node.doing("terminate", pid=self.pid) as doing:
                answer = self.node.call("processes.stop", within=2.0, number=self._number)
                self._ended = completed(self.argv, answer, 0)
                doing.result = {"status": self._ended.status}
        return self._ended

    def close(self) -> None:
        """End it where it still runs; a probe that died took it along."""
        with contextlib.suppress(ProbeDied):
            self.terminate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
