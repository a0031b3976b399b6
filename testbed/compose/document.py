"""A YAML document as plain values, where every entry still knows its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.errors import Mistake

Path = tuple[str | int, ...]
"""Where a value is: the keys and indices that lead to it."""


def dotted(path: Path) -> str:
    """Return a path as mistakes show it: ``services.client.networks.lan-a``."""
    return ".".join(str(step) for step in path)


@dataclass(slots=True)
class Document:
    """A document and the lines of its entries.

    value: dicts with text keys, lists and scalars; what an alias repeats is the same object.
    lines: for each container, by `id`, the line of each of its keys or indices; a merged entry
    has the line where it is written.
    beyond: what the file uses that only Compose resolves: a path and its name.
    written: what the lines are those of, where Compose made `value` of it; else None.
    """

    value: Any
    lines: dict[int, dict[str | int, int]] = field(default_factory=dict)
    beyond: list[tuple[Path, str]] = field(default_factory=list)
    written: Any = None

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Return the line of the entry at a path, or of the nearest one above it that is written."""
        line = None
        value = self.value if self.written is None else self.written
        for step in path:
            known = self.lines.get(id(value), {})
            at = _index(value, step) if isinstance(value, list) and isinstance(step, str) else step
            if at not in known:
                break
            line = known[at]
            value = value[at]
        return line


def _index(items: list[Any], name: str) -> int:
    """Return where a list such as ``[NAME, NAME=value]`` has a name, -1 where it does not."""
    for at, item in enumerate(items):
        if isinstance(item, str) and item.partition("=")[0] == name:
            return at
    return -1


def mistake(where: str, given: str, allowed: str, line: int | None = None) -> Mistake:
    """Return a mistake of a file; what the file brought along cannot steer a terminal."""
    return Mistake(_printable(where), _printable(given), f"allowed: {_printable(allowed)}", line)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shown(value: object, longest: int = 80) -> str:
    """Return a value of the file as a mistake quotes it: escaped, and cut where it is long."""
    text = {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value)) or repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
