"""How captured frames are packed into one message of the channel.

A batch is a run of records, each a header and the frame's bytes. Both ends use this
module, so the format has no version of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# time in ns since the epoch, number of the interface, flags, original length, captured length
HEADER = struct.Struct("<qHHII")

OUTGOING = 1  # sent by this node; else it arrived
CHECKSUM_PENDING = 2  # the kernel had not filled in the transport checksum (loopback)


def unpack(batch: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yield (time_ns, interface number, flags, original length, data) of each frame."""
    position, end, size = 0, len(batch), HEADER.size
    while position < end:
        time_ns, interface, flags, original, captured = HEADER.unpack_from(batch, position)
        position += size
        yield time_ns, interface, flags, original, batch[position : position + captured]
        position += captured
