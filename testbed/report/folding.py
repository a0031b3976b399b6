"""Long ladders made short: runs of like packets folded, and a window around what is cited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row

LONGEST: Final = 16
"""A run of like packets is drawn whole up to this many arrows."""
_HEAD: Final = 6
_TAIL: Final = 4


def folded(ladder: Ladder, longest: int = LONGEST) -> Ladder:
    """Return the ladder with each longer run of like packets cut to its beginning and end.

    A packet that was lost ends a run, and so does a step. longest: at least 12.
    """
    rows: list[Row] = []
    for run in _runs(ladder.rows):
        count = sum(isinstance(row, Arrow) for row in run)
        rows += _shortened(run) if count > longest else run
    return replace(ladder, rows=tuple(rows))


def _runs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut rows where the kind of packet changes; notes between two packets of a kind do not cut."""
    run: list[Row] = []
    kind = ""
    for row in rows:
        own = _kind(row)
        if own is None or (own and own == kind):
            run.append(row)
        else:
            yield run
            run, kind = [row], own
    yield run


def _kind(row: Row) -> str | None:
    """What makes packets alike; empty for a row that stands alone, None for one that goes with any."""
    if isinstance(row, Note):
        return None if not row.cited_by or row.kind == "state" else ""
    if not isinstance(row, Arrow) or row.lost is not None:
        return ""
    tcp = row.frames[0].packet.tcp
    if tcp is None:
        return row.words.protocol
    return "TCP opening and closing" if tcp.syn or tcp.fin or tcp.rst else "TCP"


def _shortened(run: Sequence[Row]) -> list[Row]:
    """Keep the first and the last packets of a run, and one fold for all between."""
    places = [at for at, row in enumerate(run) if isinstance(row, Arrow)]
    begin, end = places[_HEAD], places[-_TAIL]
    return [*run[:begin], _fold(run[begin:end]), *run[end:]]


def _fold(rows: Sequence[Row]) -> Fold:
    arrows = tuple(row for row in rows if isinstance(row, Arrow))
    return Fold(rows[0].time_ns, rows[-1].time_ns, _told(arrows), arrows)


def _told(arrows: Sequence[Arrow]) -> str:
    """`… 712 more segments, 1031168 bytes of data`: a packet that crossed a router counts once."""
    packets = {arrow.journey: arrow for arrow in arrows}
    noun = "segment" if all(arrow.words.protocol == "TCP" for arrow in arrows) else "packet"
    size = sum(arrow.numbers.length for arrow in packets.values() if arrow.numbers)
    text = f"… {len(packets)} more {noun}{'s' if len(packets) != 1 else ''}"
    if size:
        text += f", {size} bytes of data"
    cited = len({arrow.journey for arrow in arrows if arrow.cited_by})
    return f"{text}, {cited} of them cited" if cited else text


def focused(ladder: Ladder, most: int = 60, around: int = 3) -> Ladder:
    """Return at most about `most` rows: those that are cited, with some before and after each.

    A ladder that is short enough, or cites nothing, is only cut at its end.
    """
    rows = ladder.rows
    if len(rows) <= most:
        return ladder
    cited = [at for at, row in enumerate(rows) if isinstance(row, Arrow | Note) and row.cited_by]
    keep: set[int] = set()
    for at in cited or [0]:
        near = set(range(max(0, at - around), min(len(rows), at + around + 1)))
        if len(keep | near) > most:
            break
        keep |= near
    if not cited:
        keep = set(range(most))
    keep |= {at for at, row in enumerate(rows) if isinstance(row, Heading)}
    return replace(ladder, rows=tuple(_window(rows, keep)))


def _window(rows: Sequence[Row], keep: set[int]) -> Iterator[Row]:
    left_out: list[Row] = []
    for at, row in enumerate(rows):
        if at in keep:
            if left_out:
                yield _gap(left_out)
                left_out = []
            yield row
        else:
            left_out.append(row)
    if left_out:
        yield _gap(left_out)


def _gap(rows: Sequence[Row]) -> Fold:
    arrows = tuple(arrow for row in rows for arrow in _arrows(row))
    text = _told(arrows) if arrows else f"… {len(rows)} more notes"
    return Fold(rows[0].time_ns, rows[-1].time_ns, text, arrows)


def _arrows(row: Row) -> tuple[Arrow, ...]:
    if isinstance(row, Arrow):
        return (row,)
    return row.arrows if isinstance(row, Fold) else ()
