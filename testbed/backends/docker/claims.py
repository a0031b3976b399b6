"""One `up` of a name at a time on this machine.

The claim is a name in Linux's abstract socket space: taken and given up by the kernel, so
that no death of its holder leaves it behind. (Two Composes that start the same project at
once would each change the other's containers.)
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

from testbed.errors import LabFailed


@contextlib.contextmanager
def claim(name: str) -> Iterator[None]:
    """Hold the right to start lab `name`; raise LabFailed where another process does.

    Elsewhere than on Linux there is no such space: nothing is claimed.
    """
    if sys.platform != "linux":
        yield
        return
    with socket.socket(socket.AF_UNIX) as held:
        try:
            held.bind(f"\0testbed-up-{name}")
        except OSError as error:
            raise LabFailed(
                f"start lab {name!r}", "another process is starting a lab of that name", "Choose another name"
            ) from error
        yield
