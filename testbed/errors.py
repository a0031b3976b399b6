"""Every error that this package raises on purpose, and the exit code it ends a command with.

::

    TestbedError                     1
    ├── UsageError                   2   a command, option or argument that cannot be
    │   └── CommandMissing         127   a node's image does not hold the command
    ├── EnvironmentUnfit             3   this machine, or the lab on it
    │   ├── EngineUnavailable            no Docker engine answers, too old, no Compose
    │   ├── ImageMissing                 an image is not here and cannot be had
    │   ├── PrefixInUse                  another network holds the lab's addresses
    │   ├── LabNotFound                  no lab of that name is up
    │   ├── LabFailed                    a lab did not come up, or not go down
    │   ├── NodeExited                   a node ended while it was needed
    │   ├── ProbeDied                    a probe or its channel ended while it was needed
    │   └── StorageFull                  no room for the recording
    ├── DeadlinePassed               3   a condition did not come true in time
    ├── Unsupported                  3   a backend or kernel lacks it: the scenario is skipped
    ├── Invalid                      4   a file of the user's
    │   ├── InvalidComposeFile
    │   ├── InvalidTopology
    │   ├── InvalidScenario
    │   └── InvalidRecording
    ├── NothingSelected              5
    └── Interrupted                130

An error says what was attempted, what was seen instead, and what to do next.
Errors of libraries are mapped to these once, where the library is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class TestbedError(Exception):
    """Root of the tree.

    attempted: what was being done ("start lab 'demo'").
    seen: what happened instead ("no engine answers at unix:///var/run/docker.sock").
    hint: what the reader can do about it, as a sentence or a command; may be empty.
    """

    __test__ = False  # pytest collects classes named Test…; this is none
    exit_code: ClassVar[int] = 1

    def __init__(self, attempted: str, seen: str = "", hint: str = "") -> None:
        self.attempted = attempted
        self.seen = seen
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.attempted}: {self.seen}" if self.seen else self.attempted
        return f"{text}\n  {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the three texts: errors cross process borders under xdist."""
        return (type(self), (self.attempted, self.seen, self.hint))


class UsageError(TestbedError):
    """A command, option or argument that cannot be."""

    exit_code = 2


class CommandMissing(UsageError):
    """A node's image does not hold the command; a shell's exit code for that."""

    exit_code = 127


class EnvironmentUnfit(TestbedError):
    """This machine, or the lab on it, cannot do what was asked."""

    exit_code = 3


class EngineUnavailable(EnvironmentUnfit):
    """No engine answers, it is too old, or Compose is missing."""


class ImageMissing(EnvironmentUnfit):
    """An image is not on this machine and cannot be pulled or built."""


class PrefixInUse(EnvironmentUnfit):
    """Another network of this machine holds addresses that the lab declares."""


class LabNotFound(EnvironmentUnfit):
    """No lab of that name is up."""


class LabFailed(EnvironmentUnfit):
    """A lab did not come up, or did not go down."""


class NodeExited(EnvironmentUnfit):
    """A node ended while it was needed."""


class ProbeDied(EnvironmentUnfit):
    """A probe, or the channel to it, ended while it was needed."""


class StorageFull(EnvironmentUnfit):
    """There is no room left for the recording."""


class DeadlinePassed(TestbedError):
    """A condition did not come true in time; `seen` holds the last value looked at."""

    exit_code = 3


class Unsupported(TestbedError):
    """A backend or kernel lacks what was asked for: a scenario that needs it is skipped, aloud."""

    exit_code = 3


class Invalid(TestbedError):
    """A file of the user's that cannot be used as it is."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file: where, what was given, what is allowed."""

    path: str
    given: str
    allowed: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: {self.path}" if self.line else self.path
        return f"{where}: {self.given}; {self.allowed}"


class _WithMistakes(Invalid):
    """An invalid file, with all its mistakes at once."""

    def __init__(self, attempted: str, mistakes: Iterable[Mistake], hint: str = "") -> None:
        self.mistakes = tuple(mistakes)
        listing = "".join(f"\n  {mistake}" for mistake in self.mistakes)
        count = len(self.mistakes)
        super().__init__(attempted, f"{count} mistake{'s' if count != 1 else ''}{listing}", hint)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.attempted, self.mistakes, self.hint))


class InvalidComposeFile(_WithMistakes):
    """A Compose file with mistakes, each with its line and path."""


class InvalidTopology(_WithMistakes):
    """A topology that contradicts itself."""


class InvalidScenario(Invalid):
    """A scenario file that does not load, or a scenario that is not whole."""


class InvalidRecording(Invalid):
    """A saved recording or capture that cannot be read."""


class NothingSelected(TestbedError):
    """The selection matches no scenario."""

    exit_code = 5


class Interrupted(TestbedError):
    """Ctrl-C, or SIGTERM."""

    exit_code = 130
