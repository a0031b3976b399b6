"""Logs as they grow, of several nodes at once, line by line."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from testbed.backends.docker.client import Engine, engine

Line = tuple[str, bytes]
MANY = 10_000
"""Lines that may wait to be taken; then the engine waits, and nothing is lost."""


def follow(engine_: Engine, containers: Mapping[str, str], tail: int | None) -> Iterator[Line]:
    """Follow from now on, the last `tail` lines (all, when None) before; yield (node, line)."""
    lines: queue.Queue[Line | None] = queue.Queue(MANY)
    streams: list[Any] = []
    stopped = threading.Event()
    for node, container in containers.items():
        with engine(f"follow the log of node {node}"):
            stream = engine_.client.logs(
                container, stream=True, follow=True, tail="all" if tail is None else tail
            )
        streams.append(stream)
        threading.Thread(target=_read, args=(node, stream, lines, stopped), daemon=True).start()
    return _taken(lines, streams, stopped)


def _taken(lines: queue.Queue[Line | None], streams: list[Any], stopped: threading.Event) -> Iterator[Line]:
    """Yield lines until every stream has ended; close the streams when nobody wants more."""
    try:
        open_ones = len(streams)
        while open_ones:
            line = lines.get()
            if line is None:
                open_ones -= 1
            else:
                yield line
    finally:
        stopped.set()
        for stream in streams:
            stream.close()


def _read(node: str, stream: Any, lines: queue.Queue[Line | None], stopped: threading.Event) -> None:
    """Cut what one node says into lines; a line comes in one piece or in many."""
    rest = b""
    for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            _put(lines, (node, line), stopped)
    if rest:
        _put(lines, (node, rest), stopped)
    _put(lines, None, stopped)


def _put(lines: queue.Queue[Line | None], line: Line | None, stopped: threading.Event) -> None:
    """Hand a line on; give up when nobody takes lines any more."""
    while not stopped.is_set():
        try:
            lines.put(line, timeout=0.2)
        except queue.Full:
            continue
        return
