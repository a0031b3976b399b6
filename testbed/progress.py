"""Progress on standard error: lines that move on a terminal, plain lines elsewhere.

Data goes to standard output and is none of this file's; it is printed through `aside`, so that
what moves steps out of the way.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Self

from testbed.runner.events import Listener
from testbed.terminal import Terminal, terminal_of
from testbed.text import clean

if TYPE_CHECKING:
    from testbed.backends.base import Progress
    from testbed.results import Result
    from testbed.runner.selection import Selected

STEPS = frozenset(("building", "built", "pulling", "refused", "exited", "unhealthy"))
"""States that plain lines tell of as they come; on the rest, one line for the whole lab is enough."""


class Display(Listener):
    """What all kinds of progress have in common. Use it as a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Take down what moves."""

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Let the block print on standard output."""
        yield
        sys.stdout.flush()


class Plain(Display):
    """One line for each thing worth a line, for logs and for people who read them."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def _line(self, text: str) -> None:
        with self._lock, contextlib.suppress(BrokenPipeError):  # nobody reads it: what goes on, goes on
            self._stream.write(f"{clean(text)}\n")
            self._stream.flush()

    def lab(self, name: str, progress: Progress) -> None:
        """Tell of what takes long, or goes wrong."""
        if progress.state in STEPS and progress.subject != "network":
            detail = f": {progress.detail}" if progress.detail else ""
            self._line(f"lab {name}: {progress.subject} {progress.name} {progress.state}{detail}")

    def lab_is_up(self, name: str, nodes: int, seconds: float) -> None:
        """Tell that a lab is up."""
        self._line(f"lab {name} is up: {nodes} node{'s' if nodes != 1 else ''} in {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Tell it."""
        self._line(text)


class Moving(Display):
    """Nodes as they come up, scenarios under way, and how many there are still to come."""

    def __init__(self, stream: IO[str], terminal: Terminal) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._console = Console(file=stream, no_color=not terminal.colour, highlight=False, markup=False)
        told = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = Progress(
            SpinnerColumn("line" if terminal.ascii else "dots"),
            TextColumn("{task.description}", markup=False, table_column=told),
            TimeElapsedColumn(),
            console=self._console,
            expand=True,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._lock = threading.RLock()
        self._tasks: dict[str, Any] = {}
        self._nodes: dict[str, dict[str, str]] = {}
        self._total = self._done = 0
        self._progress.start()

    def close(self) -> None:
        """Take it off the screen."""
        with self._lock:
            self._progress.stop()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Clear the moving lines while the block prints."""
        with self._lock:
            self._progress.stop()
            try:
                yield
                sys.stdout.flush()
            finally:
                self._progress.start()

    def _show(self, key: str, text: str) -> None:
        with self._lock:
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task(clean(text), total=None)
            self._progress.update(self._tasks[key], description=clean(text))

    def _drop(self, key: str) -> None:
        with self._lock:
            if key in self._tasks:
                self._progress.remove_task(self._tasks.pop(key))

    def planned(self, tasks: int) -> None:
        """Begin to count."""
        self._total = tasks
        self._show("all", f"0 of {self._total} scenarios")

    def lab(self, name: str, progress: Progress) -> None:
        """Show what a lab's nodes are doing."""
        nodes = self._nodes.setdefault(name, {})
        if progress.subject == "node":
            nodes[progress.name] = progress.state
            what = ", ".join(f"{node} {state}" for node, state in sorted(nodes.items()))
        else:
            what = f"{progress.subject} {progress.name} {progress.state} {progress.detail}".rstrip()
        self._show(f"lab {name}", f"lab {name}: {what}")

    def lab_is_up(self, name: str, nodes: int, seconds: float) -> None:
        """The lab's line has done its work."""
        self._nodes.pop(name, None)
        self._drop(f"lab {name}")

    def begins(self, selected: Selected, lab: str) -> None:
        """Show a scenario under way."""
        self._show(selected.scenario.id, f"{selected.scenario.id}  {selected.scenario.title()}")

    def ended(self, result: Result) -> None:
        """Take a scenario off, and count it."""
        self._drop(result.id)
        self._done += 1
        self._show("all", f"{self._done} of {self._total} scenarios")

    def note(self, text: str) -> None:
        """Print it above what moves."""
        with self._lock:
            self._console.print(clean(text), soft_wrap=True)


def display(stream: IO[str] | None = None) -> Display:
    """Choose what fits a stream (default: standard error) and the environment."""
    stream = stream or sys.stderr
    terminal = terminal_of(stream)
    return Moving(stream, terminal) if terminal.live else Plain(stream)
