"""A socket that several threads may wait for, and one of them may close."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator

from .errors import Deadline


class Held:
    """A non-blocking socket, and a way to wake those who wait for it when it is closed."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._users = 0
        self._closing = False
        self._change = threading.Condition()

    @contextlib.contextmanager
    def used(self) -> Iterator[socket.socket]:
        """Keep the descriptor open while a thread is inside."""
        with self._change:
            if self._closing:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._users += 1
        try:
            yield self.sock
        finally:
            with self._change:
                self._users -= 1
                self._change.notify_all()

    def wait(self, events: int, deadline: float, doing: str) -> None:
        """Wait until the socket is ready; Deadline at the monotonic time, EBADF when it is closed."""
        poller = select.poll()
        poller.register(self.sock, events)
        poller.register(self._wake, select.POLLIN)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):  # looks, however late it is
            raise Deadline(f"{doing}: not done in time")
        if self._closing:
            raise OSError(errno.EBADF, "closed by another thread")

    def close(self, abort: bool = False) -> None:
        """Close it; those who wait get EBADF first. abort: send RST instead of FIN."""
        with self._change:
            if self._closing:
                return
            self._closing = True
            os.eventfd_write(self._wake, 1)
            self._change.wait_for(lambda: self._users == 0)
        if abort:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        os.close(self._wake)
