"""YAML text -> `Document`: safe, with line numbers, bounded in size and depth.

Reads PyYAML's events, so that no tag can construct anything, no anchor can multiply a document
beyond `LARGEST` entries, and no nesting can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from testbed.compose import scalars
from testbed.compose.document import Document, Path, dotted, mistake, shown
from testbed.errors import Mistake

DEEPEST: Final = 64
"""Containers in containers, aliases followed."""
LARGEST: Final = 100_000
"""Entries of a document, aliases followed."""

_STANDARD: Final = "tag:yaml.org,2002:"
_RESOLVED_BY_COMPOSE: Final = ("!reset", "!override")
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):
    """The text is no document: with the one mistake after which nothing can be read."""

    def __init__(self, cause: Mistake) -> None:
        super().__init__(str(cause))
        self.mistake = cause


def parse(text: str, name: str) -> tuple[Document, list[Mistake]]:
    """Return the first document of a text, and the mistakes that leave it readable.

    name: what a mistake calls the document as a whole.
    Raises Unreadable where the text is not YAML, or is too large or too deep.
    """
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER), name).document()
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else None
        problem = ", ".join(part for part in (exc.context, exc.problem) if part)
        raise Unreadable(mistake(name, problem or "not YAML", "YAML", line)) from exc
    except (yaml.YAMLError, UnicodeEncodeError) as exc:
        reason = str(exc).splitlines()[0]
        given = f"a character that YAML does not have: {reason}"
        raise Unreadable(mistake(name, given, "YAML")) from exc


class _Composer:
    """Builds values from a stream of events, one nesting of calls for each container."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self._events = events
        self._name = name
        self._document = Document(None)
        self._mistakes: list[Mistake] = []
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._extent: dict[int, tuple[int, int]] = {}  # id of a container: entries, depth
        self._kept: list[Any] = []  # every container, so that no id is used twice

    def document(self) -> tuple[Document, list[Mistake]]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._document.value = self._node(next(self._events), ())
                break
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._document.beyond.append(((), "more than one document"))
                break
        return self._document, self._mistakes

    def _node(self, event: Any, path: Path) -> Any:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, line)
        if len(path) > DEEPEST:
            raise self._unreadable(f"more than {DEEPEST} containers in one another", "a flatter file", line)
        tag = self._tag(event, path, line)
        if event.anchor:
            self._open.add(event.anchor)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] if tag is None else tag != "str"
            value = scalars.resolve(event.value) if plain else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path, line)
        else:
            value = self._mapping(path, line)
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = value
        return value

    def _alias(self, anchor: str | None, line: int) -> Any:
        if anchor in self._open:
            raise self._unreadable(f"*{anchor} inside &{anchor}", "an alias of something before it", line)
        if anchor is None or anchor not in self._anchors:
            raise self._unreadable(f"*{anchor} without &{anchor}", "an alias of something before it", line)
        return self._anchors[anchor]

    def _tag(self, event: Any, path: Path, line: int) -> str | None:
        """Return the short name of an explicit standard tag, and complain of any other."""
        tag: str | None = event.tag
        if tag is None or tag == "!":
            return "str" if tag else None
        if tag in _RESOLVED_BY_COMPOSE:
            self._document.beyond.append((path, tag))
            return None
        kind = tag.removeprefix(_STANDARD)
        if kind not in ("str", "int", "float", "bool", "null", "map", "seq"):
            self._complain(path, f"tag {tag}", "no tag", line)
        return kind

    def _sequence(self, path: Path, line: int) -> list[Any]:
        items: list[Any] = []
        lines: dict[str | int, int] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            lines[len(items)] = event.start_mark.line + 1
            items.append(self._node(event, (*path, len(items))))
        self._finish(items, lines, items, line)
        return items

    def _mapping(self, path: Path, line: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        lines: dict[str | int, int] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_line = event.start_mark.line + 1
            merges = _is_merge(event)
            key = self._node(event, path)
            value = self._node(next(self._events), (*path, str(key)))
            if merges:
                merged += self._merge(value, (*path, "<<"), key_line)
            elif not isinstance(key, str):
                self._complain(path, f"{shown(key)} as a key", "text; quote it", key_line)
            elif key in own:
                given = f"a second time; first on line {lines[key]}"
                self._complain((*path, key), given, "each key once", key_line)
            else:
                own[key] = value
                lines[key] = key_line
        for source in merged:
            for key in source.keys() - own.keys():
                lines[key] = self._document.lines[id(source)][key]
            own = {**source, **own}
        self._finish(own, lines, list(own.values()), line)
        return own

    def _merge(self, value: Any, path: Path, line: int) -> list[dict[str, Any]]:
        """Return what `<<` merges in, the strongest first."""
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            return sources
        self._complain(path, "a value that is no mapping", "an alias of a mapping, or a list of such", line)
        return []

    def _finish(self, container: Any, lines: dict[str | int, int], values: list[Any], line: int) -> None:
        """Register a container, unless it is too large or too deep with its aliases followed."""
        extents = [self._extent.get(id(value), (1, 0)) for value in values]
        entries = 1 + sum(size for size, _ in extents)
        depth = 1 + max((deep for _, deep in extents), default=0)
        if entries > LARGEST:
            raise self._unreadable(f"more than {LARGEST} entries, aliases followed", "a smaller file", line)
        if depth > DEEPEST:
            raise self._unreadable(f"more than {DEEPEST} containers in one another", "a flatter file", line)
        self._extent[id(container)] = (entries, depth)
        self._document.lines[id(container)] = lines
        self._kept.append(container)

    def _complain(self, path: Path, given: str, allowed: str, line: int) -> None:
        self._mistakes.append(mistake(dotted(path) or self._name, given, allowed, line))

    def _unreadable(self, given: str, allowed: str, line: int) -> Unreadable:
        return Unreadable(mistake(self._name, given, allowed, line))


def _is_merge(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
