"""What was done on nodes, and how each thing ended: the stimulus side of a recording.

A node writes into a `Journal` while one is being kept. An action that failed is written
down like one that went well: a refused connection is evidence, not an accident.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Longer values are kept as their length and SHA-256.
KEPT_WHOLE = 64 * 1024


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One thing done on a node. Times are CLOCK_REALTIME in ns, by the node's clock.

    arguments, result: plain values and bytes. error: the errno's name (`ECONNREFUSED`),
    `deadline` when our own time limit passed, else the name of the exception.
    step: the step of the scenario that it began in.
    """

    begin_ns: int
    end_ns: int
    node: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str | None = None
    message: str = ""
    step: str | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A named part of a scenario, in time (CLOCK_REALTIME, ns)."""

    name: str
    begin_ns: int
    end_ns: int


class Doing:
    """An action under way: its result and what is learned of its arguments are put here."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = dict(arguments)
        self.result: Any = None


class Journal:
    """Actions and steps in the order in which they ended; written from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: list[ActionRecord] = []
        self._steps: list[StepRecord] = []
        self._step: str | None = None
        self.keeping = False

    @property
    def current_step(self) -> str | None:
        """The step under way."""
        return self._step

    @contextlib.contextmanager
    def doing(
        self, node: str, name: str, arguments: Mapping[str, Any], clock: Callable[[], int] = time.time_ns
    ) -> Iterator[Doing]:
        """Write down what happens inside, whether it ends well or with an error."""
        now = Doing(arguments)
        step, begin = self._step, clock()
        error: BaseException | None = None
        try:
            yield now
        except BaseException as raised:
            error = raised
            raise
        finally:
            if self.keeping:
                kind, message = name_of_error(error) if error else (None, "")
                record = ActionRecord(
                    begin, clock(), node, name, _kept(now.arguments), _kept(now.result), kind, message, step
                )
                with self._lock:
                    self._actions.append(record)

    @contextlib.contextmanager
    def step(self, name: str, clock: Callable[[], int] = time.time_ns) -> Iterator[None]:
        """Name a part of a scenario; the actions that begin inside bear its name."""
        outer, self._step = self._step, name
        begin = clock()
        try:
            yield
        finally:
            self._step = outer
            with self._lock:
                self._steps.append(StepRecord(name, begin, clock()))

    def take(self) -> tuple[tuple[ActionRecord, ...], tuple[StepRecord, ...]]:
        """Return what was written since the last time, in order of its beginning, and forget it."""
        with self._lock:
            actions, self._actions = self._actions, []
            steps, self._steps = self._steps, []
        return (
            tuple(sorted(actions, key=lambda one: one.begin_ns)),
            tuple(sorted(steps, key=lambda one: one.begin_ns)),
        )


def name_of_error(error: BaseException) -> tuple[str, str]:
    """Return (name, message): ("ECONNREFUSED", "Connection refused")."""
    if isinstance(error, TimeoutError) and not error.errno:
        return "deadline", str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return errno.errorcode[error.errno], error.strerror or str(error)
    return type(error).__name__, str(error)


def _kept(value: Any) -> Any:
    """The value, or for what is too long its length and hash."""
    if isinstance(value, Mapping):
        return {key: _kept(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_kept(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        if len(value) > KEPT_WHOLE:
            return {"length": len(value), "sha256": hashlib.sha256(value).hexdigest()}
        return bytes(value)
    return value
