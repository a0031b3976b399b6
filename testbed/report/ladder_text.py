"""A ladder as text, for a terminal.

::

        time  frame   client           router           router           server
                      lan-a            lan-a            lan-b            lan-b
    0.000412     12   │SYN seq=0       │                │                │
                      ├───────────────▶│                │                │
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row, pause_told, pauses, seconds
from testbed.report.style import Style, columns, cut

_GUTTER: Final = 20
_NARROWEST: Final = 9
"""Columns from one line to the next; with less room, a ladder becomes a list."""
_WIDEST: Final = 28

Cells = list[str]
"""One string for each column of the terminal; empty where the letter before takes two."""


def render(ladder: Ladder, style: Style | None = None) -> str:
    """Draw a ladder; frames that a check cites bear a `●` behind their number."""
    style = style or Style()
    if not ladder.lines or not ladder.rows:
        return "nothing was recorded that could be drawn\n"
    room = style.width - _GUTTER - 1
    pitch = min(_WIDEST, room // max(1, len(ladder.lines) - 1))
    draw = _Grid(ladder, style, pitch).text if pitch >= _NARROWEST else _List(ladder, style).text
    body = draw()
    if ladder.omitted:
        body += f"not drawn: {', '.join(ladder.omitted)}\n"
    return style.glyphs(body) if not style.colour else _glyphs_between_colours(body, style)


def _glyphs_between_colours(body: str, style: Style) -> str:
    parts = body.split("\x1b")
    return "\x1b".join(style.glyphs(part) for part in parts)


def _gutter(row: Arrow | Note | Fold, style: Style) -> str:
    number, mark = "", " "
    if isinstance(row, Arrow):
        number = str(row.number)
    elif isinstance(row, Note) and row.citation is not None:
        number = f"{row.citation.kind[0]}{row.citation.number}"
    if not isinstance(row, Fold) and row.cited_by:
        mark = style.paint("cited", "●")
    return f"{style.paint('faint', seconds(row.time_ns).rjust(11))} {number.rjust(6)}{mark} "


@dataclass(frozen=True, slots=True)
class _Grid:
    """Lines side by side, `pitch` columns apart."""

    ladder: Ladder
    style: Style
    pitch: int

    def text(self) -> str:
        out = self._heads()
        for row, pause in zip(self.ladder.rows, pauses(self.ladder.rows), strict=True):
            if pause:
                told = f"⋮ {pause_told(pause)}".rjust(_GUTTER - 1)
                out.append(self.style.paint("faint", f"{told} " + "".join(self._blank())))
            out += self._row(row)
        return "".join(line.rstrip() + "\n" for line in out)

    @property
    def _width(self) -> int:
        return max(self.pitch * (len(self.ladder.lines) - 1) + 1, self.style.width - _GUTTER - 1)

    def _heads(self) -> list[str]:
        names = [line.node for line in self.ladder.lines]
        networks = [line.network for line in self.ladder.lines]
        return [
            " " * (_GUTTER - 15) + "time   frame   " + self.style.paint("strong", self._titles(names)),
            " " * _GUTTER + self.style.paint("faint", self._titles(networks)),
        ]

    def _titles(self, texts: list[str]) -> str:
        """Put each text at its line; the last one ends at the edge where it does not fit."""
        shown = ""
        for at, text in enumerate(texts):
            own = cut(text, self.pitch - 1)
            start = min(self.pitch * at, self._width - columns(own))
            shown = cut(shown, start - 1).ljust(start) + own if at else own
        return shown

    def _row(self, row: Row) -> list[str]:
        if isinstance(row, Heading):
            title = f"── {cut(row.text, self.style.width - 8)} "
            return [self.style.paint("strong", title.ljust(self.style.width, "─"))]
        if isinstance(row, Fold):
            cells = self._blank()
            self._put(cells, 2, row.text)
            return [_gutter(row, self.style) + "".join(cells)]
        if isinstance(row, Note):
            return [_gutter(row, self.style) + self.style.paint("state", "".join(self._note(row)))]
        return self._arrow(row)

    def _blank(self) -> Cells:
        cells = [" "] * self._width
        for at in range(len(self.ladder.lines)):
            cells[at * self.pitch] = "│"
        return cells

    def _put(self, cells: Cells, start: int, text: str) -> None:
        """Write a text over the cells from a column on, or as far left as it takes to fit."""
        text = cut(text, len(cells) - 2)
        at = max(0, min(start, len(cells) - columns(text)))
        for letter in text:
            wide = columns(letter)
            if wide:
                cells[at] = letter
                cells[at + 1 : at + wide] = [""] * (wide - 1)
                at += wide
            elif at:
                cells[at - 1] += letter

    def _note(self, note: Note) -> Cells:
        cells = self._blank()
        at = note.line * self.pitch
        text = f"[{note.text}]" if note.kind == "state" else note.text
        size = columns(text)
        if at + 2 + size <= len(cells):
            self._put(cells, at + 2, text)
        elif size < at:
            self._put(cells, at - 1 - size, text)
        else:  # it fits on neither side of its line: it names it instead
            self._put(cells, 0, f"▸ {self.ladder.lines[note.line].node}: {text}")
            return cells
        cells[at] = "●" if note.kind == "state" else "▸"
        return cells

    def _arrow(self, arrow: Arrow) -> list[str]:
        paint = "lost" if arrow.lost else "cited" if arrow.cited_by else ""
        label, stroke = self._blank(), self._blank()
        left = min(arrow.source, arrow.far) * self.pitch
        self._put(label, left + 2, self._label(arrow, len(label) - left - 2))
        self._stroke(stroke, arrow)
        texts = ["".join(label), "".join(stroke)]
        if paint:
            texts = [self.style.paint(paint, text) for text in texts]
        told = [_gutter(arrow, self.style) + texts[0], " " * _GUTTER + texts[1]]
        if arrow.lost is not None:
            reason = self._blank()
            self._put(reason, left + 2, f"✗ lost: {arrow.lost.why}")
            told.append(" " * _GUTTER + self.style.paint("lost", "".join(reason)))
        return told

    def _label(self, arrow: Arrow, room: int) -> str:
        """The words, with the header's own numbers behind: always a SYN's, others' where there is room."""
        words = arrow.words
        text, raw = str(words), words.raw
        whole = f"{text} ({raw})" if raw else text
        tcp = arrow.frames[0].packet.tcp
        return whole if columns(whole) <= room or (tcp is not None and tcp.syn) else text

    def _stroke(self, cells: Cells, arrow: Arrow) -> None:
        start, end = arrow.source * self.pitch, arrow.far * self.pitch
        if start == end:
            self._put(cells, start, "⟲")
            return
        for at in range(min(start, end) + 1, max(start, end)):
            cells[at] = "┼" if at % self.pitch == 0 else "─"
        cells[start] = "├" if start < end else "┤"
        for target in arrow.targets if arrow.broadcast else ():
            cells[target * self.pitch] = "●"
        forward = 1 if start < end else -1
        head = "▶" if start < end else "◀"
        if arrow.lost is None:
            cells[end - forward] = head
        elif arrow.lost.arrived:
            cells[end] = "✗"
            cells[end - forward] = head
        else:
            middle = (start + end) // 2
            cells[middle] = "✗"
            for at in range(middle + forward, end, forward):
                cells[at] = "│" if at % self.pitch == 0 else " "


@dataclass(frozen=True, slots=True)
class _List:
    """One line of text for each row: for terminals that are too narrow, or ladders that are too wide."""

    ladder: Ladder
    style: Style

    def text(self) -> str:
        return "".join(f"{self._row(row).rstrip()}\n" for row in self.ladder.rows)

    def _row(self, row: Row) -> str:
        if isinstance(row, Heading):
            return self.style.paint("strong", f"── {row.text}")
        if isinstance(row, Fold):
            return _gutter(row, self.style) + row.text
        if isinstance(row, Note):
            name = self.ladder.lines[row.line].node
            return _gutter(row, self.style) + self.style.paint("state", f"{name}: {row.text}")
        lines = self.ladder.lines
        ends = ", ".join(lines[target].node for target in row.targets) or "nobody"
        text = f"{lines[row.source].node} → {ends} on {row.network}: {row.words}"
        if row.lost is not None:
            text += f"  ✗ lost at {lines[row.lost.line].node}: {row.lost.why}"
        paint = "lost" if row.lost else "cited" if row.cited_by else ""
        return _gutter(row, self.style) + (self.style.paint(paint, text) if paint else text)
