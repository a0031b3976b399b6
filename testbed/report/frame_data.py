"""The frames of a page as data for its script: bytes and anatomy, compressed.

Each scenario's frames are one JSON array, deflated (RFC 1950) and written in base64: inflated by the
browser when the scenario is looked at.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from testbed.evidence import Evidence, Frame
from testbed.report.anatomy import anatomy
from testbed.report.ladder import Fold, Ladder, seconds
from testbed.report.numbering import Numbers
from testbed.text import clean

MOST_BYTES: Final = 2048
"""Bytes of one frame that are shown; the capture holds all."""
MOST_FRAMES: Final = 400
"""Frames of one scenario that can be opened. One of each arrow that is drawn, and what a page leads to, are
always among them; copies at other places follow, as far as this goes."""


def chosen(
    evidence: Evidence, ladder: Ladder, led_to: Iterable[int]
) -> dict[int, tuple[Frame, Numbers | None]]:
    """Choose the frames that can be opened, with the relative numbers of those that are drawn or folded.

    led_to: numbers of the frames that a page leads to from elsewhere.
    """
    folds = (row for row in ladder.rows if isinstance(row, Fold))
    known = [*ladder.arrows, *(arrow for fold in folds for arrow in fold.arrows)]
    numbers = {frame.number: arrow.numbers for arrow in known for frame in arrow.frames}
    wanted = dict.fromkeys(arrow.number for arrow in ladder.arrows)
    wanted |= dict.fromkeys(led_to)
    for frame in (frame for arrow in ladder.arrows for frame in arrow.frames):
        if len(wanted) >= MOST_FRAMES:
            break
        wanted[frame.number] = None
    return {
        frame.number: (frame, numbers.get(frame.number))
        for frame in evidence.frames
        if frame.number in wanted and not frame.is_marker
    }


def packed(frames: Mapping[int, tuple[Frame, Numbers | None]], begin_ns: int) -> str:
    """Return frames as compressed text; equal frames give equal text."""
    document = [_frame(frame, numbers, begin_ns) for _, (frame, numbers) in sorted(frames.items())]
    plain = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(zlib.compress(plain, 9)).decode("ascii")


def _frame(frame: Frame, numbers: Numbers | None, begin_ns: int) -> dict[str, Any]:
    """n: number, w: where, d: direction, t: time, s: summary, z: length on the wire, b: bytes, l: layers."""
    return {
        "n": frame.number,
        "w": frame.vantage,
        "d": frame.direction,
        "t": seconds(frame.time_ns - begin_ns),
        "s": clean(frame.packet.summary()),
        "z": frame.original_length,
        "b": base64.b64encode(frame.data[:MOST_BYTES]).decode("ascii"),
        "l": [
            [part.kind, part.name, part.osi or 0, part.start, part.end, part.fields]
            for part in anatomy(frame.packet, numbers)
        ],
    }
