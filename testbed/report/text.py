"""Verdicts for a terminal: each scenario as it ends, and the summary of a run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from testbed.checks import CheckVerdict, Status
from testbed.report import ladder_text
from testbed.report.build import ladder_of
from testbed.report.citing import cited
from testbed.report.folding import focused, folded
from testbed.report.style import Style, columns, cut
from testbed.results import Result, RunResult
from testbed.text import clean

MARKS: Final = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?", Status.SKIPPED: "-"}
_CLAIM: Final = {"holds": "holds", "qualified": "holds with a condition", "wrong": "is wrong"}


def scenario(
    result: Result, style: Style | None = None, *, reasons: bool = False, ladder: bool | None = None
) -> str:
    """Tell how a scenario ended, check by check.

    reasons: also say what was seen where a check passed. ladder: draw what was recorded;
    None: only when a check failed.
    """
    style = style or Style()
    out = [_headline(result, style)]
    if result.verdict.reason:
        out.append(_wrapped(result.verdict.reason, style, indent=4))
    markers = frozenset(f.number for f in result.evidence.frames if f.is_marker) if result.evidence else ()
    for item in result.verdict.checks:
        out += _check(item, style, reasons, cited(item.finding.cites, markers))
    out += _claim(result, style)
    if result.trace:
        out.append(textwrap.indent(clean(result.trace).rstrip(), "    "))
    text = style_lines(out, style)
    wanted = result.status is Status.FAILED if ladder is None else ladder
    if wanted and result.evidence is not None:
        drawn = focused(folded(ladder_of(result.evidence, result.verdict)))
        text += "\n" + ladder_text.render(drawn, style)
    return text


def style_lines(lines: Iterable[str], style: Style) -> str:
    """Join lines, each in the characters that the terminal can show."""
    parts = "\n".join(lines).split("\x1b")
    return "\x1b".join(style.glyphs(part) for part in parts) + "\n"


def _headline(result: Result, style: Style) -> str:
    mark = style.paint(result.status.value, MARKS[result.status])
    time = f"{result.seconds:.2f} s" if result.seconds else ""
    again = f" (round {result.round})" if result.round > 1 else ""
    mutant = f" [{result.mutant}]" if result.mutant else ""
    name = f"{result.id}{mutant}{again}"
    room = style.width - columns(name) - columns(time) - 6
    title = cut(clean(result.scenario.title()), max(0, room))
    gap = " " * max(2, style.width - 2 - columns(name) - 2 - columns(title) - columns(time))
    return f"{mark} {style.paint('strong', name)}  {title}{gap}{style.paint('faint', time)}".rstrip()


def _check(item: CheckVerdict, style: Style, reasons: bool, stands_on: str) -> list[str]:
    mark = style.paint(item.status.value, MARKS[item.status])
    title = _lines(item.check.title, style.width - 4)
    out = [f"  {mark} {title[0]}", *(f"    {line}" for line in title[1:])]
    if reasons or item.status is not Status.PASSED:
        paint = item.status.value if item.status is Status.FAILED else "faint"
        out += [style.paint(paint, f"      {line}") for line in _lines(item.finding.reason, style.width - 6)]
    if stands_on:
        last = len(title[-1]) + 4
        if len(out) == len(title) and last + 2 + columns(stands_on) <= style.width:
            gap = " " * (style.width - last - columns(stands_on))
            out[-1] += gap + style.paint("faint", stands_on)
        else:
            out.append(style.paint("faint", f"      {cut(stands_on, style.width - 6)}"))
    return out


def _claim(result: Result, style: Style) -> list[str]:
    """What becomes of the lesson's claim; it is shown only by a scenario whose checks all passed."""
    claim = getattr(result.scenario, "claim", None)
    if claim is None or result.status is Status.SKIPPED:
        return []
    if result.status is not Status.PASSED:
        return [_wrapped(f"the claim is not shown: “{claim.text}”", style, indent=4)]
    reason = f": {claim.reason}" if claim.reason else ""
    return [_wrapped(f"the claim {_CLAIM[claim.verdict]}: “{claim.text}”{reason}", style, indent=4)]


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(clean(text), max(20, width), break_on_hyphens=False) or [""]


def _wrapped(text: str, style: Style, indent: int) -> str:
    return textwrap.indent("\n".join(_lines(text, style.width - indent)), " " * indent)


def summary(run: RunResult, style: Style | None = None, *, folder: str = "", look: Sequence[str] = ()) -> str:
    """Tell how a run ended: counts, what was not green and why, and where the evidence lies.

    folder: of the run's files. look: commands that show more, one a line.
    """
    style = style or Style()
    out = [style.paint("faint", "─" * style.width), _counts(run, style)]
    # Each round would say it anew.
    told = dict.fromkeys(tuple(_not_green(result, style)) for result in run.results)
    out += [line for lines in told for line in lines]
    for name, statuses in run.unstable().items():
        out.append(_wrapped(f"not the same in every round: {name}: {', '.join(statuses)}", style, indent=2))
    if run.interrupted:
        out.append(style.paint("unknown", "interrupted: not all that was asked for was run"))
    if folder:
        out.append(f"recorded in {folder}")
    out += [f"  {command}" for command in look]
    if run.command and run.status is not Status.PASSED:
        out.append(f"again with  {run.command}")
    return style_lines(out, style)


def _counts(run: RunResult, style: Style) -> str:
    counted = [
        style.paint(status.value, f"{run.count(status)} {status.value}")
        for status in (Status.PASSED, Status.FAILED, Status.UNKNOWN, Status.SKIPPED)
        if run.count(status)
    ]
    total = len(run.results)
    checks = sum(len(result.verdict.checks) for result in run.results)
    skipped = sum(item.status is Status.SKIPPED for result in run.results for item in result.verdict.checks)
    if skipped:
        counted.append(style.paint("skipped", f"{skipped} check{'s' if skipped != 1 else ''} skipped"))
    head = f"{total} scenario{'s' if total != 1 else ''}, {checks} check{'s' if checks != 1 else ''}"
    return f"{head}: {', '.join(counted) or 'none run'} in {run.seconds:.1f} s"


def _not_green(result: Result, style: Style) -> list[str]:
    """Why a scenario is not green, in at most some lines; what was skipped is said aloud."""
    status = Status.SKIPPED if result.status is Status.PASSED else result.status
    red = [item for item in result.verdict.checks if item.status is status]
    if result.status is Status.PASSED and not red:
        return []
    mark = style.paint(status.value, MARKS[status])
    if red:
        names = ", ".join(item.check.name for item in red)
        reason = f"{names}: {red[0].finding.reason}" if len(red) == 1 else names
    else:
        reason = result.verdict.reason or "no checks"
    lines = _lines(f"{result.id}: {reason}", style.width - 4)
    return [f"  {mark} {lines[0]}", *(f"    {line}" for line in lines[1:4])]
