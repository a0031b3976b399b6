"""The agent: serves requests from the channel, each in a thread, and streams events.

Messages on the channel are tuples:

    in   (number, operation, {argument: value})
    out  ("reply", number, True, value)
         ("reply", number, False, (kind, errno, text))
         ("event", name, value)     "stderr": what this process wrote there, as it dies perhaps

`kind` of a failure: "os" (an OSError with its errno), "resolver" (getaddrinfo, errno is
an EAI_ number), "deadline" (our own time limit), "unsupported" (the kernel lacks it),
"refused" (an argument that cannot be), "fault" (a defect; the text is a traceback).
A refused connection is no accident here but an answer, and is sent back as one.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .errors import describe

# Requests that may wait at the same time, most of them for a socket.
MAX_THREADS = 1024

# The modules that hold operations, each a class of the same name, made on first use.
PARTS = frozenset({"processes", "sockets", "capture", "sampler", "frames", "system"})

Operation = Callable[..., Any]


class Agent:
    """The operations of one probe and the channel that they answer on."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._sending = threading.Lock()
        self._loading = threading.Lock()
        self._parts: dict[str, Any] = {}
        self._at_end = contextlib.ExitStack()
        self._undos: dict[int, tuple[str, dict[str, Any]]] = {}
        self._undo_numbers = itertools.count(1)

    def send(self, message: tuple[Any, ...]) -> None:
        """Send one message; a channel that is gone ends the agent's own loop, not this caller."""
        with self._sending, contextlib.suppress(OSError, EOFError):
            self._channel.send(message)

    def event(self, name: str, value: Any) -> None:
        """Stream something that nobody asked for just now: frames, samples, output."""
        self.send(("event", name, value))

    def operation(self, name: str) -> Operation:
        """Return the function for "part.operation"; parts are imported on first use."""
        part, _, verb = name.partition(".")
        with self._loading:
            if part not in self._parts:
                self._parts[part] = self._load(part)
        operation: Operation = getattr(self._parts[part], "op_" + verb)
        return operation

    def _load(self, part: str) -> Any:
        if part == "agent":
            return self
        if part not in PARTS:
            raise ValueError(f"no part {part!r}")
        made = getattr(importlib.import_module(f".{part}", __package__), part.capitalize())(self)
        self._at_end.callback(made.close)
        return made

    def made(self, part: str) -> Any:
        """Return a part that is in use already, else None."""
        return self._parts.get(part)

    def op_ping(self) -> int:
        """Answer with this process's number: the smallest request there is."""
        return os.getpid()

    def op_clock(self) -> int:
        """CLOCK_REALTIME here, in ns."""
        return time.time_ns()

    def op_end(self) -> None:
        """Undo what was set on the node: what `op_undo_when_dead` took, offloads, processes, sockets."""
        while self._undos:
            _, (name, arguments) = self._undos.popitem()
            with contextlib.suppress(Exception):  # what it was set on may be gone
                self.operation(name)(**arguments)
        self._at_end.close()

    def op_undo_when_dead(self, name: str, arguments: dict[str, Any]) -> int:
        """Take an operation to do when this agent ends, whatever ends it; return a number for it.

        The last one taken is done first. `op_forget_undo` and `op_undo` take it out again.
        """
        number = next(self._undo_numbers)
        self._undos[number] = (name, arguments)
        return number

    def op_forget_undo(self, number: int) -> None:
        """Forget an undo: it has been done in another way."""
        self._undos.pop(number, None)

    def op_undo(self, number: int) -> None:
        """Do an undo now; nothing happens when it was done."""
        name, arguments = self._undos.pop(number, ("agent.ping", {}))
        self.operation(name)(**arguments)

    def answer(self, number: int, name: str, arguments: dict[str, Any]) -> None:
        """Run one operation and send its value or its error back."""
        try:
            value = self.operation(name)(**arguments)
        except Exception as error:  # noqa: BLE001  whatever it is, the caller must learn of it
            self.send(("reply", number, False, describe(error)))
        else:
            self.send(("reply", number, True, value))
        if name.startswith("sockets.") and (sampler := self.made("sampler")) is not None:
            sampler.look_now()  # a request may have changed a socket's state

    def loop(self) -> None:
        """Serve until the other end closes the channel, then undo what was set on the node."""
        pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="request")
        while True:
            try:
                number, name, arguments = self._channel.receive()
            except EOFError:
                break
            pool.submit(self.answer, number, name, arguments)
        self.op_end()


def tell_stderr(tell: Callable[[bytes], None]) -> None:
    """Tell what is written to this process's stderr, which still gets it: its last words, perhaps."""
    reading, writing = os.pipe()
    before = os.dup(2)
    os.dup2(writing, 2)

    def pass_on() -> None:
        while data := os.read(reading, 65536):
            os.write(before, data)
            tell(data)

    threading.Thread(target=pass_on, name="stderr", daemon=True).start()


def serve(channel: Any) -> None:
    """Serve the channel; on its end undo what was set on the node, and end this process.

    Threads may still wait in the kernel for what will never come, so the process does
    not wait for them.
    """
    agent = Agent(channel)
    tell_stderr(lambda data: agent.event("stderr", data))
    try:
        agent.loop()
    finally:
        os._exit(0)
