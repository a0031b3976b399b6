"""A ladder as a picture: SVG of our own, the same bytes for the same ladder.

Rows are drawn below each other at even distances; the time stands beside each. As a part of a page
it says in `data-…` what belongs together, for the page's script (see `_Live`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from testbed.evidence import Citation
from testbed.report import svg
from testbed.report.bands import Band, kind_of
from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row, pause_told, pauses, seconds
from testbed.report.ladder_plan import (
    BENEATH,
    FRAME,
    HEAD,
    LANE,
    LINE,
    SLANT,
    TIME,
    Label,
    Plan,
    half,
    plan,
    words_at,
)
from testbed.report.markup import Markup, element


def render(ladder: Ladder) -> str:
    """Draw a ladder as a document of its own."""
    placed = plan(ladder)
    drawing = _Drawing(ladder, placed, live=False)
    parts = [*drawing.parts(), *drawing.heads()]
    return svg.picture(f"Ladder of {ladder.title}", _told(ladder), placed.width, placed.height, *parts)


def render_parts(ladder: Ladder, key: str) -> tuple[Markup, Markup]:
    """Draw a ladder for a page: the names above the lines, which stay in sight, and the rest.

    key: unique in that page.
    """
    placed = plan(ladder).moved(top=4)
    drawing = _Drawing(ladder, placed, live=True)
    title, told = f"Lines of {ladder.title}", "The nodes that took part, and their networks."
    heads = svg.picture(
        title, told, placed.width, HEAD - 10, *drawing.heads(), alone=False, key=f"heads-{key}"
    )
    title, told = f"Ladder of {ladder.title}", _told(ladder)
    body = svg.picture(
        title, told, placed.width, placed.height, *drawing.parts(), alone=False, key=f"ladder-{key}"
    )
    return heads, body


def _told(ladder: Ladder) -> str:
    nodes = ", ".join(name for name, _ in groupby(line.node for line in ladder.lines))
    lost = sum(arrow.lost is not None for arrow in ladder.arrows)
    cited = sum(bool(arrow.cited_by) for arrow in ladder.arrows)
    return f"{len(ladder.arrows)} frames between {nodes or 'nobody'}; {cited} cited by checks, {lost} lost."


class _Drawing:
    """The parts of one picture.

    live: for a page whose script brings it to life. Then `data-c` of a row names what it shows and
    checks cite (`f12` a frame, `s3` a sample, `a1` an action), `data-n` its nodes, and `data-a`, `data-b`
    of what joins two rows their places among the rows, so that rows can be left out.
    """

    def __init__(self, ladder: Ladder, placed: Plan, live: bool) -> None:
        self._ladder = ladder
        self._x = placed.x
        self._y = placed.y
        self._plan = placed
        self._live = live
        self._pauses = dict(zip(map(id, ladder.rows), pauses(ladder.rows), strict=True))
        self._nodes = list(dict.fromkeys(line.node for line in ladder.lines))

    def parts(self) -> Iterator[Markup]:
        """All but the heads."""
        yield from self.lifelines()
        yield from self.bands()
        yield from self.ways_through()
        yield from self.rows()

    # -- what stands still

    def heads(self) -> Iterator[Markup]:
        """The names above the lines; one box for all lines of a node that stand side by side."""
        at = 0
        for node, group in groupby(self._ladder.lines, key=lambda line: line.node):
            legs = list(group)
            left = self._x[at] - half(legs[0])
            right = self._x[at + len(legs) - 1] + half(legs[-1])
            yield element(
                "g",
                element("rect", x=left, y=4, width=right - left, height=44, rx=6, class_="box"),
                svg.text((left + right) / 2, 20, node, "strong", "middle"),
                *(
                    svg.text(self._x[at + leg], 38, _beside(line.network, len(legs)), "faint small", "middle")
                    for leg, line in enumerate(legs)
                ),
            )
            at += len(legs)

    def lifelines(self) -> Iterator[Markup]:
        """The lines themselves."""
        top = 0 if self._live else 48
        for x in self._x:
            yield svg.line(x, top, x, self._plan.height - 10, "life")

    def bands(self) -> Iterator[Markup]:
        """The TCP states of the sockets of each host, as coloured bands along its line."""
        for band in self._plan.bands:
            yield self._band(band)

    def _band(self, band: Band) -> Markup:
        top = self._y[band.first] + 8
        last = len(self._y) if band.last is None else band.last
        end = (*self._y, self._plan.height - 24)[last] + 8
        return element(
            "rect",
            element("title", f"{band.state} {band.subject}"),
            x=self._x[band.line] - 3 + band.lane * LANE,
            y=top,
            width=6,
            height=max(2.0, end - top),
            class_=f"band t-{kind_of(band.state)}",
            data_a=band.first if self._live else None,
            data_b=last if self._live else None,
        )

    def ways_through(self) -> Iterator[Markup]:
        """A dotted line through a router, from where a packet came in to where it went on."""
        came: dict[int, tuple[int, int]] = {}
        for at, row in enumerate(self._ladder.rows):
            if not isinstance(row, Arrow):
                continue
            if row.journey in came:
                before, line = came[row.journey]
                if self._ladder.lines[line].node == self._ladder.lines[row.source].node:
                    yield element(
                        "line",
                        x1=self._x[line],
                        y1=self._y[before] + 22 + SLANT,
                        x2=self._x[row.source],
                        y2=self._y[at] + 22,
                        class_="through",
                        data_a=before if self._live else None,
                        data_b=at if self._live else None,
                    )
            came[row.journey] = (at, row.far)

    # -- what happened

    def rows(self) -> Iterator[Markup]:
        """Every row at its place; inside, y counts from the row's own top."""
        rows = self._ladder.rows
        first = next((at for at, row in enumerate(rows) if isinstance(row, Arrow)), -1)
        for at, (row, y) in enumerate(zip(rows, self._y, strict=True)):
            yield self._row(row, f"translate(0 {y:g})", at == first)

    def _row(self, row: Row, place: str, first: bool) -> Markup:
        if isinstance(row, Heading):
            bar = element("rect", x=8, y=4, width=self._plan.width - 16, height=24, rx=4)
            words = svg.text(18, 20, row.text)
            return element("g", self._pause(row), bar, words, class_="r step", transform=place)
        if isinstance(row, Fold):
            text = svg.text((self._x[0] + self._x[-1]) / 2, 20, row.text, "faint", "middle")
            cited = " ".join(_cited(row)) or None
            return element(
                "g",
                *([self._hit(32)] if self._live else []),
                self._time(row, 20),
                *([_pin(16)] if cited else []),
                text,
                class_="r fold",
                transform=place,
                data_c=cited if self._live else None,
            )
        return self._note(row, place) if isinstance(row, Note) else self._arrow(row, place, first)

    def _time(self, row: Arrow | Note | Fold, y: float) -> Markup:
        return Markup(self._pause(row) + svg.text(TIME, y, seconds(row.time_ns), "faint", "end"))

    def _pause(self, row: Row) -> Markup:
        """How long nothing happened before a row, above it; nothing where that was not long."""
        pause = self._pauses[id(row)]
        told = f"⋮ {pause_told(pause)}"
        return svg.text(2, -3, told, "faint small") if pause else Markup("")

    def _note(self, note: Note, place: str) -> Markup:
        stands = self._plan.notes[id(note)]
        words = svg.text(stands.x, 13, note.text, "small", stands.anchor)
        kind = f"s t-{kind_of(note.text.split(' ')[0])}" if note.kind == "state" else f"note {note.kind}"
        cites = _key(note.citation) if note.citation else None
        return element(
            "g",
            *([self._hit(18)] if self._live else []),
            self._time(note, 13),
            *([svg.text(FRAME, 13, cites, "faint small", "end")] if cites else []),
            *([_pin(9)] if note.cited_by else []),
            words,
            class_=f"r {kind}",
            transform=place,
            data_c=cites if self._live else None,
            data_n=self._nodes.index(self._ladder.lines[note.line].node) if self._live else None,
        )

    def _arrow(self, arrow: Arrow, place: str, first: bool) -> Markup:
        start, end = self._x[arrow.source], self._x[arrow.far]
        label = self._plan.labels[id(arrow)]
        x, anchor = words_at(arrow, self._x)
        parts = [self._time(arrow, 26), svg.text(FRAME, 26, str(arrow.number), "strong", "end")]
        if arrow.cited_by:
            parts.append(_pin(22))
        parts += _loop(start) if start == end else self._stroke(arrow, start, end)
        parts.append(svg.text(x, 16, label.head, "head", anchor))
        for at, text in enumerate(label.beneath):
            kind = "why small" if arrow.lost and not at else "faint small"
            parts.append(svg.text(x, BENEATH + LINE * at, text, kind, anchor))
        kinds = [f"r a p-{protocol(arrow)}"]
        kinds += ["cited"] if arrow.cited_by else []
        kinds += ["lost"] if arrow.lost else []
        said = self._said(arrow, label)
        live = self._hot(arrow, said, first) if self._live else {}
        lead = self._hit(46 + LINE * len(label.beneath)) if self._live else element("title", said)
        return element("g", lead, *parts, class_=" ".join(kinds), transform=place, **live)

    def _hit(self, height: float) -> Markup:
        """What of a row a pointer can hit: all of it."""
        return element("rect", width=self._plan.width, height=height, class_="hit")

    def _hot(self, arrow: Arrow, said: str, first: bool) -> dict[str, object]:
        """What the script and a screen reader need; one arrow is reached by Tab, the others from it."""
        lines = {arrow.source, *arrow.targets, arrow.far}
        nodes = sorted({self._nodes.index(self._ladder.lines[line].node) for line in lines})
        return {
            "data_c": " ".join(f"f{frame.number}" for frame in arrow.frames),
            "data_n": " ".join(str(node) for node in nodes),
            "tabindex": 0 if first else -1,
            "role": "button",
            "aria_label": said,
        }

    def _said(self, arrow: Arrow, label: Label) -> str:
        """An arrow in one sentence, for a screen reader and a pointer that rests."""
        lines = self._ladder.lines
        ends = ", ".join(dict.fromkeys(lines[at].node for at in arrow.targets)) or "nobody"
        lost = f"; lost: {arrow.lost.why}" if arrow.lost else ""
        cited = f"; cited by {', '.join(arrow.cited_by)}" if arrow.cited_by else ""
        way = f"{lines[arrow.source].node} to {ends} on {arrow.network}"
        raw = f" ({label.words.raw})" if label.words.raw else ""
        return f"Frame {arrow.number}, {seconds(arrow.time_ns)} s, {way}: {label.words}{raw}{lost}{cited}"

    def _stroke(self, arrow: Arrow, start: float, end: float) -> list[Markup]:
        """The line of an arrow, its head, a cross where it was lost.

        A broadcast has a dot wherever it arrives, also on the side where its head is not.
        """
        top, forward = 22.0, 1 if start < end else -1
        on_the_way = arrow.lost is not None and not arrow.lost.arrived
        tip = (start + end) / 2 if on_the_way else end
        low = top + (SLANT / 2 if on_the_way else SLANT)
        parts = [svg.line(start, top, tip, low)]
        for target in arrow.targets if arrow.broadcast else ():
            share = (self._x[target] - start) / (end - start)
            parts.append(element("circle", cx=self._x[target], cy=top + SLANT * share, r=4))
            if share < 0:
                parts.append(svg.line(start, top, self._x[target], top + SLANT * share))
        if arrow.lost is not None:
            parts.append(element("path", d=_cross(tip - forward * (0 if on_the_way else 2), low), class_="x"))
        if not on_the_way:
            nose = tip - forward * (6 if arrow.lost else 0)
            parts.append(element("path", d=f"M{nose:g} {low:g}l{-9 * forward} -5v9z"))
        return parts


def _cited(fold: Fold) -> Iterator[str]:
    """What of the rows that a fold leaves out a check cites, as `data-c` names it."""
    for row in fold.hidden:
        if isinstance(row, Arrow):
            yield from (f"f{number}" for number in row.cited_frames)
        elif isinstance(row, Note) and row.cited_by and row.citation:
            yield _key(row.citation)


def _key(citation: Citation) -> str:
    return f"{citation.kind[0]}{citation.number}"


def _loop(x: float) -> list[Markup]:
    """A frame that never leaves its node."""
    return [
        element("path", d=f"M{x:g} 20h34v10h-28", fill_opacity=0),
        element("path", d=f"M{x:g} 30l8 -4v8z"),
    ]


def _pin(y: float) -> Markup:
    return element("circle", cx=FRAME + 10, cy=y, r=4, class_="pin")


def _cross(x: float, y: float) -> str:
    return f"M{x - 6:g} {y - 6:g}l12 12m0 -12l-12 12"


def _beside(network: str, legs: int) -> str:
    return network if legs == 1 or len(network) <= 14 else f"{network[:13]}…"


def protocol(arrow: Arrow) -> str:
    """The class of an arrow's protocol: `arp`, `tcp`, `udp`, `icmp` or `other`."""
    known = {"ARP": "arp", "TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmp"}
    return known.get(arrow.protocol, "other")
