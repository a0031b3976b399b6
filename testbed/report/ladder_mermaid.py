"""A ladder as a Mermaid sequence diagram, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, Row, seconds
from testbed.report.lines import Line
from testbed.text import clean

_ENTITIES = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "\n": " "})


def render(ladder: Ladder) -> str:
    """Return the diagram's source; equal ladders give equal text."""
    lines = ["sequenceDiagram", f"    accTitle: {escaped(ladder.title)}"]
    for node, group in groupby(ladder.lines, key=lambda line: line.node):
        legs = list(group)
        drawn = [f"    participant {name(line)} as {_head(line)}" for line in legs]
        lines += (
            [f"    box transparent {escaped(node)}", *(f"    {text}" for text in drawn), "    end"]
            if len(legs) > 1
            else drawn
        )
    for row in ladder.rows:
        lines += [f"    {line}" for line in _row(ladder, row)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text in which Mermaid finds no syntax of its own."""
    return clean(text).translate(_ENTITIES)


def name(line: Line) -> str:
    """The identifier of a line: letters, digits and `_`."""
    return re.sub(r"\W", "_", line.vantage or line.node, flags=re.ASCII)


def _head(line: Line) -> str:
    parts = (line.node, line.network, *line.addresses[:1])
    return "<br/>".join(escaped(part) for part in parts if part)


def _row(ladder: Ladder, row: Row) -> Iterator[str]:
    names = [name(line) for line in ladder.lines]
    if isinstance(row, Heading | Fold):
        yield f"Note over {_span(names)}: {escaped(row.text)}"
    elif isinstance(row, Note):
        yield f"Note over {names[row.line]}: {escaped(row.text)}"
    else:
        yield from _arrow(names, row)


def _span(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]},{names[-1]}"


def _arrow(names: list[str], arrow: Arrow) -> Iterator[str]:
    mark = " ●" if arrow.cited_by else ""
    text = escaped(f"{arrow.words} · {seconds(arrow.time_ns)} s · frame {arrow.number}{mark}")
    source = names[arrow.source]
    if arrow.lost is not None:
        yield f"{source}-x{names[arrow.lost.line]}: {text}"
        yield f"Note over {names[arrow.lost.line]}: {escaped(f'lost: {arrow.lost.why}')}"
        return
    for target in arrow.targets or (arrow.source,):
        yield f"{source}->>{names[target]}: {text}"
