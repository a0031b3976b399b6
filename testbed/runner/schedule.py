"""What begins next, and on which lab: a decision, without carrying it out.

Short scenarios run `jobs` at a time. Those that mostly wait (Scenario.long) begin first, each on a lab
beside, so that their waits pass together and nobody else waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from testbed.runner.plan import Task

L = TypeVar("L")

BESIDE = 3
"""How many scenarios may wait at the same time."""


@dataclass(frozen=True, slots=True)
class Begin(Generic[L]):
    """Begin this task on this lab."""

    task: Task
    lab: L


@dataclass(frozen=True, slots=True)
class Up:
    """Bring up a lab of this file."""

    file: Path


class Schedule(Generic[L]):
    """Tasks that wait, tasks under way, and labs that are free.

    jobs: short tasks at a time. only: the one lab that there is, for everything, one task at a time.
    """

    def __init__(self, tasks: Iterable[Task], jobs: int, only: L | None = None) -> None:
        self._waiting = list(tasks)
        self._jobs = jobs
        self._only = only
        self._busy: list[Task] = []
        self._free: list[tuple[Path, L]] = []
        if only is None:
            self._waiting.sort(key=lambda task: -task.scenario.long)

    @property
    def over(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._waiting and not self._busy

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._busy)

    def next(self) -> Begin[L] | Up | None:
        """Say what to do next; None: wait until a task has ended. What is said counts as done."""
        if self._only is not None:
            return self._begin(self._waiting[0], self._only) if self._waiting and not self._busy else None
        ready = [task for task in self._waiting if self._room_for(task)]
        for task in ready:
            for file, lab in self._free:
                if file == task.file:
                    self._free.remove((file, lab))
                    return self._begin(task, lab)
        return Up(ready[0].file) if ready else None

    def _room_for(self, task: Task) -> bool:
        alike = sum(bool(busy.scenario.long) == bool(task.scenario.long) for busy in self._busy)
        return alike < (BESIDE if task.scenario.long else self._jobs)

    def _begin(self, task: Task, lab: L) -> Begin[L]:
        self._waiting.remove(task)
        self._busy.append(task)
        return Begin(task, lab)

    def has_lab(self, file: Path, lab: L) -> None:
        """A lab is free."""
        if self._only is None:
            self._free.append((file, lab))

    def ended(self, task: Task) -> None:
        """A task is not under way any more; what becomes of its lab is said apart."""
        self._busy.remove(task)

    def unwanted(self) -> list[L]:
        """Forget and return the free labs that no waiting task can use."""
        wanted = {task.file for task in self._waiting}
        out = [lab for file, lab in self._free if file not in wanted]
        self._free = [(file, lab) for file, lab in self._free if file in wanted]
        return out

    def give_up(self, file: Path | None = None) -> list[Task]:
        """Forget and return the waiting tasks of a file, or all."""
        out = [task for task in self._waiting if file in (None, task.file)]
        self._waiting = [task for task in self._waiting if task not in out]
        return out
