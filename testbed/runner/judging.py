"""From what came of acting to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.errors import Unsupported
from testbed.results import Result
from testbed.runner.plan import Task
from testbed.scenario import Scenario

if TYPE_CHECKING:
    from testbed.evidence import Evidence
    from testbed.runner.single import Performance

ACTED = Check("acted", "the scenario acted to its end")
"""What is added to a verdict that would be green though the act broke off: not all was provoked."""


def judged(scenario: type[Scenario], done: Performance) -> Callable[[Evidence | None], Verdict]:
    """Return the function that judges a recording, given how the act ended.

    An act that ended early because something on the network failed is judged all the same: what
    failed is in the recording. One that broke off for another reason is unknown.
    """

    def judge(evidence: Evidence | None) -> Verdict:
        if isinstance(done.error, Unsupported):
            return Verdict(scenario.id, reason=done.reason, skipped=True)
        if evidence is None or not done.judged:
            return Verdict(scenario.id, reason=done.reason or "nothing was recorded")
        verdict = scenario().judge(evidence)
        return verdict if done.error is None else _ended_early(verdict, done.reason)

    return judge


def _ended_early(verdict: Verdict, reason: str) -> Verdict:
    """Red stays red; what is green of half an act is unknown."""
    if verdict.status is Status.FAILED:
        return Verdict(verdict.scenario, verdict.checks, reason=f"the act ended early: {reason}")
    added = CheckVerdict(ACTED, Finding(Status.UNKNOWN, reason))
    return Verdict(verdict.scenario, (*verdict.checks, added), reason=f"the act ended early: {reason}")


def not_run(task: Task, reason: str, *, skipped: bool = False) -> Result:
    """The result of a scenario that did not get to run: unknown, or skipped because it cannot run here."""
    return Result(task.scenario, Verdict(task.scenario.id, reason=reason, skipped=skipped), round=task.round)
