"""Long ladders made short: like packets and like connections folded, and a window around what is cited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from testbed.evidence import receiver, sender
from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Loss, Note, Row

LONGEST: Final = 16
"""A run of like packets is drawn whole up to this many arrows."""
CONNECTIONS: Final = 5
"""So many connections of one step are drawn; of more, the first two and the last."""
LOSSES: Final = 4
"""So many packets that were lost in one way, in one step, are drawn; of more, the first two."""
LOOKS: Final = 5
"""So many actions that read alike are drawn of one step; of more, the first two and the last."""
_HEAD: Final = 6
_TAIL: Final = 4


def folded(ladder: Ladder, longest: int = LONGEST, connections: int = CONNECTIONS) -> Ladder:
    """Return the ladder with each longer run of like packets, or of like connections, cut short.

    What was lost is folded only where many were, in the same way. longest: at least 12; connections: at
    least 3.
    """
    rows: list[Row] = []
    for step in _steps(ladder.rows):
        losses = _losses(step)
        for run in _runs(_few_connections(_few_looks(step), connections, losses), losses):
            count = sum(isinstance(row, Arrow) for row in run)
            rows += _shortened(run) if count > longest else run
    return replace(ladder, rows=tuple(rows))


def _losses(step: Iterable[Row]) -> frozenset[int]:
    """The identities of the arrows of a step that a loss keeps from being folded."""
    ways: dict[Loss, list[Arrow]] = {}
    for row in step:
        if isinstance(row, Arrow) and row.lost is not None:
            ways.setdefault(row.lost, []).append(row)
    kept = (found if len(found) <= LOSSES else found[:2] for found in ways.values())
    return frozenset(id(arrow) for found in kept for arrow in found)


# -- like actions


def _few_looks(rows: list[Row]) -> list[Row]:
    """Fold all but the first two and the last of actions that a step did again and again, to look."""
    alike: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        if isinstance(row, Note) and row.kind == "action" and not row.cited_by:
            alike.setdefault((row.line, row.text), []).append(id(row))
    hidden = {one for found in alike.values() if len(found) > LOOKS for one in found[2:-1]}
    made: list[Row] = []
    for hide, group in groupby(rows, key=lambda row: id(row) in hidden):
        run = list(group)
        made += [_fold(run)] if hide and len(run) > 1 else run
    return made


# -- like connections


def _steps(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut rows before each heading."""
    step: list[Row] = []
    for row in rows:
        if isinstance(row, Heading):
            yield step
            step = []
        step.append(row)
    yield step


def _few_connections(rows: list[Row], most: int, losses: Collection[int]) -> list[Row]:
    """Fold all but the first two and the last of many connections of one step."""
    owners = [_connection(row) for row in rows]
    found = list(dict.fromkeys(owner for owner in owners if owner))
    if len(found) <= most:
        return rows
    hidden = frozenset(found[2:-1])
    before, after = _nearest(owners), _nearest(owners[::-1])[::-1]

    def hides(at: int) -> bool:
        row = rows[at]
        if isinstance(row, Heading) or id(row) in losses:
            return False
        return owners[at] in hidden if owners[at] else {before[at], after[at]} <= hidden

    made: list[Row] = []
    for hide, places in groupby(range(len(rows)), key=hides):
        run = [rows[at] for at in places]
        made += [_fold(run, _connections_told)] if hide and any(isinstance(r, Arrow) for r in run) else run
    return made


def _connection(row: Row) -> str:
    """The connection that a row is about, as its two ends in order; empty where it is about none."""
    if isinstance(row, Arrow) and row.frames[0].packet.tcp is not None:
        return " ".join(sorted((str(sender(row.frames[0])), str(receiver(row.frames[0])))))
    if isinstance(row, Note) and row.kind == "state" and row.subject:
        return " ".join(sorted(row.subject.split(" – ")))
    return ""


def _nearest(owners: Sequence[str]) -> list[str]:
    """For each row, the last connection that was named up to there."""
    last, found = "", []
    for owner in owners:
        last = owner or last
        found.append(last)
    return found


def _connections_told(arrows: Sequence[Arrow]) -> str:
    count = len({_connection(arrow) for arrow in arrows})
    return (
        f"… {count} more connection{'s' if count != 1 else ''}, {_told(arrows)[2:].replace(' more', '', 1)}"
    )


# -- like packets


def _runs(rows: Iterable[Row], losses: Collection[int]) -> Iterator[list[Row]]:
    """Cut rows where the kind of packet changes; notes between two packets of a kind do not cut."""
    run: list[Row] = []
    kind = ""
    for row in rows:
        own = "" if id(row) in losses else _kind(row)
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
    if not isinstance(row, Arrow):
        return ""
    tcp = row.frames[0].packet.tcp
    if tcp is None:
        return row.protocol
    return "TCP opening and closing" if tcp.syn or tcp.fin or tcp.rst else "TCP"


def _shortened(run: Sequence[Row]) -> list[Row]:
    """Keep the first and the last packets of a run, and one fold for all between."""
    places = [at for at, row in enumerate(run) if isinstance(row, Arrow)]
    begin, end = places[_HEAD], places[-_TAIL]
    return [*run[:begin], _fold(run[begin:end]), *run[end:]]


def _told(arrows: Sequence[Arrow]) -> str:
    """`… 712 more segments, 1031168 bytes of data`: a packet that crossed a router counts once."""
    packets = {arrow.journey: arrow for arrow in arrows}
    noun = "segment" if all(arrow.protocol == "TCP" for arrow in arrows) else "packet"
    size = sum(arrow.numbers.length for arrow in packets.values() if arrow.numbers)
    text = f"… {len(packets)} more {noun}{'s' if len(packets) != 1 else ''}"
    if size:
        text += f", {size} bytes of data"
    for said, found in (
        ("cited", {arrow.journey for arrow in arrows if arrow.cited_by}),
        ("lost", {arrow.journey for arrow in arrows if arrow.lost}),
    ):
        text += f", {len(found)} of them {said}" if found else ""
    return text


# -- a window


def focused(ladder: Ladder, most: int = 60, around: int = 3) -> Ladder:
    """Return at most about `most` rows: those that are cited, with some before and after each.

    A ladder that is short enough is returned as it is; one that cites nothing is cut at its end.
    """
    rows = ladder.rows
    if len(rows) <= most:
        return ladder
    cited = [at for at, row in enumerate(rows) if isinstance(row, Arrow | Note) and row.cited_by]
    keep: set[int] = set() if cited else set(range(most))
    for at in cited:
        near = set(range(max(0, at - around), min(len(rows), at + around + 1)))
        if len(keep | near) > most:
            break
        keep |= near
    keep |= {at for at, row in enumerate(rows) if isinstance(row, Heading)}
    return replace(ladder, rows=tuple(_window(rows, keep)))


def _window(rows: Sequence[Row], keep: set[int]) -> Iterator[Row]:
    for kept, places in groupby(range(len(rows)), key=keep.__contains__):
        run = [rows[at] for at in places]
        if kept or len(run) == 1:
            yield from run
        else:
            yield _fold(run)


def _fold(rows: Sequence[Row], told: Callable[[Sequence[Arrow]], str] = _told) -> Fold:
    hidden = tuple(part for row in rows for part in (row.hidden if isinstance(row, Fold) else (row,)))
    arrows = [row for row in hidden if isinstance(row, Arrow)]
    text = told(arrows) if arrows else f"… {len(hidden)} more notes"
    return Fold(rows[0].time_ns, rows[-1].time_ns, text, hidden)
