"""Verdicts and ladders on a terminal: nothing wider than it, nothing that it cannot show, nothing hidden."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.report import ladder_text, text
from testbed.report.build import ladder_of
from testbed.report.citing import cited
from testbed.report.style import Style, columns, cut
from testbed.results import Result, RunResult
from tests.frames_builder import ACK
from tests.report.conftest import frames
from tests.report.story import Story

Golden = Callable[[str, str], None]
SGR = re.compile(r"\x1b\[[0-9;]*m")


def widths(drawn: str) -> set[int]:
    """The widths of all lines, colours apart."""
    return {columns(SGR.sub("", line)) for line in drawn.splitlines()}


def test_ladder(golden: Golden, story: Story, verdict: Verdict) -> None:
    """The ladder of a recording at 80 columns."""
    golden("ladder.txt", ladder_text.render(ladder_of(story.evidence(), verdict)))


def test_ladder_in_ascii(golden: Golden, story: Story, verdict: Verdict) -> None:
    """A terminal that knows ASCII alone gets ASCII alone."""
    drawn = ladder_text.render(ladder_of(story.evidence(), verdict), Style(ascii=True))
    assert drawn.isascii()
    golden("ladder-ascii.txt", drawn)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_ladder_keeps_to_the_width(story: Story, width: int, ascii_only: bool) -> None:
    """A ladder is as wide as the terminal, with wide letters counted as two; too narrow, it is a list."""
    drawn = ladder_text.render(ladder_of(story.evidence()), Style(width, ascii=ascii_only))
    assert "SYN" in drawn
    if width >= 60:
        assert max(widths(drawn)) <= width


def test_colours_change_no_letter(story: Story, verdict: Verdict) -> None:
    """A ladder in colours says what it says without."""
    ladder = ladder_of(story.evidence(), verdict)
    coloured = ladder_text.render(ladder, Style(colour=True))
    assert "\x1b[1;31m" in coloured
    plain = [line.rstrip() for line in SGR.sub("", coloured).splitlines()]
    assert plain == ladder_text.render(ladder).splitlines()


def test_scenario(golden: Golden, result: Result) -> None:
    """A scenario that failed: every check, what it stands on, the claim, and the ladder."""
    golden("scenario.txt", text.scenario(result))


def test_scenario_that_passed(run: RunResult) -> None:
    """A scenario that passed takes a line, one for each check, and the claim."""
    assert text.scenario(run.results[1]).splitlines() == [
        "✓ tcp.green  All is well.                                                 0.50 s",
        "  ✓ all is well                                                          frame 7",
        "    the claim holds: “All is well”",
    ]


def test_reasons(run: RunResult) -> None:
    """On request, a check that passed says what it saw."""
    assert "      well\n" in text.scenario(run.results[1], reasons=True)


def test_scenario_that_was_skipped(run: RunResult) -> None:
    """What was skipped says why."""
    assert text.scenario(run.results[2]).splitlines() == [
        "- ip.elsewhere  It needs what is not there.",
        "    it needs a node 'moon'",
    ]


def test_summary(golden: Golden, run: RunResult) -> None:
    """A run's summary counts, names what is not green and why, and says where to look."""
    drawn = text.summary(run, folder=".testbed/runs/x", look=("testbed report",))
    golden("summary.txt", drawn)
    assert max(widths(drawn)) <= 80


def test_summary_of_rounds_that_differ(run: RunResult) -> None:
    """A verdict that was not the same in every round is said, even if the last one was green."""
    first, second = run.results[0], replace(run.results[0], verdict=run.results[1].verdict, round=2)
    drawn = text.summary(replace(run, results=(first, second)))
    assert "not the same in every round: tcp.handshake: failed, passed" in drawn


def test_summary_of_nothing(run: RunResult) -> None:
    """A run in which nothing ran says so, and that it was interrupted."""
    drawn = text.summary(replace(run, results=(), interrupted=True))
    assert "0 scenarios, 0 checks: none run" in drawn
    assert "interrupted" in drawn


def test_hostile_text(result: Result) -> None:
    """What came from a node cannot move the cursor or change colours."""
    story = Story()
    story.handshake()
    story.segment(ACK, seq=1001, ack=9001, data=b"\x1b[2Jclear\x07 \xe2\x80\xaeright")
    verdict = Verdict("tcp.handshake", reason="a \x1b]0;title\x07 in a reason")
    drawn = text.scenario(replace(result, verdict=verdict, evidence=story.evidence()), ladder=True)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", drawn)
    assert "\\e[2Jclear" in drawn


def test_citations() -> None:
    """Numbers that follow each other are a range; of very many, some are told."""
    assert cited(frames(3, 1, 2, 7)) == "frames 1–3, 7"
    assert cited(frames(4)) == "frame 4"
    assert cited(frames(*range(0, 40, 2)), most=3) == "frames 0, 2, 4 … (20 in all)"
    assert cited(frames(1, 2, 3), markers={1, 3}) == "frame 2; 2 markers"
    assert cited(()) == ""


def test_cut() -> None:
    """A text is cut by columns, not by letters."""
    assert cut("你好吗", 5) == "你好…"
    assert cut("abc", 3) == "abc"


def test_marks_are_for_all() -> None:
    """Every status has a mark of its own, in ASCII too."""
    assert len({Style(ascii=True).glyphs(mark) for mark in text.MARKS.values()}) == len(Status)


def test_summary_names_a_check_that_was_skipped(run: RunResult) -> None:
    """Also where its scenario passed; once, however many rounds there were."""
    passed = run.results[1]
    lacking = CheckVerdict(
        Check("far_away", "it is seen from afar"), Finding(Status.SKIPPED, "nobody is there")
    )
    verdict = replace(passed.verdict, checks=(*passed.verdict.checks, lacking))
    first, second = (replace(passed, verdict=verdict, round=number) for number in (1, 2))
    drawn = text.summary(replace(run, results=(first, second)))
    assert "2 passed, 2 checks skipped in" in drawn
    assert drawn.count("- tcp.green: far_away: nobody is there") == 1
