"""Where the lines and rows of a ladder's picture stand, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, pauses

TIME: Final = 80
FRAME: Final = 124
LEFT: Final = 260
RIGHT: Final = 126
PITCH: Final = 270
LEGS: Final = 96
"""Between the two lines of one node."""
HEAD: Final = 62
PAUSE: Final = 16
"""More, above a row before which nothing happened for a while."""
SLANT: Final = 7
_HEIGHT: Final = {Arrow: 46, Note: 20, Heading: 34, Fold: 34}
_TALLER: Final = 15
"""More, for an arrow with something below it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the lines and rows of a ladder stand, in pixels."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    width: float
    height: float


def plan(ladder: Ladder, top: float = HEAD) -> Plan:
    """Place every line and row. top: where the first row begins."""
    x: list[float] = []
    for at, line in enumerate(ladder.lines):
        same = at > 0 and ladder.lines[at - 1].node == line.node
        x.append(x[-1] + (LEGS if same else PITCH) if x else float(LEFT))
    y: list[float] = []
    below = top
    for row, pause in zip(ladder.rows, pauses(ladder.rows), strict=True):
        below += PAUSE if pause else 0
        y.append(below)
        below += _HEIGHT[type(row)] + (_TALLER if isinstance(row, Arrow) and _beneath(row) else 0)
    return Plan(tuple(x), tuple(y), (x[-1] if x else LEFT) + RIGHT, below + 24)


def _beneath(arrow: Arrow) -> bool:
    words = arrow.words
    return bool(words.raw or words.data or arrow.lost)
