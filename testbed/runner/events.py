"""What a run tells as it goes on. Whoever wants to hear derives from Listener; this one hears nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.backends.base import Progress
    from testbed.results import Result
    from testbed.runner.selection import Selected


class Listener:
    """Every method may be called from several threads, and must not block."""

    def planned(self, tasks: int) -> None:
        """So many scenarios are going to run, one that runs twice counted twice."""

    def lab(self, name: str, progress: Progress) -> None:
        """Something took place while a lab was brought up or taken down."""

    def lab_is_up(self, name: str, nodes: int, seconds: float) -> None:
        """A lab is up."""

    def begins(self, selected: Selected, lab: str) -> None:
        """A scenario begins to act."""

    def ended(self, result: Result) -> None:
        """A scenario has its verdict."""

    def note(self, text: str) -> None:
        """Something that the reader should know."""
