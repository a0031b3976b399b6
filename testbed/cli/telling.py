"""A run as it is told: verdicts on standard output as they fall, progress on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.cli.output import for_who_reads, show, style
from testbed.runner.events import Listener

if TYPE_CHECKING:
    from testbed.backends.base import Progress
    from testbed.progress import Display
    from testbed.results import Result
    from testbed.runner.running import Finished
    from testbed.runner.selection import Selected


class Teller(Listener):
    """Passes on to a display what goes on, and prints each verdict; quiet: no verdicts until the end."""

    def __init__(self, display: Display, *, reasons: bool = False, quiet: bool = False) -> None:
        self._display = display
        self._reasons = reasons
        self._quiet = quiet

    def planned(self, tasks: int) -> None:
        """Pass on."""
        self._display.planned(tasks)

    def lab(self, name: str, progress: Progress) -> None:
        """Pass on."""
        self._display.lab(name, progress)

    def lab_is_up(self, name: str, nodes: int, seconds: float) -> None:
        """Pass on."""
        self._display.lab_is_up(name, nodes, seconds)

    def begins(self, selected: Selected, lab: str) -> None:
        """Pass on."""
        self._display.begins(selected, lab)

    def note(self, text: str) -> None:
        """Pass on."""
        self._display.note(text)

    def ended(self, result: Result) -> None:
        """Pass on, and print the verdict."""
        from testbed.report import text

        self._display.ended(result)
        if not self._quiet:
            with for_who_reads(), self._display.aside():
                show(text.scenario(result, style(), reasons=self._reasons))


def tell_end(finished: Finished) -> None:
    """Print how a run ended, and where its evidence lies."""
    from testbed.report import text

    folder = finished.folder
    look = [f"testbed report {finished.run.id} --open"]
    if any(result.evidence is not None for result in finished.run.results):
        look.append(f"wireshark {folder / 'capture.pcapng'}")
    look += [
        f"testbed run --attach {name} … ; testbed down {name}    (the lab is kept)" for name in finished.kept
    ]
    show(text.summary(finished.run, style(), folder=str(folder), look=look))
