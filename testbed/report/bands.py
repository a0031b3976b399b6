"""How long each socket was in each state, in rows of a ladder: what is drawn along a host's line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from testbed.report.ladder import Fold, Ladder, Note

MOST_LANES: Final = 3
"""Sockets that are drawn side by side along one line; the states of more are told by notes alone."""

Kind = Literal["opening", "open", "closing", "waiting", "closed"]

_KINDS: Final[dict[str, Kind]] = {
    "LISTEN": "closed",
    "SYN-SENT": "opening",
    "SYN-RECV": "opening",
    "NEW-SYN-RECV": "opening",
    "ESTABLISHED": "open",
    "FIN-WAIT-1": "closing",
    "FIN-WAIT-2": "closing",
    "CLOSING": "closing",
    "CLOSE-WAIT": "closing",
    "LAST-ACK": "closing",
    "TIME-WAIT": "waiting",
    "CLOSED": "closed",
}


def kind_of(state: str) -> Kind:
    """What a state of RFC 9293 §3.3.2 means for the connection."""
    return _KINDS.get(state, "closed")


@dataclass(frozen=True, slots=True)
class Band:
    """One socket in one state. first, last: rows of the ladder; last is None where it lasts to the end.

    lane: 0, 1, … tells sockets apart that are there at the same time.
    """

    line: int
    lane: int
    state: str
    subject: str
    first: int
    last: int | None


def bands(ladder: Ladder) -> tuple[Band, ...]:
    """Return the bands of all lines, in the order in which they end."""
    made: list[Band] = []
    now: dict[tuple[int, str], Band] = {}
    for at, row in _states(ladder):
        key = (row.line, row.subject)
        before = now.pop(key, None)
        if before is not None:
            made.append(replace(before, last=at))
        state = row.text.split(" ")[0]
        if state in ("CLOSED", "LISTEN"):
            continue
        lane = before.lane if before is not None else _free(row.line, now)
        if lane >= MOST_LANES:  # a socket that only waits makes room
            waiting = next((k for k, b in now.items() if k[0] == row.line and b.state == "TIME-WAIT"), None)
            if waiting is not None:
                ended = now.pop(waiting)
                made.append(replace(ended, last=at))
                lane = ended.lane
        if lane < MOST_LANES:
            now[key] = Band(row.line, lane, state, row.subject, at, None)
    return tuple(band for band in (*made, *now.values()) if band.first != band.last)


def _states(ladder: Ladder) -> Iterator[tuple[int, Note]]:
    """Every change of a socket's state, with its place; what is folded away changed where the fold is."""
    for at, row in enumerate(ladder.rows):
        for part in row.hidden if isinstance(row, Fold) else (row,):
            if isinstance(part, Note) and part.kind == "state" and part.subject:
                yield at, part


def _free(line: int, now: dict[tuple[int, str], Band]) -> int:
    taken = {band.lane for (at, _), band in now.items() if at == line}
    return next(lane for lane in range(len(taken) + 1) if lane not in taken)
