"""What a stream can show: whether it is a terminal, with colours, and how wide.

NO_COLOR (no-color.org) set and not empty: no colours. CI set: nobody watches, so no colours and nothing
that moves. TERM=dumb: the same. An encoding that lacks box-drawing characters: ASCII alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

PLAIN_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Terminal:
    """live: lines may be drawn again in place. colour: SGR sequences are understood. width: columns."""

    live: bool
    colour: bool
    width: int
    ascii: bool


def terminal_of(stream: IO[str], environment: Mapping[str, str] = os.environ) -> Terminal:
    """Look at a stream and at the environment."""
    watched = (
        stream.isatty() and not environment.get("CI") and environment.get("TERM", "") not in ("", "dumb")
    )
    width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if stream.isatty() else PLAIN_WIDTH
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "✓│─→".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        plain = True
    else:
        plain = False
    return Terminal(watched, watched and not environment.get("NO_COLOR"), width, plain)


def stdout() -> Terminal:
    """What standard output can show."""
    return terminal_of(sys.stdout)
