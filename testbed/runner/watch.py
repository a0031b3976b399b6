"""Run a scenario's act in a thread of its own, with a limit in time, and able to be stopped.

A scenario is somebody's Python: it may wait for what never comes. When its time is over, it is told
to stop by an exception raised in its thread, and the caller learns at which line it was waiting.
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from testbed.errors import DeadlinePassed, Interrupted

TICK = 0.1  # seconds between looks at `stop`; what ends by itself is noticed at once
GRACE = 2.0  # seconds that a stopped act is given to unwind


class Stopped(BaseException):
    """Raised in the thread of an act whose time is over: no `except Exception` of a scenario holds it up."""


class Watched:
    """A function running in a thread.

    about: words for messages, such as `act tcp.close`. file: the source file whose lines tell where
    it waits. overdue: it was told to stop because its time was over.
    """

    def __init__(self, function: Callable[[], object], about: str, file: str | None) -> None:
        self._about = about
        self._file = file
        self.overdue = False
        self._done: Future[None] = Future()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run, function), name=f"testbed {about}", daemon=True
        )
        self._thread.start()

    def _run(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as exc:  # noqa: BLE001 - it is raised again where the thread is waited for
            self._done.set_exception(exc)
        else:
            self._done.set_result(None)

    def wait(self, seconds: float | None, stop: threading.Event) -> None:
        """Wait for its end, and raise what it raised.

        Raises DeadlinePassed after so many seconds, Interrupted when `stop` is set; it is told to stop
        then.
        """
        begun = time.monotonic()
        while not stop.is_set():
            left = None if seconds is None else begun + seconds - time.monotonic()
            if left is not None and left <= 0:
                raise self._overdue(seconds or 0.0)
            try:
                return self._done.result(TICK if left is None else min(TICK, left))
            except FutureTimeout:
                if self._done.done():
                    raise  # its own
        self.stop()
        raise Interrupted(self._about, "interrupted")

    def _overdue(self, seconds: float) -> DeadlinePassed:
        where = self.where()
        self.overdue = True
        self.stop()
        return DeadlinePassed(self._about, f"not done after {seconds:g} s; it was waiting {where}")

    def where(self) -> str:
        """Say at which line of the scenario's file it is, and in which function that ended up."""
        frame = sys._current_frames().get(self._thread.ident or -1)
        stack = traceback.extract_stack(frame) if frame else []
        own = [entry for entry in stack if entry.filename == self._file]
        if not own:
            return "for its beginning" if not stack else f"in {stack[-1].name}"
        line = own[-1]
        return f"at line {line.lineno}: {line.line}" if line.line else f"at line {line.lineno}"

    def stop(self) -> bool:
        """Tell it to stop, give it a moment, and say whether it did."""
        if self._thread.ident is not None and self._thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(Stopped)
            )
            self._thread.join(GRACE)
        return not self._thread.is_alive()
