"""One channel to one probe, on which many requests may be under way at once.

Owns the shipping of the probe's sources, the numbering of requests, and what becomes of
waiting callers when the probe dies. Knows no operation; `testbed.node` does.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from importlib import resources
from typing import TYPE_CHECKING, Any

from testbed.errors import DeadlinePassed, ProbeDied, TestbedError, Unsupported, UsageError
from testbed.text import clean

if TYPE_CHECKING:
    from execnet import Gateway

# Seconds that the channel and the probe may take beyond an operation's own time limit.
PATIENCE = 10.0

EventHandler = Callable[[str, Any], None]
_END = object()


def sources() -> dict[str, str]:
    """Return the modules of the probe, name to source text, without the bootstrap."""
    files = resources.files("testbed.probe").iterdir()
    return {
        file.name.removesuffix(".py"): file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith(".py") and file.name != "bootstrap.py"
    }


class Channel:
    """Requests to the agent of one probe, from any thread; its events go to one handler.

    node: name for messages. on_event is called in the channel's receiving thread, so it
    must neither block nor make a request.
    """

    def __init__(self, node: str, gateway: Gateway, on_event: EventHandler) -> None:
        self.node = node
        self._gateway = gateway
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._sending = threading.Lock()
        self._dead: str | None = None
        self._stderr: deque[str] = deque(maxlen=20)
        bootstrap = resources.files("testbed.probe").joinpath("bootstrap.py").read_text(encoding="utf-8")
        self._channel = gateway.remote_exec(bootstrap)
        self._channel.send(sources())
        self._channel.setcallback(self._receive, endmarker=_END)

    @property
    def alive(self) -> bool:
        """Whether requests can still be made."""
        return self._dead is None

    @property
    def last_words(self) -> str:
        """The last lines that the probe's process wrote to stderr."""
        return "\n".join(self._stderr)

    def call(self, operation: str, *, within: float = 0.0, **arguments: Any) -> Any:
        """Ask for an operation and wait for its value.

        within: seconds that the operation itself may take.
        Raises OSError (of the subclass that fits its errno), TimeoutError without errno
        when the operation's own time limit passed, socket.gaierror, Unsupported,
        UsageError for an argument that the probe refuses, ProbeDied, and DeadlinePassed
        when the probe does not answer at all.
        """
        answer: Future[Any] = Future()
        number = next(self._numbers)
        self._send(number, operation, arguments, answer)
        try:
            return answer.result(within + PATIENCE)
        except FutureTimeout:
            if answer.done():
                raise  # the operation's own
            raise DeadlinePassed(
                f"{operation} on {self.node}",
                f"no answer from the probe in {within + PATIENCE:g} s",
                f"see whether the probe is paused: docker ps --filter label=testbed.node={self.node}",
            ) from None
        finally:
            self._waiting.pop(number, None)

    def _send(self, number: int, operation: str, arguments: dict[str, Any], answer: Future[Any]) -> None:
        self._waiting[number] = answer
        if self._dead is not None:
            self._waiting.pop(number, None)
            raise self._died(operation)
        try:
            with self._sending:
                self._channel.send((number, operation, arguments))
        except OSError as error:
            self._waiting.pop(number, None)
            raise self._died(operation) from error

    def _receive(self, message: Any) -> None:
        if message is _END:
            self._end()
        elif message[0] == "reply":
            _, number, good, value = message
            answer = self._waiting.pop(number, None)
            if answer is None:
                return  # the caller gave up
            if good:
                answer.set_result(value)
            else:
                answer.set_exception(self.error(*value))
        elif message[1] == "stderr":
            self._stderr.extend(clean(message[2]).splitlines())
        else:
            self._on_event(message[1], message[2])

    def error(self, kind: str, number: int, text: str) -> Exception:
        """Make the exception of an error as the probe describes it."""
        text = clean(text)
        if kind == "os":
            return OSError(number, text)
        if kind == "resolver":
            return socket.gaierror(number, text)
        if kind == "deadline":
            return TimeoutError(text)
        if kind == "unsupported":
            return Unsupported(f"on {self.node}", text)
        if kind == "refused":
            return UsageError(f"on {self.node}", text)
        return TestbedError(f"on {self.node}", f"the probe failed\n{text}")

    def _died(self, doing: str) -> ProbeDied:
        return ProbeDied(
            f"{doing} on {self.node}",
            f"the probe is gone: {self._dead or 'its channel closed'}",
            "see `docker ps -a` and the machine's memory; `testbed down` and `up` make a new one",
        )

    def _end(self) -> None:
        """Turn every waiting call into ProbeDied."""
        said = [*self._stderr, *map(str, getattr(self._channel, "_remoteerrors", ()))]
        self._dead = self._dead or clean("\n".join(said)).strip() or "its channel closed"
        for number, answer in list(self._waiting.items()):
            self._waiting.pop(number, None)
            if not answer.done():
                answer.set_exception(self._died("a request"))
        self._on_event("failed", f"the probe is gone: {self._dead}")

    def close(self) -> None:
        """Have the agent undo what it set on the node, then end it and the gateway."""
        if self.alive:
            with contextlib.suppress(ProbeDied):
                self.call("agent.end")
        self._dead = self._dead or "it was closed"
        self._channel.close()
        self._gateway.exit()
