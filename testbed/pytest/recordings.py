"""What was recorded of one test, and how it is told when the test fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.checks import Verdict
from testbed.errors import TestbedError, UsageError
from testbed.report import ladder_text
from testbed.report.build import ladder_of
from testbed.report.folding import folded
from testbed.report.style import Style
from testbed.terminal import terminal_of

if TYPE_CHECKING:
    from testbed.evidence import Evidence
    from testbed.lab import Lab
    from testbed.recorder import Recording
    from testbed.runs import RunFolder


@dataclass(frozen=True, slots=True)
class Taken:
    """One recording of a test. end: ends it, if it is still under way."""

    title: str
    lab: str
    recording: Recording
    end: Callable[[], None]


class Recordings:
    """The recordings of one test, in order. folder: where they are kept if it fails."""

    def __init__(self, test: str, folder: Callable[[], RunFolder]) -> None:
        self._test = test
        self._folder = folder
        self._taken: list[Taken] = []
        self._under_way = ""

    @contextmanager
    def taking(self, lab: Lab, title: str = "") -> Iterator[Recording]:
        """Record what happens on the lab in the block; UsageError while another one is under way."""
        title = title or self._test
        if self._under_way:
            raise UsageError(f"record {title!r}", f"{self._under_way!r} is being recorded", "end that first")
        with ExitStack() as stack:
            recording = stack.enter_context(lab.record(title))
            self._under_way = title
            stack.callback(setattr, self, "_under_way", "")
            self._taken.append(Taken(title, lab.name, recording, stack.close))
            yield recording

    def told(self) -> Iterator[tuple[str, str]]:
        """Tell each recording, once: a heading, and the ladder with the place where it is kept."""
        while self._taken:
            taken = self._taken.pop(0)
            try:
                taken.end()
                yield f"lab: {taken.title}", self._kept(taken)
            except TestbedError as error:
                yield f"lab: {taken.title}", f"the recording cannot be shown: {error}"

    def _kept(self, taken: Taken) -> str:
        recorded = taken.recording.evidence
        if recorded is None:
            return "it did not begin"
        folder = self._folder()
        evidence, _ = folder.add(recorded, self._unjudged, taken.lab, {"test": self._test})
        frames = evidence.frames
        numbers = f", frames {frames[0].number} to {frames[-1].number}" if frames else ""
        return f"{drawn(evidence)}recorded in {os.path.relpath(folder.path)}{numbers}"

    def _unjudged(self, evidence: Evidence) -> Verdict:
        return Verdict(evidence.scenario, reason=f"recorded by {self._test}, which judges for itself")


def drawn(evidence: Evidence) -> str:
    """A recording as a ladder for the terminal that pytest writes to."""
    terminal = terminal_of(sys.__stdout__ or sys.stdout)
    return ladder_text.render(folded(ladder_of(evidence)), Style(width=terminal.width, ascii=terminal.ascii))
