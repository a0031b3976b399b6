"""What came of a run, as values: what each scenario is about, its verdict, and the recording it stands on.

Pure. The runner makes these; reports read them, and so does a run that is judged again from its folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.checks import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from testbed.evidence import Evidence
    from testbed.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario, run once.

    evidence: None when nothing was recorded. seconds: from the first act to the verdict.
    round: 1, 2, … where a run repeats its scenarios. lab: the lab it ran on; empty when on none.
    trace: the traceback of a scenario that raised, as text. mutant: the name of what was broken on
    purpose; empty when nothing was.
    """

    scenario: type[Scenario]
    verdict: Verdict
    evidence: Evidence | None = None
    seconds: float = 0.0
    round: int = 1
    lab: str = ""
    trace: str = ""
    mutant: str = ""

    @property
    def id(self) -> str:
        """The scenario's."""
        return self.scenario.id

    @property
    def status(self) -> Status:
        """The verdict's."""
        return self.verdict.status


@dataclass(frozen=True, slots=True)
class RunResult:
    """All results of one run, in the order in which they came.

    command: the line that repeats it. versions: of engine, Compose, kernel and this package.
    begun: seconds since the epoch. seconds: how long it took, labs included. interrupted: not all of it ran.
    """

    id: str
    results: tuple[Result, ...]
    command: str = ""
    seed: int = 0
    begun: float = 0.0
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def status(self) -> Status:
        """All verdicts combined: failed > unknown > passed > skipped. Mutants aside."""
        return Status.combined(result.status for result in self.results if not result.mutant)

    @property
    def exit_code(self) -> int:
        """0: all that ran passed; 1: a check failed; 3: a verdict is unknown; 130: interrupted."""
        if self.interrupted:
            return 130
        return {Status.FAILED: 1, Status.UNKNOWN: 3}.get(self.status, 0)

    def count(self, status: Status) -> int:
        """How many scenarios ended so."""
        return sum(result.status is status for result in self.results)

    def unstable(self) -> dict[str, list[str]]:
        """Checks whose verdict was not the same in every round: `id.check` -> the statuses in order."""
        seen: dict[str, list[str]] = {}
        for result in self.results:
            for check, status in _statuses(result):
                seen.setdefault(f"{result.id}.{check}" if check else result.id, []).append(status)
        return {name: statuses for name, statuses in seen.items() if len(set(statuses)) > 1}


def _statuses(result: Result) -> Iterable[tuple[str, str]]:
    yield "", result.status.value
    for verdict in result.verdict.checks:
        yield verdict.check.name, verdict.status.value
