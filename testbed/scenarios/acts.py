"""What several scenarios do on a lab. Judges nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.stream import Stream


def transfer(sending: Stream, receiving: Stream, data: bytes, timeout: float = 10.0) -> bytes:
    """Send at one end of a connection while the other reads; return what was read, to as many bytes.

    What does not fit into the kernels' buffers is sent only while somebody reads.
    """
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(sending.send, data, timeout=timeout)
        received = receiving.recv_exactly(len(data), timeout=timeout)
        sent.result()
    return received
