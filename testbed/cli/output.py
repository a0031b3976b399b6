"""What a command prints: data on standard output, drawn as the terminal there can show it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from testbed.report.style import Style


class ReaderGone(Exception):
    """Whoever read standard output has closed it."""


def discard(descriptor: int = 1) -> None:
    """Send nowhere what is still to be written: to standard output, or to another file that is open."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@contextmanager
def for_who_reads() -> Iterator[None]:
    """Let the block print; where nobody reads that any more, go on without (`testbed run | head -1`)."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard()


def style() -> Style:
    """How reports are drawn on standard output."""
    from testbed.report.style import Style
    from testbed.terminal import stdout

    terminal = stdout()
    return Style(width=terminal.width, colour=terminal.colour, ascii=terminal.ascii)


def show(text: str) -> None:
    """Print text on standard output, ending in one line feed; what its encoding lacks becomes `?`."""
    encoding = sys.stdout.encoding or "utf-8"
    line = text if text.endswith("\n") else f"{text}\n"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding))


def show_json(document: object) -> None:
    """Print a document as JSON."""
    import json

    show(json.dumps(document, ensure_ascii=False, indent=2))


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Return rows as columns under a head; the last column is as long as it likes."""
    from testbed.report.style import columns

    everything = [list(row) for row in ([head] if head else []) + [*rows]]
    if not everything:
        return ""
    widths = [max(columns(row[i]) for row in everything) for i in range(len(everything[0]))]
    lines = []
    for row in everything:
        cells = [cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
