"""Rights that one process of this machine holds at a time: to start a lab of a name, to try a prefix.

A claim is a name in Linux's abstract socket space (unix(7)): taken and given up by the kernel,
so that no death of its holder leaves it behind, and no file is needed.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def claim(what: str) -> Iterator[bool]:
    """Hold the right to `what`; give False where another process holds it.

    Elsewhere than on Linux there is no such space: everything is granted.
    """
    if sys.platform != "linux":
        yield True
        return
    with socket.socket(socket.AF_UNIX) as held:
        try:
            held.bind(f"\0testbed {what}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            yield False
            return
        yield True
