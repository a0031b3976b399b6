"""What one reading of one file shares: its document, its variables and the mistakes found so far."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from testbed.compose.document import Document, Path, dotted, mistake
from testbed.errors import Mistake


@dataclass(slots=True)
class Variables:
    """The environment, then what the `.env` file says; remembers what was asked for and found."""

    environment: Mapping[str, str]
    from_file: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    used: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> str | None:
        """Return a variable's value, None where it is not set."""
        value = self.environment.get(name, self.from_file.get(name))
        if value is not None:
            self.used[name] = value
        elif name == "COMPOSE_PROJECT_NAME":
            return self.project
        return value


@dataclass(slots=True)
class Reading:
    """The state of one reading."""

    document: Document
    variables: Variables
    mistakes: list[Mistake] = field(default_factory=list)
    bad: set[Path] = field(default_factory=set)
    """Where the mistakes are, and everything that they are in."""

    def complain(self, path: Path, given: str, allowed: str) -> None:
        """Note a mistake at a path of the document."""
        self.bad.update(path[:length] for length in range(len(path) + 1))
        self.mistakes.append(mistake(dotted(path), given, allowed, self.document.line_of(path)))

    def has_mistakes(self, path: Path) -> bool:
        """Say whether a mistake is known at a path or in what is there: none more is to follow from it."""
        return path in self.bad


def near(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'lan-a'?`` where a known name is near, else nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
