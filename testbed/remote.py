"""The way to a node: one channel to its probe, its clock, and commands run there or in its own container.

The base of a node's handle. Knows nothing of addresses, sockets or faults.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from testbed.actions import Doing, Journal
from testbed.channel import Channel
from testbed.errors import Unsupported
from testbed.process import Completed, Process, completed, expect_success

if TYPE_CHECKING:
    from execnet import Gateway

    from testbed.backends.base import Executed


class Undo(Protocol):
    """Takes what is to be undone later: a lab's undo stack, or a contextlib.ExitStack."""

    def callback(self, callback: Callable[[], object], /) -> object:
        """Take one thing to call."""


class Remote:
    """A name, and everything that can be done with a channel alone. From many threads at once.

    open_gateway: opens a Python in the node's network namespace. undo: takes a callback for
    everything that is set on the node. execute: runs a command in the node's own container,
    where the backend can.
    """

    def __init__(
        self,
        name: str,
        open_gateway: Callable[[], Gateway],
        undo: Undo | None,
        execute: Callable[..., Executed] | None,
    ) -> None:
        self.name = name
        self.journal = Journal()
        self._open_gateway = open_gateway
        self._undo = undo
        self._execute = execute
        self._opening = threading.Lock()
        self._channel: Channel | None = None
        self._clock_ahead = 0
        self._handlers: list[Callable[[str, Any], None]] = []

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    # -- the channel

    def call(self, operation: str, *, within: float = 0.0, **arguments: Any) -> Any:
        """Ask the probe for an operation; see `Channel.call` for what it raises."""
        return self._connected().call(operation, within=within, **arguments)

    def _connected(self) -> Channel:
        channel = self._channel
        if channel is not None:
            return channel
        with self._opening:
            if self._channel is None:
                opened = Channel(self.name, self._open_gateway(), self._dispatch)
                self._clock_ahead = clock_difference(opened)
                self._channel = opened
            return self._channel

    @property
    def alive(self) -> bool:
        """Whether the probe runs and its channel is open."""
        channel = self._channel
        return channel is not None and channel.alive

    def _dispatch(self, name: str, value: Any) -> None:
        for handler in list(self._handlers):
            handler(name, value)

    @contextlib.contextmanager
    def events(self, handler: Callable[[str, Any], None]) -> Iterator[None]:
        """Give the probe's events to a handler, in the channel's own thread."""
        self._handlers.append(handler)
        try:
            yield
        finally:
            self._handlers.remove(handler)

    def close(self) -> None:
        """Undo what the probe set on the node, and end the probe. The node may be used again after."""
        with self._opening:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def now_ns(self) -> int:
        """The node's CLOCK_REALTIME, in ns; on the engine's own machine that is ours."""
        return time.time_ns() + self._clock_ahead

    def doing(self, name: str, **arguments: Any) -> contextlib.AbstractContextManager[Doing]:
        """Write an action of this node into the journal."""
        return self.journal.doing(self.name, name, arguments, self.now_ns)

    def undo_later(self, callback: Callable[[], object]) -> None:
        """Have the lab call this at the scenario's end, last come first served."""
        if self._undo is not None:
            self._undo.callback(callback)

    def undo_when_dead(self, operation: str, /, **arguments: Any) -> int:
        """Have the probe do an operation when it ends, but for `agent.forget_undo`; return its number."""
        number: int = self.call("agent.undo_when_dead", name=operation, arguments=arguments)
        return number

    def undo_by(self, operation: str, /, **arguments: Any) -> None:
        """Have an operation done at the scenario's end, or by the probe when this process dies before.

        Call it before the change that it undoes.
        """
        number = self.undo_when_dead(operation, **arguments)
        self.undo_later(lambda: self.call("agent.undo", within=10.0, number=number))

    # -- commands

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 10.0,
        input: bytes | None = None,  # noqa: A002  as in subprocess
        check: bool = False,
    ) -> Completed:
        """Run a command of the probe's in the node's network namespace, to its end.

        timeout: seconds; then the command and its children are killed, and TimeoutError tells
        what it wrote. check: raise TestbedError when its status is not 0.
        Raises FileNotFoundError for a command that the probe does not have.
        """
        with self.doing("run", argv=list(argv)) as doing:
            answer = self.call("processes.run", within=timeout, argv=list(argv), timeout=timeout, stdin=input)
            result = completed(argv, answer, timeout)
            doing.result = result.facts()
        return expect_success(self.name, result) if check else result

    def spawn(self, argv: Sequence[str]) -> Process:
        """Start a command in the background; it ends with the probe at the latest."""
        with self.doing("spawn", argv=list(argv)) as doing:
            number, pid = self.call("processes.spawn", argv=list(argv))
            doing.result = {"pid": pid}
        process = Process(self, number, pid, tuple(argv))
        self.undo_later(process.close)
        return process

    def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002  as in subprocess
    ) -> Completed:
        """Run a command in the node's own container, where it must exist."""
        if self._execute is None:
            raise Unsupported(f"run {argv[0]} in node {self.name}", "this backend enters no container")
        with self.doing("exec", argv=list(argv)) as doing:
            answer = self._execute(list(argv), input=input, timeout=timeout)
            result = Completed(tuple(argv), answer.status, answer.stdout, answer.stderr)
            doing.result = result.facts()
        return result


def clock_difference(channel: Channel) -> int:
    """By how many ns the node's clock is ahead of ours; 0 when that is less than can be measured."""
    best = None
    for _ in range(3):
        before = time.time_ns()
        there = channel.call("agent.clock")
        after = time.time_ns()
        if best is None or after - before < best[0]:
            best = (after - before, there - (before + after) // 2)
    assert best is not None
    round_trip, ahead = best
    return 0 if abs(ahead) <= round_trip else ahead
