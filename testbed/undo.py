"""What has been changed and must be changed back: each change pushes its undo beside it.

Knows nothing of labs: an undo is a sentence and a function.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from testbed.errors import LabFailed, TestbedError

Action = Callable[[], object]


class Undo:
    """One thing to be undone: call it, once or more often; it is done once."""

    __slots__ = ("_action", "_stack", "what")

    def __init__(self, stack: UndoStack, what: str, action: Action) -> None:
        self._stack = stack
        self._action: Action | None = action
        self.what = what

    @property
    def pending(self) -> bool:
        """Whether it is still to be undone."""
        return self._action is not None

    def __call__(self) -> None:
        """Undo it now, out of turn; what the function raises is raised."""
        action = self._take()
        if action is not None:
            action()

    def forget(self) -> None:
        """Leave things as they are: it has been undone in another way."""
        self._take()

    def _take(self) -> Action | None:
        return self._stack._take(self)


class UndoStack:
    """Undoes in the reverse order of doing. From any thread."""

    def __init__(self) -> None:
        self._pending: list[Undo] = []
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._pending)

    def push(self, what: str, action: Action) -> Undo:
        """Note how to undo what is being done: `what` is a phrase ("the cable of client is cut").

        Push before doing, or at once after it, with nothing in between that may raise.
        """
        undo = Undo(self, what, action)
        with self._lock:
            self._pending.append(undo)
        return undo

    def callback(self, action: Action, what: str = "") -> Undo:
        """Push in the manner of `contextlib.ExitStack`, for who has no sentence for it."""
        return self.push(what or getattr(action, "__qualname__", "a change"), action)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Undo at the block's end what was pushed in it, and only that."""
        with self._lock:
            before = tuple(self._pending)
        try:
            yield
        finally:
            self.unwind(keep=before)

    def unwind(self, *, keep: tuple[Undo, ...] = (), gone: tuple[type[Exception], ...] = ()) -> None:
        """Undo everything but `keep`, the newest first. One that fails does not stop the others.

        gone: errors that mean that what was changed is no more, so that there is nothing to undo.
        Raises LabFailed with all failures, from an ExceptionGroup of them.
        """
        failures: list[tuple[str, Exception]] = []
        while (undo := self._newest_but(keep)) is not None:
            try:
                undo()
            except gone:
                continue
            except Exception as error:  # noqa: BLE001  all of them are raised, together, below
                failures.append((undo.what, error))
        if failures:
            listing = "".join(f"\n  {what}: {_first_line(error)}" for what, error in failures)
            raise LabFailed(
                "undo what was changed",
                f"{len(failures)} could not be undone:{listing}",
                "Take the lab down: what was changed in it goes with it",
            ) from ExceptionGroup("while undoing", [error for _, error in failures])

    def _newest_but(self, keep: tuple[Undo, ...]) -> Undo | None:
        with self._lock:
            return next((undo for undo in reversed(self._pending) if undo not in keep), None)

    def _take(self, undo: Undo) -> Action | None:
        with self._lock:
            action, undo._action = undo._action, None
            if undo in self._pending:
                self._pending.remove(undo)
            return action


def _first_line(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return text if isinstance(error, TestbedError) else f"{type(error).__name__}: {text}"
