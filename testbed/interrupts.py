"""Ctrl-C and SIGTERM: the first one interrupts, once; what takes things down is never interrupted.

Owns the process's handlers of SIGINT, SIGTERM and SIGHUP while a command runs. Python delivers signals
to the main thread alone, so that everything here is used from there.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FIRST = "interrupted: taking everything down"
_SECOND = "still taking everything down; once more leaves it as it is, for `testbed wipe`"
PATIENCE = 3  # interrupts in all, after which even taking things down gives way


class Interrupts:
    """What has come so far, and whether it has to wait."""

    def __init__(self) -> None:
        self.count = 0
        self._shields = 0
        self._pending = False

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt for the first signal that is not shielded, and from the third on."""
        self.count += 1
        if self.count >= PATIENCE:
            raise KeyboardInterrupt
        if self._shields or self.count > 1:
            self._pending = self._pending or self.count == 1
            _say(_FIRST if self.count == 1 else _SECOND)
            return
        raise KeyboardInterrupt

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let nothing interrupt the block; what came meanwhile interrupts after it."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._pending and not self._shields:
            self._pending = False
            raise KeyboardInterrupt


_current = Interrupts()


def shielded() -> AbstractContextManager[None]:
    """Shield a block from interruption, where there are handlers of ours and this is the main thread."""
    return _current.shielded()


@contextmanager
def handled() -> Iterator[Interrupts]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt; give the handlers back afterwards."""
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield _current
        return
    _current = Interrupts()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if not (number == signal.SIGHUP and before[number] == signal.SIG_IGN):  # nohup
            signal.signal(number, _current.handle)
    try:
        yield _current
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _say(text: str) -> None:
    """Write to standard error past Python's buffers, which the signal may have found in use."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())
