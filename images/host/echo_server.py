#!/usr/bin/env python3
"""The echo server of the lesson: it listens on a port and sends back what it receives.

    echo_server.py                   one client after another
    echo_server.py --concurrent      many clients at once, a thread for each

A conversation ends when the client says `q`, or when it goes away.
Everything that happens is told on standard output, one line for each event.
"""

from __future__ import annotations

import argparse
import codecs
import os
import signal
import socket
import sys
import threading

PORT = 8888
BACKLOG = 5  # so many clients may be connected and still wait for their turn
BUFFER = 1024  # bytes asked of the kernel at a time; a text may well be longer
FAREWELLS = (b"q", b"q\n", b"q\r\n")


def tell(who: str, what: str) -> None:
    """Print one line at once, for somebody is watching, and by one write, so that threads do not mix."""
    # Straight to the file: print() takes a lock, and the program could end while a thread holds it.
    os.write(sys.stdout.fileno(), f"{who} {what}\n".encode())


def converse(connection: socket.socket, who: str) -> None:
    """Send everything back until the client says `q` or goes away."""
    tell(who, "is connected")
    # The echo is of bytes and never decodes them: a buffer may end in the middle of a
    # character. Only the log needs text, and this decoder keeps half a character until the
    # rest of it has come.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
    with connection:
        while True:
            data = connection.recv(BUFFER)
            if data == b"":
                # Nothing is not an empty message: it says that nothing will ever come again.
                tell(who, "has gone away")
                return
            # A stream has no messages, so `q` is only seen where it comes alone. It does: our
            # client waits for each echo before it speaks again.
            if data in FAREWELLS:
                tell(who, "said q: goodbye")
                return
            connection.sendall(data)  # send() may take only a part; sendall() goes on
            tell(who, f"said {decoder.decode(data)!r}: {len(data)} bytes sent back")


def attend(connection: socket.socket, address: tuple[str, int]) -> None:
    """Hold one conversation; a client that breaks it off ends only its own."""
    who = f"{address[0]}:{address[1]}"
    try:
        converse(connection, who)
    except OSError as error:
        tell(who, f"broke off: {error.strerror or error}")


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Take the port. Until accept() is called, the kernel alone answers who connects."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Conversations that have just ended keep the port in TIME_WAIT for a minute. This lets a
    # server that is started anew have it all the same.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def serve(listener: socket.socket, concurrent: bool) -> None:
    """Take one client after another, for ever."""
    while True:
        connection, address = listener.accept()
        if concurrent:
            threading.Thread(target=attend, args=(connection, address), daemon=True).start()
        else:
            attend(connection, address)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Send back what clients say.")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    parser.add_argument("--backlog", type=int, default=BACKLOG, help=f"default: {BACKLOG}")
    parser.add_argument("--concurrent", action="store_true", help="serve many clients at once")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    options = arguments()
    # The default action of SIGTERM would end the program too, but not with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listen(options.host, options.port, options.backlog) as listener:
        address, port = listener.getsockname()
        manner = "all at once" if options.concurrent else "one client after another"
        tell("server", f"listens on {address}:{port}, {manner}")
        try:
            serve(listener, options.concurrent)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
