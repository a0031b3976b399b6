"""A ladder as a picture: SVG of our own, the same bytes for the same ladder.

Rows are drawn below each other at even distances; the time stands beside each. Every arrow and every
state says in `data-…` which frames and checks it belongs to, for a page that brings it to life.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from testbed.report import svg
from testbed.report.bands import Band, bands, kind_of
from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row, seconds
from testbed.report.markup import Markup, element

TIME: Final = 92
FRAME: Final = 140
LEFT: Final = 282
RIGHT: Final = 130
PITCH: Final = 270
LEGS: Final = 96
"""Between the two lines of one node."""
HEAD: Final = 62
_SLANT: Final = 7
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


def plan(ladder: Ladder) -> Plan:
    """Place every line and row."""
    x: list[float] = []
    for at, line in enumerate(ladder.lines):
        same = at > 0 and ladder.lines[at - 1].node == line.node
        x.append(x[-1] + (LEGS if same else PITCH) if x else float(LEFT))
    y: list[float] = []
    below = float(HEAD)
    for row in ladder.rows:
        y.append(below)
        below += _HEIGHT[type(row)] + (_TALLER if isinstance(row, Arrow) and _beneath(row) else 0)
    return Plan(tuple(x), tuple(y), (x[-1] if x else LEFT) + RIGHT, below + 24)


def render(ladder: Ladder, *, alone: bool = True, key: str = "ladder") -> str:
    """Draw a ladder. alone: a document of its own, else a part of an HTML page; key: unique in that page."""
    placed = plan(ladder)
    drawing = _Drawing(ladder, placed, interactive=not alone)
    parts = [
        *drawing.lifelines(),
        *drawing.bands(),
        *drawing.ways_through(),
        *drawing.rows(),
        *drawing.heads(),
    ]
    return svg.picture(
        f"Ladder of {ladder.title}", _told(ladder), placed.width, placed.height, *parts, alone=alone, key=key
    )


def _told(ladder: Ladder) -> str:
    nodes = ", ".join(name for name, _ in groupby(line.node for line in ladder.lines))
    lost = sum(arrow.lost is not None for arrow in ladder.arrows)
    cited = sum(bool(arrow.cited_by) for arrow in ladder.arrows)
    return f"{len(ladder.arrows)} frames between {nodes or 'nobody'}; {cited} cited by checks, {lost} lost."


def _beneath(arrow: Arrow) -> bool:
    return bool(arrow.words.raw or arrow.words.data or arrow.lost)


class _Drawing:
    """The parts of one picture."""

    def __init__(self, ladder: Ladder, placed: Plan, interactive: bool) -> None:
        self._ladder = ladder
        self._x = placed.x
        self._y = placed.y
        self._plan = placed
        self._interactive = interactive

    # -- what stands still

    def heads(self) -> Iterator[Markup]:
        """The names above the lines; one box for all lines of a node that stand side by side."""
        at = 0
        for node, group in groupby(self._ladder.lines, key=lambda line: line.node):
            legs = list(group)
            left, right = self._x[at], self._x[at + len(legs) - 1]
            yield element(
                "g",
                element("rect", x=left - 46, y=4, width=right - left + 92, height=44, rx=6, class_="box"),
                svg.text((left + right) / 2, 20, node, "strong", "middle"),
                *(
                    svg.text(self._x[at + leg], 38, _beside(line.network, len(legs)), "faint small", "middle")
                    for leg, line in enumerate(legs)
                ),
            )
            at += len(legs)

    def lifelines(self) -> Iterator[Markup]:
        """The lines themselves."""
        for x in self._x:
            yield svg.line(x, 48, x, self._plan.height - 10, "life")

    def bands(self) -> Iterator[Markup]:
        """The TCP states of the sockets of each host, as coloured bands along its line."""
        for band in bands(self._ladder):
            yield self._band(band)

    def _band(self, band: Band) -> Markup:
        x = self._x[band.line] - 3 + band.lane * 8
        top = self._y[band.first] + 8
        end = self._y[band.last] + 8 if band.last is not None else self._plan.height - 10
        title = element("title", f"{band.state} {band.subject}")
        bar = element("rect", title, x=x, y=top, width=6, height=max(2.0, end - top), class_="band")
        return element("g", bar, class_=f"s t-{kind_of(band.state)}")

    def ways_through(self) -> Iterator[Markup]:
        """A dotted line through a router, from where a packet came in to where it went on."""
        came: dict[int, tuple[int, float]] = {}
        for row, y in zip(self._ladder.rows, self._y, strict=True):
            if not isinstance(row, Arrow):
                continue
            if row.journey in came:
                line, before = came[row.journey]
                if self._ladder.lines[line].node == self._ladder.lines[row.source].node:
                    yield svg.line(self._x[line], before, self._x[row.source], y + 22, "through")
            came[row.journey] = (row.far, y + 22 + _SLANT)

    # -- what happened

    def rows(self) -> Iterator[Markup]:
        """Every row at its place."""
        for at, (row, y) in enumerate(zip(self._ladder.rows, self._y, strict=True)):
            yield self._row(at, row, y)

    def _row(self, at: int, row: Row, y: float) -> Markup:
        if isinstance(row, Heading):
            width = self._plan.width - 16
            bar = element("rect", x=8, y=y + 4, width=width, height=24, rx=4)
            return element("g", bar, svg.text(18, y + 20, row.text), class_="step")
        if isinstance(row, Fold):
            middle = (self._x[0] + self._x[-1]) / 2
            text = svg.text(middle, y + 20, row.text, "faint", "middle")
            return element("g", self._time(row, y + 20), text, class_="fold", data_row=at)
        return self._note(at, row, y) if isinstance(row, Note) else self._arrow(at, row, y)

    def _time(self, row: Arrow | Note | Fold, y: float) -> Markup:
        return svg.text(TIME, y, seconds(row.time_ns), "faint", "end")

    def _note(self, at: int, note: Note, y: float) -> Markup:
        last = note.line == len(self._x) - 1 and note.line > 0
        leftmost = note.kind == "state" and note.line == 0
        x = self._x[note.line]
        words = svg.text(
            x - 8 if leftmost else x + 8, y + 13, note.text, "small", "end" if leftmost else None
        )
        if last and note.kind != "state":
            words = svg.text(x - 8, y + 13, note.text, "small", "end")
        kind = f"s t-{kind_of(note.text.split(' ')[0])}" if note.kind == "state" else f"note {note.kind}"
        cites = str(note.citation) if note.citation else None
        return element(
            "g",
            self._time(note, y + 13),
            *([svg.text(FRAME, y + 13, _short(cites), "faint small", "end")] if cites else []),
            *([self._pin(y + 9)] if note.cited_by else []),
            words,
            class_=kind,
            data_cites=cites,
            data_node=self._ladder.lines[note.line].node,
            data_checks=" ".join(note.cited_by) or None,
        )

    def _pin(self, y: float) -> Markup:
        return element("circle", cx=FRAME + 10, cy=y, r=4, class_="pin")

    def _arrow(self, at: int, arrow: Arrow, y: float) -> Markup:
        start, end = self._x[arrow.source], self._x[arrow.far]
        middle = (start + end) / 2
        words = arrow.words
        parts = [self._time(arrow, y + 26), svg.text(FRAME, y + 26, str(arrow.number), "strong", "end")]
        if arrow.cited_by:
            parts.append(self._pin(y + 22))
        parts += self._loop(start, y) if start == end else self._stroke(arrow, start, end, y)
        head = f"{words.head} {words.detail}".strip()
        parts.append(svg.text(middle, y + 16, head, "head", "middle"))
        beneath = " · ".join(part for part in (words.data, words.raw) if part)
        if arrow.lost:
            parts.append(svg.text(middle, y + 43, f"lost: {arrow.lost.why}", "why small", "middle"))
        elif beneath:
            parts.append(svg.text(middle, y + 43, beneath, "faint small", "middle"))
        kinds = [
            f"a p-{_protocol(words.protocol)}",
            "cited" if arrow.cited_by else "",
            "lost" if arrow.lost else "",
        ]
        hot = {"tabindex": 0, "role": "button"} if self._interactive else {}
        nodes = {arrow.source, *arrow.targets, arrow.far}
        return element(
            "g",
            element("title", self._said(arrow)),
            *parts,
            class_=" ".join(kind for kind in kinds if kind),
            data_frames=" ".join(str(frame.number) for frame in arrow.frames),
            data_checks=" ".join(arrow.cited_by) or None,
            data_nodes=" ".join(sorted({self._ladder.lines[line].node for line in nodes})),
            data_protocol=words.protocol,
            aria_label=self._said(arrow) if self._interactive else None,
            **hot,
        )

    def _said(self, arrow: Arrow) -> str:
        """An arrow in one sentence, for a screen reader and a pointer that rests."""
        lines = self._ladder.lines
        ends = ", ".join(dict.fromkeys(lines[at].node for at in arrow.targets)) or "nobody"
        lost = f"; lost: {arrow.lost.why}" if arrow.lost else ""
        cited = f"; cited by {', '.join(arrow.cited_by)}" if arrow.cited_by else ""
        way = f"{lines[arrow.source].node} to {ends} on {arrow.network}"
        raw = f" ({arrow.words.raw})" if arrow.words.raw else ""
        return f"Frame {arrow.number}, {seconds(arrow.time_ns)} s, {way}: {arrow.words}{raw}{lost}{cited}"

    def _loop(self, x: float, y: float) -> list[Markup]:
        """A frame that never leaves its node."""
        return [
            element("path", d=f"M{x:g} {y + 20:g}h34v10h-28", class_="loop", fill_opacity=0),
            element("path", d=f"M{x:g} {y + 30:g}l8 -4v8z"),
        ]

    def _stroke(self, arrow: Arrow, start: float, end: float, y: float) -> list[Markup]:
        top, forward = y + 22, 1 if start < end else -1
        lost_on_the_way = arrow.lost is not None and not arrow.lost.arrived
        tip = (start + end) / 2 if lost_on_the_way else end
        low = top + (_SLANT / 2 if lost_on_the_way else _SLANT)
        parts = [svg.line(start, top, tip, low, "shaft")]
        for target in arrow.targets if arrow.broadcast else ():
            share = (self._x[target] - start) / (end - start)
            parts.append(element("circle", cx=self._x[target], cy=top + _SLANT * share, r=4))
        if arrow.lost is not None:
            parts.append(
                element("path", d=_cross(tip - forward * (0 if lost_on_the_way else 2), low), class_="x")
            )
        if not lost_on_the_way:
            back = tip - forward * (14 if arrow.lost else 9)
            nose = tip - forward * (6 if arrow.lost else 0)
            parts.append(element("path", d=f"M{nose:g} {low:g}L{back:g} {low - 5:g}V{low + 4:g}z"))
        return parts


def _cross(x: float, y: float) -> str:
    return f"M{x - 6:g} {y - 6:g}l12 12m0 -12l-12 12"


def _beside(network: str, legs: int) -> str:
    return network if legs == 1 or len(network) <= 14 else f"{network[:13]}…"


def _short(cites: str) -> str:
    return f"{cites[0]}{cites.split(' ')[1]}"


def _protocol(name: str) -> str:
    known = {"ARP": "arp", "TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmp"}
    return known.get(name, "other")
