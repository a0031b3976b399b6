"""Whether every check can fail: what each mutant turns red, held against what it says it kills.

Pure: it is given verdicts. An edit of the recording is judged here; a broken network is run by the
runner, and only its verdict comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from testbed.checks import Status, Verdict
from testbed.evidence import Evidence
from testbed.scenario import Edit, Mutant, Scenario


@dataclass(frozen=True, slots=True)
class Trial:
    """One mutant, tried. verdict: of the scenario under it; problem: why there is none."""

    mutant: Mutant | Edit
    verdict: Verdict | None = None
    problem: str = ""

    @property
    def red(self) -> frozenset[str]:
        """The checks that turned red."""
        return self.verdict.failed if self.verdict is not None else frozenset()

    @property
    def missed(self) -> frozenset[str]:
        """The checks that should have turned red and did not."""
        return self.mutant.kills - self.red

    @property
    def extra(self) -> frozenset[str]:
        """The checks that turned red and should not have."""
        return self.red - self.mutant.kills

    @property
    def as_declared(self) -> bool:
        """Whether just those checks turned red that it declares."""
        return not (self.problem or self.missed or self.extra)

    def status(self, check: str) -> Status:
        """How a check ended under this mutant; unknown where it was not judged."""
        for one in self.verdict.checks if self.verdict is not None else ():
            if one.check.name == check:
                return one.status
        return Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Falsification:
    """A scenario with all its mutants. sound: its verdict on the network as it should be."""

    scenario: type[Scenario]
    sound: Verdict
    trials: tuple[Trial, ...] = ()

    @property
    def unkilled(self) -> tuple[str, ...]:
        """The checks that no mutant turned red: nothing shows that they can fail."""
        killed = frozenset().union(*(trial.red for trial in self.trials))
        return tuple(check.name for check in self.scenario.checks() if check.name not in killed)

    @property
    def faults(self) -> list[str]:
        """All that is not as declared, a sentence for each."""
        found = []
        if self.sound.status is not Status.PASSED:
            red = ", ".join(sorted(self.sound.failed)) or self.sound.reason
            found.append(f"without any mutant it is {self.sound.status.value}: {red}")
        for trial in self.trials:
            name = f"mutant {trial.mutant.name!r}"
            if trial.problem:
                found.append(f"{name}: {trial.problem}")
                continue
            found += [f"{name} leaves {check} {trial.status(check).value}" for check in sorted(trial.missed)]
            found += [f"{name} turns {check} red, undeclared" for check in sorted(trial.extra)]
        found += [f"no mutant turns {check} red" for check in self.unkilled]
        return found

    @property
    def status(self) -> Status:
        """Passed: all as declared. Unknown: the scenario itself is not green, or a mutant was not tried."""
        if self.sound.status is not Status.PASSED or any(trial.problem for trial in self.trials):
            return Status.UNKNOWN
        return Status.FAILED if self.faults else Status.PASSED


def edits_of(scenario: type[Scenario], evidence: Evidence) -> list[Trial]:
    """Judge a scenario's recording under each of its edits."""
    return [_edited(scenario, mutant, evidence) for mutant in scenario.mutants if isinstance(mutant, Edit)]


def _edited(scenario: type[Scenario], mutant: Edit, evidence: Evidence) -> Trial:
    try:
        edited = mutant.edit(evidence)
    except Exception as exc:  # noqa: BLE001 - an edit that crashes costs only itself
        return Trial(mutant, problem=f"the edit itself failed: {type(exc).__name__}: {exc}")
    return Trial(mutant, scenario().judge(edited))


def live_of(scenario: type[Scenario]) -> list[Mutant]:
    """The mutants that have to be run."""
    return [mutant for mutant in scenario.mutants if isinstance(mutant, Mutant)]


def falsification(
    scenario: type[Scenario], sound: Verdict, evidence: Evidence | None, live: Mapping[str, Trial]
) -> Falsification:
    """Put a scenario's trials together, in the order in which its mutants are written."""
    edited = {trial.mutant.name: trial for trial in edits_of(scenario, evidence)} if evidence else {}
    trials = [
        live.get(mutant.name) or edited.get(mutant.name) or Trial(mutant, problem="it was not tried")
        for mutant in scenario.mutants
    ]
    return Falsification(scenario, sound, tuple(trials))


def counted(found: Iterable[Falsification]) -> tuple[int, int]:
    """Mutants that did just what they declare, and mutants in all."""
    trials: Sequence[Trial] = [trial for one in found for trial in one.trials]
    return sum(trial.as_declared for trial in trials), len(trials)
