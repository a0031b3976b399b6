"""Scenarios under their mutants: as they are, on every broken network, and judged under every edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.checks import Status
from testbed.falsify import Falsification, Trial, falsification, live_of
from testbed.results import Result, RunResult
from testbed.runner.events import Listener
from testbed.runner.plan import Task, lab_file
from testbed.runner.running import Finished, Settings, run
from testbed.runs import ROOT
from testbed.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Falsified:
    """What came of the mutants, and the run that it stands on."""

    found: tuple[Falsification, ...]
    finished: Finished

    @property
    def exit_code(self) -> int:
        """0: all as declared; 1: a mutant did something else; 3: one could not be tried; 130: interrupted."""
        if self.finished.run.interrupted:
            return 130
        statuses = {one.status for one in self.found} - {Status.PASSED}
        if Status.FAILED in statuses:
            return 1
        return 3 if statuses else 0


def falsify(settings: Settings, listener: Listener, root: Path = ROOT) -> Falsified:
    """Run scenarios and their live mutants, and hold what turned red against what they declare."""
    finished = run(settings, listener, root, tasks_of(settings))
    found = [_falsification(item.scenario, finished.run) for item in settings.selection]
    return Falsified(tuple(found), finished)


def tasks_of(settings: Settings) -> list[Task]:
    """Each scenario as it is, then under each of its live mutants."""
    tasks = []
    for selected in settings.selection:
        file = lab_file(selected, settings.file)
        tasks.append(Task(selected, file))
        tasks += [Task(selected, file, mutant=mutant) for mutant in live_of(selected.scenario)]
    return tasks


def _falsification(scenario: type[Scenario], finished: RunResult) -> Falsification:
    results = [result for result in finished.results if result.id == scenario.id]
    sound = next((result for result in results if not result.mutant), None)
    if sound is None:
        from testbed.checks import Verdict

        return Falsification(scenario, Verdict(scenario.id, reason="it was not run"))
    live = _trials(scenario, results)
    return falsification(scenario, sound.verdict, sound.evidence, live)


def _trials(scenario: type[Scenario], results: Sequence[Result]) -> dict[str, Trial]:
    by_name = {result.mutant: result for result in results if result.mutant}
    trials = {}
    for mutant in live_of(scenario):
        result = by_name.get(mutant.name)
        if result is not None:
            problem = "" if result.verdict.checks else result.verdict.reason or "nothing was judged"
            trials[mutant.name] = Trial(mutant, result.verdict, problem)
    return trials
