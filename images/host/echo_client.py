#!/usr/bin/env python3
"""The echo client of the lesson: it says something to the echo server and hears it back.

    echo_client.py           you type, each line comes back, `q` ends it
    echo_client.py talk      a short conversation that checks every answer
    echo_client.py wait      says nothing: it is a host on the network until it is stopped

`talk` exits with 0 if every line came back unchanged, else with 1.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import time
from collections.abc import Iterator

LINES = (
    "hello, server",
    "are you on another network?",
    "你好，世界",
    "日本語も、한국어도",
    "🙂 🚀 a rocket is four bytes long",
    "",  # an empty line is a line too: one byte, its end
)
TIMEOUT = 30.0  # seconds without an answer until we give up; a queue may be before us


def send_and_hear(connection: socket.socket, line: str) -> str:
    """Send one line and read until as many bytes have come back as were sent.

    One recv() may return less than one send() was given: TCP carries a stream of bytes, and
    where it is cut is its own affair. So we count bytes, and decode only when all are here.
    """
    said = f"{line}\n".encode()
    connection.sendall(said)
    heard = b""
    while len(heard) < len(said):
        data = connection.recv(1024)
        if data == b"":
            raise ConnectionError("the server closed the connection before it had answered")
        heard += data
    return heard.decode(errors="backslashreplace").removesuffix("\n")


def say_goodbye(connection: socket.socket) -> None:
    """Say `q`, then wait until the server has closed its side."""
    connection.sendall(b"q\n")
    while connection.recv(1024) != b"":
        pass


def converse(connection: socket.socket, lines: Iterator[str]) -> bool:
    """Say each line, show what comes back; tell whether all came back unchanged."""
    unchanged = True
    for line in lines:
        heard = send_and_hear(connection, line)
        same = heard == line
        unchanged = unchanged and same
        print(f"< {heard}" if same else f"< {heard}   (this is not what was said)", flush=True)
    say_goodbye(connection)
    return unchanged


def scripted(lines: tuple[str, ...], pause: float) -> Iterator[str]:
    """The lines of `talk`, each shown as it is said."""
    for number, line in enumerate(lines):
        if number:
            time.sleep(pause)
        print(f"> {line}", flush=True)
        yield line


def typed() -> Iterator[str]:
    """What somebody types, line by line, until `q` or the end of the input."""
    while True:
        try:
            line = input("> ")
        except EOFError:
            print()
            return
        if line == "q":
            return
        yield line


def wait() -> int:
    """Do nothing until SIGTERM: packets need a host to go to, not a program."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # first: a signal before sigwait() is kept
    print("waiting: this host says nothing by itself", flush=True)
    signal.sigwait(signals)
    return 0


def meet(options: argparse.Namespace) -> int:
    """Connect, converse, disconnect; 0 if all that was said came back unchanged."""
    lines = scripted(LINES, options.pause) if options.mode == "talk" else typed()
    address = (options.host, options.port)
    try:
        with socket.create_connection(address, timeout=options.timeout) as connection:
            here, there = connection.getsockname(), connection.getpeername()
            print(f"connected {here[0]}:{here[1]} to {there[0]}:{there[1]}", flush=True)
            unchanged = converse(connection, lines)
    except OSError as error:
        print(f"{options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    print("every line came back unchanged" if unchanged else "some lines came back changed")
    return 0 if unchanged else 1


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Talk to an echo server.")
    parser.add_argument("mode", nargs="?", default="type", choices=("type", "talk", "wait"))
    parser.add_argument("--host", default="server", help="name or address (default: server)")
    parser.add_argument("--port", type=int, default=8888, help="default: 8888")
    parser.add_argument(
        "--pause", type=float, default=0, metavar="S", help="seconds between the lines of talk"
    )
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="S",
        help=f"seconds without an answer until it gives up (default: {TIMEOUT:g})",
    )  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Do as the command line says."""
    options = arguments()
    if options.mode == "wait":
        return wait()
    try:
        return meet(options)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
