"""What several scenarios do on a lab. Judges nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from testbed.errors import DeadlinePassed

if TYPE_CHECKING:
    from testbed.stream import Stream


LOOK_EVERY = 0.05  # seconds between two looks at a condition


def transfer(sending: Stream, receiving: Stream, data: bytes, timeout: float = 10.0) -> bytes:
    """Send at one end of a connection while the other reads; return what was read, to as many bytes.

    What does not fit into the kernels' buffers is sent only while somebody reads.
    """
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(sending.send, data, timeout=timeout)
        received = receiving.recv_exactly(len(data), timeout=timeout)
        sent.result()
    return received


def until(condition: Callable[[], bool], what: str, timeout: float = 5.0) -> None:
    """Wait until a condition of the lab is true; DeadlinePassed after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise DeadlinePassed(f"wait until {what}", f"not in {timeout:g} s")
        time.sleep(LOOK_EVERY)
