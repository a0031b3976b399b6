"""A run: scenarios on labs, several at a time if asked for, each recorded, judged and kept.

The main thread brings labs up and takes them down, and is the one that Ctrl-C interrupts; scenarios act
in threads of their own, one on each lab.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.checks import Status
from testbed.errors import TestbedError
from testbed.interrupts import shielded
from testbed.results import Result
from testbed.runner.events import Listener
from testbed.runner.judging import judge, judged, not_run
from testbed.runner.labs import Labs
from testbed.runner.plan import Task
from testbed.runner.schedule import Begin, Schedule, Up
from testbed.runner.single import Performance, perform
from testbed.runner.undone import Condition
from testbed.runs import RunFolder

if TYPE_CHECKING:
    from testbed.lab import Lab


@dataclass(frozen=True, slots=True)
class Limits:
    """timeout: seconds for each scenario's act. jobs: labs at a time. first_red: end at the first red one.

    seed: what a scenario draws from `lab.random` follows from it, its id and the round.
    """

    timeout: float | None = None
    jobs: int = 1
    first_red: bool = False
    seed: int = 0


class Run:
    """A run under way: tasks in, results out. `results` holds what there is at any moment."""

    def __init__(
        self, tasks: list[Task], labs: Labs, folder: RunFolder, listener: Listener, limits: Limits
    ) -> None:
        self.results: list[Result] = []
        self._labs = labs
        self._folder = folder
        self._listener = listener
        self._limits = limits
        self._schedule: Schedule[Lab] = Schedule(tasks, limits.jobs, labs.attached)
        self._left: dict[str, Condition | None] = {}
        self._stop = threading.Event()
        self._ended: queue.SimpleQueue[tuple[Task, Lab, Performance | BaseException]] = queue.SimpleQueue()
        self._some_ended = threading.Event()

    def work(self) -> None:
        """Run all tasks; however that ends, no scenario is under way and what was recorded is kept.

        Raises KeyboardInterrupt, what Lab.up raises for the first lab of all, StorageFull.
        """
        try:
            while not self._schedule.over:
                self._begin_what_can()
                if self._schedule.busy:
                    self._end_some()
        except BaseException:
            self._stop.set()
            with shielded():
                self._schedule.give_up()
                while self._schedule.busy:
                    self._end_some()
            raise

    def _begin_what_can(self) -> None:
        while True:
            for lab in self._schedule.unwanted():
                self._labs.down(lab)
            with shielded():  # between deciding and doing, nothing may come
                step = self._schedule.next()
                if isinstance(step, Begin):
                    self._begin(step.task, step.lab)
            if step is None:
                return
            if isinstance(step, Up):
                self._bring_up(step.file)

    def _bring_up(self, file: Path) -> None:
        """Bring up a lab; where that fails, its tasks are unknown, unless it is the first thing of all."""
        try:
            self._schedule.has_lab(file, self._labs.up(file))
        except TestbedError as exc:
            if not self.results and not self._schedule.busy:
                raise
            for task in self._schedule.give_up(file):
                self.keep(not_run(task, f"no lab for it: {exc}"))

    def _begin(self, task: Task, lab: Lab) -> None:
        def work() -> None:
            outcome: Performance | BaseException
            try:
                before = self._left.get(lab.name)
                lab.random.seed(f"{self._limits.seed} {task.scenario.id} {task.round}")
                outcome = perform(lab, task, timeout=self._limits.timeout, stop=self._stop, before=before)
            except BaseException as exc:  # noqa: BLE001 - raised again in the main thread
                outcome = exc
            self._ended.put((task, lab, outcome))
            self._some_ended.set()

        self._listener.begins(task.selected, lab.name)
        threading.Thread(target=work, name=f"testbed {task.scenario.id}", daemon=True).start()

    def _end_some(self) -> None:
        """Wait until a scenario has ended, and take in all that have."""
        self._some_ended.wait()
        with shielded():  # between taking a result and keeping it, nothing may come
            self._some_ended.clear()
            while not self._ended.empty():
                self._take(*self._ended.get())

    def _take(self, task: Task, lab: Lab, outcome: Performance | BaseException) -> None:
        self._schedule.ended(task)
        if isinstance(outcome, BaseException):
            raise outcome
        self._left[lab.name] = outcome.left
        result = self._judge(task, lab, outcome)
        if outcome.spoiled and not self._labs.attached:
            if not self._stop.is_set():
                self._listener.note(f"lab {lab.name} is not used again: {outcome.spoiled}")
            self._labs.down(lab)
        else:
            self._schedule.has_lab(task.file, lab)
        if self._limits.first_red and result.status in (Status.FAILED, Status.UNKNOWN):
            self._schedule.give_up()

    def _judge(self, task: Task, lab: Lab, outcome: Performance) -> Result:
        ending = outcome.ending
        mutant = task.mutant.name if task.mutant else ""
        evidence = None
        if outcome.evidence is None:
            verdict = judge(task.scenario, ending, None)
        else:
            note = {
                "round": task.round,
                "source": task.selected.source,
                "seconds": outcome.seconds,
                "ending": asdict(ending),
                "trace": outcome.trace,
                "mutant": mutant,
            }
            evidence, verdict = self._folder.add(
                outcome.evidence, judged(task.scenario, ending), lab.name, note
            )
        return self.keep(
            Result(
                task.scenario,
                verdict,
                evidence,
                seconds=outcome.seconds,
                round=task.round,
                lab=lab.name,
                trace=outcome.trace,
                mutant=mutant,
            )
        )

    def keep(self, result: Result) -> Result:
        """Take a result in, and tell of it."""
        self.results.append(result)
        self._listener.ended(result)
        return result
