"""`testbed explain`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.scenario import Scenario


@with_examples(
    "explain",
    "testbed explain tcp.handshake",
    "testbed explain ./mine.py",
)
@click.argument("ids", metavar="ID|FILE...", nargs=-1, required=True, shell_complete=complete_ids)
def command(ids: tuple[str, ...]) -> None:
    """Explain a scenario: the lesson, its claim, checks and mutants."""
    from testbed.cli.output import show, style
    from testbed.runner.selection import select

    drawn = style()
    parts = ["\n".join(explained(selected.scenario)) for selected in select(ids)]
    show(drawn.glyphs("\n\n".join(parts)))


def explained(scenario: type[Scenario]) -> Iterator[str]:
    """Say all that is known of a scenario without running it."""
    from testbed.scenario import Holds

    yield f"{scenario.id} ({scenario.layer.value} layer)"
    yield ""
    yield inspect.getdoc(scenario) or ""
    yield ""
    yield f"The lesson says: {scenario.claim.text}"
    if scenario.claim.verdict is not Holds.HOLDS or scenario.claim.reason:
        yield f"That {_VERDICTS[scenario.claim.verdict.value]} {scenario.claim.reason}"
    if scenario.rfc:
        yield f"Rules: {'; '.join(scenario.rfc)}"
    yield ""
    yield "Checks:"
    for check in scenario.checks():
        rests = f" (rests on {', '.join(check.needs)})" if check.needs else ""
        yield f"  {check.name}: {check.title}{rests}"
    if scenario.mutants:
        yield ""
        yield "Broken on purpose, and what must turn red then:"
        for mutant in scenario.mutants:
            kind = "network" if mutant.live else "recording"
            yield f"  {mutant.name} [{kind}]: {', '.join(sorted(mutant.kills))}"


_VERDICTS = {"holds": "holds.", "qualified": "holds with a condition.", "wrong": "is wrong."}
