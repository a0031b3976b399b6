"""`testbed doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.cli.command import with_examples
from testbed.cli.options import backend_option, file_option, format_option

if TYPE_CHECKING:
    from testbed.backends.base import Examined

MARKS = {"good": ("✓", "passed"), "lacking": ("-", "unknown"), "bad": ("✗", "failed")}


@with_examples("doctor", "testbed doctor", "testbed doctor --format json")
@format_option("text", "json")
@file_option
@backend_option
def command(fmt: str, file: str | None, backend: str | None) -> int:
    """Say what this machine can run, and what is missing.

    Nothing is changed. Ends with 3 when no lab can run.
    """
    from testbed.cli.options import chosen_backend, chosen_topology
    from testbed.cli.output import show, show_json
    from testbed.doctor import examine

    found = []
    for one in examine(chosen_backend(backend), chosen_topology(file)):
        found.append(one)
        if fmt == "text":
            show(_line(one))
    if fmt == "json":
        show_json(
            [
                {"subject": one.subject, "fitness": one.fitness.value, "seen": one.seen, "hint": one.hint}
                for one in found
            ]
        )
    return 3 if any(one.fitness.value == "bad" for one in found) else 0


def _line(one: Examined) -> str:
    from testbed.cli.output import style

    drawn = style()
    mark, paint = MARKS[one.fitness.value]
    hint = f"\n    {one.hint}" if one.hint and one.fitness.value != "good" else ""
    return f"{drawn.paint(paint, drawn.glyphs(mark))} {drawn.glyphs(f'{one.subject}: {one.seen}{hint}')}"
