"""Check × mutant as a picture: which mutant turns which check red."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from testbed.checks import Status
from testbed.falsify import Falsification, Trial, counted

if TYPE_CHECKING:
    from testbed.report.style import Style

WRONG = {"missed": "!", "extra": "+"}
MARKS = {Status.PASSED: "·", Status.FAILED: "✗", Status.UNKNOWN: "?", Status.SKIPPED: "-"}


def cell(trial: Trial, check: str) -> str:
    """✗ red as declared, + red and not declared, ! declared and not red, ? unknown, · green."""
    if check in trial.extra:
        return WRONG["extra"]
    if check in trial.missed:
        return WRONG["missed"]
    return MARKS[trial.status(check)]


def text(found: Falsification, style: Style) -> str:
    """One scenario's matrix for a terminal: a column for each mutant, numbered, the names below."""
    lines = [style.paint("strong", found.scenario.id)]
    checks = found.scenario.checks()
    width = max((len(check.name) for check in checks), default=0)
    numbers = " ".join(f"{number:>2}" for number in range(1, len(found.trials) + 1))
    lines.append(f"  {'':{width}}  {numbers}")
    for check in checks:
        cells = " ".join(_painted(trial, check.name, style) for trial in found.trials)
        lines.append(f"  {check.name:{width}}  {cells}".rstrip())
    for number, trial in enumerate(found.trials, 1):
        kind = "network" if trial.mutant.live else "recording"
        lines.append(f"  {number:>2} {trial.mutant.name} [{kind}]")
    lines += [style.paint("failed", f"  ✗ {fault}") for fault in found.faults]
    return "\n".join(lines)


def _painted(trial: Trial, check: str, style: Style) -> str:
    mark = cell(trial, check)
    padded = f"{mark:>2}"
    if mark in WRONG.values():
        return style.paint("failed", padded)
    return style.paint("faint", padded) if mark == MARKS[Status.PASSED] else padded


def legend(found: Sequence[Falsification]) -> str:
    """What the marks mean, and the count."""
    good, total = counted(found)
    return (
        "✗ turned red as declared   · stays green   ? unknown: it rests on one that is red\n"
        "! should be red and is not   + is red and should not be\n"
        f"{good} of {total} mutants turn red just what they declare"
    )


def markdown(found: Sequence[Falsification]) -> Iterator[str]:
    """All matrices as tables, for the docs: a section for each scenario, its mutants numbered below."""
    good, total = counted(found)
    yield "# Which mutant turns which check red\n"
    yield "Made by `testbed mutate --format markdown`. A mutant is a broken network, on which the scenario"
    yield "was run, or an edit of the recording of a whole one.\n"
    yield "✗: turned red; ·: green; ?: unknown, it rests on one that is red; -: skipped here.\n"
    yield f"{good} of {total} mutants turn red just what they declare.\n"
    for one in found:
        yield f"## {one.scenario.id}\n"
        heads = " | ".join(str(number) for number in range(1, len(one.trials) + 1))
        yield f"| check | {heads} |"
        yield f"|---|{'---|' * len(one.trials)}"
        for check in one.scenario.checks():
            cells = " | ".join(cell(trial, check.name) for trial in one.trials)
            yield f"| {check.name} | {cells} |"
        yield ""
        for number, trial in enumerate(one.trials, 1):
            yield f"{number}. {trial.mutant.name} ({'network' if trial.mutant.live else 'recording'})"
        yield ""


def document(found: Sequence[Falsification]) -> list[dict[str, Any]]:
    """All matrices for programs."""
    return [
        {
            "scenario": one.scenario.id,
            "status": one.status.value,
            "faults": one.faults,
            "mutants": [
                {
                    "name": trial.mutant.name,
                    "live": trial.mutant.live,
                    "kills": sorted(trial.mutant.kills),
                    "red": sorted(trial.red),
                    "checks": {c.name: trial.status(c.name).value for c in one.scenario.checks()},
                    "problem": trial.problem,
                }
                for trial in one.trials
            ],
        }
        for one in found
    ]
