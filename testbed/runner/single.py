"""One scenario on one running lab: record, act, cut, undo. What it means is judged elsewhere."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from testbed.errors import (
    DeadlinePassed,
    Interrupted,
    LabFailed,
    NodeExited,
    ProbeDied,
    StorageFull,
    TestbedError,
    Unsupported,
)
from testbed.runner.judging import Ending
from testbed.runner.plan import Task, source_file
from testbed.runner.undone import Condition, condition, differences
from testbed.runner.watch import Watched
from testbed.scenario import Scenario

if TYPE_CHECKING:
    from testbed.evidence import Evidence
    from testbed.lab import Lab


@dataclass(slots=True)
class Performance:
    """What came of acting.

    error: what the act, or the recording, raised. judged: the recording can be judged all the same,
    for what failed is in it: a refused connection is evidence. spoiled: the lab is not as it was
    before, and why. left: what the lab is like afterwards.
    """

    evidence: Evidence | None = None
    error: BaseException | None = None
    judged: bool = True
    spoiled: str = ""
    left: Condition | None = None
    seconds: float = 0.0

    @property
    def trace(self) -> str:
        """The traceback of what a scenario's own code raised, as text; else empty."""
        if self.error is None or isinstance(self.error, (TestbedError, OSError)):
            return ""
        return "".join(traceback.format_exception(self.error))

    @property
    def ending(self) -> Ending:
        """How the act ended, as far as a judgement has to know it."""
        return Ending(self.reason, self.judged, isinstance(self.error, Unsupported))

    @property
    def reason(self) -> str:
        """What was raised, as a sentence."""
        if self.error is None:
            return ""
        if isinstance(self.error, TestbedError):
            return str(self.error)
        return f"{type(self.error).__name__}: {self.error}"


def perform(
    lab: Lab,
    task: Task,
    *,
    timeout: float | None,
    stop: threading.Event,
    before: Condition | None = None,
) -> Performance:
    """Let a scenario act on a lab while it is recorded, and undo on the lab what it did.

    The network is broken, where the task says how, before the recording begins. timeout: seconds that
    the act may take. before: what the lab is like; None: it is looked at. Raises nothing that a
    scenario or a lab can cause.
    """
    begun = time.monotonic()
    done = Performance()
    try:
        before = before or condition(lab)
        scenario = task.mutant.prepared(task.scenario, lab) if task.mutant else task.scenario()
        _record(lab, scenario, timeout, stop, done)
    except Exception as exc:  # noqa: BLE001 - whatever a mutant or a lab raises, it costs only this one
        done.error, done.judged = done.error or exc, False
        if not isinstance(exc, Unsupported):
            done.spoiled = done.spoiled or done.reason
    _undo(lab, before, done)
    done.seconds = time.monotonic() - begun
    return done


def _record(
    lab: Lab, scenario: Scenario, timeout: float | None, stop: threading.Event, done: Performance
) -> None:
    file = str(source_file(type(scenario)))
    with lab.record(scenario.id) as recording:
        act = Watched(lambda: scenario.act(lab), f"act {scenario.id}", file)
        try:
            act.wait(timeout, stop)
        except Exception as exc:  # noqa: BLE001 - whatever a scenario raises, it costs only itself
            done.error = exc.with_traceback(_from(file, exc.__traceback__))
            done.judged = isinstance(exc, (OSError, DeadlinePassed)) and not act.overdue
            if act.overdue or isinstance(exc, Interrupted):
                done.spoiled = f"the scenario was broken off: {done.reason}"
            elif isinstance(exc, (ProbeDied, NodeExited, LabFailed, StorageFull)):
                done.spoiled = done.reason
    done.evidence = recording.evidence
    if done.error is not None and done.evidence is not None:
        # What failed on the network was an action, and is recorded; else the scenario itself is at fault.
        done.judged = done.judged and any(action.error for action in done.evidence.actions)


def _from(file: str, trace: TracebackType | None) -> TracebackType | None:
    """Leave out of a traceback what comes before a scenario's own file."""
    own = trace
    while own is not None and own.tb_frame.f_code.co_filename != file:
        own = own.tb_next
    return own or trace


def _undo(lab: Lab, before: Condition | None, done: Performance) -> None:
    """Undo what the scenario changed, and see that the lab is as it was; else it is not used again."""
    try:
        lab.undo.unwind()
    except TestbedError as exc:
        done.spoiled = done.spoiled or str(exc)
    if not done.spoiled and before is not None:
        done.left = condition(lab)
        if changed := differences(before, done.left):
            done.spoiled = f"what was changed is not all undone: {'; '.join(changed)}"
