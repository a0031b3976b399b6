"""Where the lines, rows and words of a ladder's picture stand, in pixels.

Lines stand as far apart as the words on the arrows between them need, and no farther, so that a lab of
many nodes can still be read in one window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from testbed.report.bands import Band, bands
from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row, pauses
from testbed.report.lines import Line
from testbed.report.style import columns
from testbed.report.words import Words

TIME: Final = 80
FRAME: Final = 124
HEAD: Final = 62
PAUSE: Final = 16
"""More, above a row before which nothing happened for a while."""
SLANT: Final = 7
LETTER: Final = 7.23
SMALL: Final = 6.03
"""Widths of a letter of 12 and of 10 pixels, of the widest font that the style names (DejaVu Sans Mono)."""
LANE: Final = 8
BENEATH: Final = 43
"""Where the first line beneath an arrow stands; those below it follow at distances of LINE."""
LINE: Final = 13

_LEFT: Final = FRAME + 20
"""Where the column of times and numbers ends."""
_EDGE: Final = 24
_LEGS: Final = 96
"""Between the two lines of one node."""
_NARROWEST: Final = 110
_WIDEST: Final = 310
"""Between two nodes."""
_ROOM: Final = 12
"""Beside the words on an arrow, on either side."""
_ONE_LINE: Final = 40
"""Letters beneath an arrow that stand in one line; more stand in two."""
_HEIGHT: Final = {Arrow: 46, Note: 20, Heading: 34, Fold: 34}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: at x, from there on or up to there."""

    x: float
    anchor: Literal["end"] | None


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on an arrow, and beneath it line by line."""

    words: Words
    head: str
    beneath: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where all of a ladder stands, in pixels. labels: of the arrows by their identities, notes likewise."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    width: float
    height: float
    bands: tuple[Band, ...]
    labels: Mapping[int, Label]
    notes: Mapping[int, Place]

    def moved(self, top: float) -> Plan:
        """The same, with the first row at another height."""
        by = top - HEAD
        y = tuple(y + by for y in self.y)
        return Plan(self.x, y, self.width, self.height + by, self.bands, self.labels, self.notes)


def plan(ladder: Ladder) -> Plan:
    """Place every line and row, below the heads."""
    labels = {id(arrow): _label(arrow) for arrow in ladder.arrows}
    drawn = bands(ladder)
    lanes = [1 + max((band.lane for band in drawn if band.line == at), default=0)
             for at in range(len(ladder.lines))]  # fmt: skip
    x = _columns(ladder, labels)
    notes = {id(row): _beside(row, x, lanes) for row in ladder.rows if isinstance(row, Note)}
    y: list[float] = []
    below: float = HEAD
    for row, pause in zip(ladder.rows, pauses(ladder.rows), strict=True):
        below += PAUSE if pause else 0
        y.append(below)
        below += _HEIGHT[type(row)] + (_more(labels[id(row)]) if isinstance(row, Arrow) else 0)
    reached = [x[-1] + half(ladder.lines[-1])] if x else [float(_LEFT)]
    reached += [_right(row, x, labels, notes) for row in ladder.rows]
    return Plan(x, tuple(y), float(round(max(reached) + _EDGE)), below + 24, drawn, labels, notes)


def _label(arrow: Arrow) -> Label:
    words = arrow.words
    told = [part for part in (words.data, words.raw) if part]
    if columns(" · ".join(told)) <= _ONE_LINE:
        told = [" · ".join(told)] if told else []
    lost = [f"lost: {arrow.lost.why}"] if arrow.lost else []
    return Label(words, f"{words.head} {words.detail}".strip(), (*lost, *told))


def _more(label: Label) -> int:
    """What the lines beneath an arrow add to its height."""
    return 2 + LINE * len(label.beneath) if label.beneath else 0


def _wide(label: Label) -> float:
    return max(LETTER * columns(label.head), *(SMALL * columns(text) for text in ("", *label.beneath)))


def half(line: Line) -> float:
    """How far the box with a line's names reaches on either side of it."""
    return max(92.0, LETTER * columns(line.node) + 16, SMALL * columns(line.network) + 16) / 2


def _columns(ladder: Ladder, labels: Mapping[int, Label]) -> tuple[float, ...]:
    """Where the lines stand."""
    if not ladder.lines:
        return ()
    gaps = _gaps(ladder, labels)
    states = (row for row in ladder.rows if isinstance(row, Note) and row.kind == "state" and row.line == 0)
    first = max(half(ladder.lines[0]), LANE + max((SMALL * columns(row.text) for row in states), default=0))
    x = [_LEFT + first]
    for gap in gaps:
        x.append(x[-1] + gap)
    return tuple(float(round(place)) for place in x)


def _gaps(ladder: Ladder, labels: Mapping[int, Label]) -> list[float]:
    """How far each line is from the one before it: first what the heads need, then what the arrows do."""
    lines = ladder.lines
    pairs = list(pairwise(lines))
    gaps = [
        float(_LEGS) if one.node == other.node else max(_NARROWEST, half(one) + half(other) + 8)
        for one, other in pairs
    ]
    needed: dict[tuple[int, int], float] = {}
    for arrow in ladder.arrows:
        span = (min(arrow.source, arrow.far), max(arrow.source, arrow.far))
        if span[0] < span[1]:
            label = labels[id(arrow)]
            if arrow.lost:  # why it was lost may reach over the lines beside: it says more than fits between
                label = replace(label, beneath=label.beneath[1:])
            needed[span] = max(needed.get(span, 0), min(_WIDEST, _wide(label) + 2 * _ROOM))
    for (begin, end), width in sorted(needed.items(), key=lambda item: item[0][1] - item[0][0]):
        between = [at for at in range(begin, end) if pairs[at][0].node != pairs[at][1].node]
        missing = width - sum(gaps[begin:end])
        for at in between or range(begin, end):
            gaps[at] += max(0.0, missing) / len(between or range(begin, end))
    return gaps


def _beside(note: Note, x: Sequence[float], lanes: Sequence[int]) -> Place:
    """A state stands outside of its line, anything else inside, where there is room."""
    state, at = note.kind == "state", x[note.line]
    leftwards = note.line == 0 if state else note.line == len(x) - 1 > 0
    if leftwards and at - LANE - SMALL * columns(note.text) >= _LEFT:
        return Place(at - LANE, "end")
    return Place(at + LANE * lanes[note.line], None)


def _right(row: Row, x: Sequence[float], labels: Mapping[int, Label], notes: Mapping[int, Place]) -> float:
    """How far to the right the words of a row reach."""
    if isinstance(row, Note):
        place = notes[id(row)]
        return place.x + (SMALL * columns(row.text) if place.anchor is None else 0)
    if isinstance(row, Heading):
        return 18 + LETTER * columns(row.text)
    middle = (x[0] + x[-1]) / 2
    if isinstance(row, Fold):
        return middle + LETTER * columns(row.text) / 2
    start, anchor = words_at(row, x)
    wide = _wide(labels[id(row)])
    return start + {"middle": wide / 2, "end": 0.0}.get(anchor or "", wide)


def words_at(arrow: Arrow, x: Sequence[float]) -> tuple[float, str | None]:
    """Where the words of an arrow stand: in its middle, or where it begins when it is for all."""
    start, end = x[arrow.source], x[arrow.far]
    if start == end:
        return start + 50, None
    if not arrow.broadcast:
        return (start + end) / 2, "middle"
    return (start + _ROOM, None) if start < end else (start - _ROOM, "end")
