"""Many clients at once, who wait for each other: nobody says goodbye before all have been answered.

    crowd.py HOST PORT COUNT PATIENCE

When somebody has not been answered after PATIENCE seconds, all of them break off.
"""

import asyncio
import socket
import struct
import sys

HOST, PORT, COUNT, PATIENCE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends RST


def text_of(number: int) -> bytes:
    """What a client says; each says something else, so that nobody can hear another's answer unnoticed."""
    return f"I am client {number:03} of {COUNT}".encode()


async def come(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, and say something."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(text_of(number))
    return reader, writer


async def hear(number: int, reader: asyncio.StreamReader) -> bool:
    """Wait for the answer, and tell whether it is the right one."""
    try:
        return await reader.readexactly(len(text_of(number))) == text_of(number)
    except (asyncio.IncompleteReadError, OSError):
        return False


async def main() -> None:
    """Come, be answered, go: each in step with the others."""
    guests = await asyncio.gather(*(come(number) for number in range(COUNT)))
    hearing = [asyncio.create_task(hear(number, reader)) for number, (reader, _) in enumerate(guests)]
    done, waiting = await asyncio.wait(hearing, timeout=PATIENCE)
    for task in waiting:
        task.cancel()
    print(f"{sum(task.result() for task in done)} of {COUNT} were answered", flush=True)
    for reader, writer in guests:
        if waiting:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        else:
            writer.write(b"q")
            await reader.read()
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in guests), return_exceptions=True)


asyncio.run(main())
