"""What is to be run, in which order, and on which lab."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import InvalidScenario
from testbed.runner.selection import Selected
from testbed.scenario import Mutant, Scenario


@dataclass(frozen=True, slots=True)
class Task:
    """One scenario, once. file: the Compose file of the lab that it wants. mutant: what is broken for it."""

    selected: Selected
    file: Path
    round: int = 1
    mutant: Mutant | None = None

    @property
    def scenario(self) -> type[Scenario]:
        """The scenario's class."""
        return self.selected.scenario


def plan(selection: Sequence[Selected], file: Path, rounds: int, seed: int) -> list[Task]:
    """Put the scenarios in order: round by round, and in each those of one lab together.

    The first round keeps the order given; each later one takes another, drawn from the seed, for
    what passes only after something else has run is not to be believed.
    """
    tasks = []
    for number in range(1, rounds + 1):
        order = list(selection)
        if number > 1:
            random.Random(f"{seed} {number}").shuffle(order)  # noqa: S311 - an order, no secret
        wanted = [Task(selected, lab_file(selected, file), number) for selected in order]
        files = list(dict.fromkeys(task.file for task in wanted))
        tasks += sorted(wanted, key=lambda task: files.index(task.file))
    return tasks


def lab_file(selected: Selected, default: Path) -> Path:
    """The Compose file that a scenario runs on: its own, which lies beside it, or the default."""
    scenario = selected.scenario
    if scenario.topology is None:
        return default
    path = source_file(scenario).parent / scenario.topology
    if not path.is_file():
        raise InvalidScenario(f"find the lab of {scenario.id}", f"there is no {path}")
    return path


def source_file(scenario: type[Scenario]) -> Path:
    """The Python file that a scenario is written in."""
    import inspect

    return Path(inspect.getfile(scenario))
