"""An echo server with one thread for all its clients: a loop that turns to whoever has said something.

    async_echo.py PORT BACKLOG

It speaks as the host's echo server does: each conversation ends with `q`, or when the client goes away.
"""

import asyncio
import signal
import sys

PORT, BACKLOG = int(sys.argv[1]), int(sys.argv[2])


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back. Where it says `await`, the loop turns to the others meanwhile."""
    try:
        while (data := await reader.read(1024)) not in (b"", b"q"):
            writer.write(data)
            await writer.drain()
    except OSError as error:
        print(f"a client broke off: {error}", flush=True)
    finally:
        writer.close()


async def main() -> None:
    """Serve for ever."""
    async with await asyncio.start_server(converse, "0.0.0.0", PORT, backlog=BACKLOG) as server:
        print("listens", flush=True)
        await server.serve_forever()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
asyncio.run(main())
