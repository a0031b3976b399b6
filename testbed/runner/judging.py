"""From a recording, and how the act ended, to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.results import Result
from testbed.runner.plan import Task
from testbed.scenario import Scenario

if TYPE_CHECKING:
    from testbed.evidence import Evidence

ACTED = Check("acted", "the scenario acted to its end")
"""What is added to a verdict that would be green though the act broke off: not all was provoked."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an act ended. It is kept with the recording, so that a later judgement is the same.

    reason: why it ended early; empty when it did not. judged: what failed is in the recording, so that
    its checks can be judged. skipped: the machine lacks what it needs.
    """

    reason: str = ""
    judged: bool = True
    skipped: bool = False


def judge(scenario: type[Scenario], ending: Ending, evidence: Evidence | None) -> Verdict:
    """Judge a recording, given how the act ended.

    An act that ended early because something on the network failed is judged all the same: a
    refused connection is evidence. One that broke off for another reason is unknown.
    """
    if ending.skipped:
        return Verdict(scenario.id, reason=ending.reason, skipped=True)
    if evidence is None or not ending.judged:
        return Verdict(scenario.id, reason=ending.reason or "nothing was recorded")
    verdict = scenario().judge(evidence)
    return _ended_early(verdict, ending.reason) if ending.reason else verdict


def judged(scenario: type[Scenario], ending: Ending) -> Callable[[Evidence], Verdict]:
    """Return the function that judges a recording of this scenario, of an act that ended so."""
    return lambda evidence: judge(scenario, ending, evidence)


def _ended_early(verdict: Verdict, reason: str) -> Verdict:
    """Red stays red; what is green of half an act is unknown."""
    why = f"the act ended early: {reason}"
    if verdict.status is Status.FAILED:
        return Verdict(verdict.scenario, verdict.checks, reason=why)
    added = CheckVerdict(ACTED, Finding(Status.UNKNOWN, reason))
    return Verdict(verdict.scenario, (*verdict.checks, added), reason=why)


def not_run(task: Task, reason: str, *, skipped: bool = False) -> Result:
    """The result of a scenario that did not get to run: unknown, or skipped because it cannot run here."""
    verdict = Verdict(task.scenario.id, reason=reason, skipped=skipped)
    return Result(task.scenario, verdict, round=task.round, mutant=task.mutant.name if task.mutant else "")
