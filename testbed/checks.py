"""Checks and verdicts: what a scenario says of its evidence, and how single findings combine.

Pure. A check is a method of a scenario with a stable name; it returns a Finding, which says
what was expected, what was seen, and which frames, samples or actions it stands on.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from testbed.evidence import Citation, Evidence, Frame, Frames, NothingSeen, States

_NOTHING: Final = "none"
_WORD: Final = re.compile(r"[\w:./+-]+")


class Status(enum.StrEnum):
    """How a check, a scenario or a run ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"

    @classmethod
    def combined(cls, statuses: Iterable[Status]) -> Status:
        """Combine: failed > unknown > passed > skipped; of nothing at all: unknown."""
        found = set(statuses)
        for status in (cls.FAILED, cls.UNKNOWN, cls.PASSED, cls.SKIPPED):
            if status in found:
                return status
        return cls.UNKNOWN


class OneCited(Protocol):
    """A frame, a sample or an action."""

    @property
    def citation(self) -> Citation:
        """Its kind and number."""
        ...


class ManyCited(Protocol):
    """A collection of them."""

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members."""
        ...


Cited = OneCited | ManyCited | Citation | Iterable["Cited"]


def citations_of(*things: Cited) -> tuple[Citation, ...]:
    """Gather the citations of frames, samples, actions and collections of them, each once, in order."""
    found: dict[Citation, None] = {}
    for thing in things:
        if isinstance(thing, Citation):
            found[thing] = None
        elif hasattr(thing, "citation"):
            found[thing.citation] = None
        elif hasattr(thing, "citations"):
            found.update(dict.fromkeys(thing.citations))
        else:
            for part in thing:
                found.update(dict.fromkeys(citations_of(part)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. reason: one sentence with the values in it."""

    status: Status
    reason: str
    cites: tuple[Citation, ...] = ()

    def __and__(self, other: Finding) -> Finding:
        """Both: the worse status, and of equal ones both reasons; all citations."""
        worst = Status.combined((self.status, other.status))
        reasons = [finding.reason for finding in (self, other) if finding.status is worst]
        return Finding(worst, "; ".join(dict.fromkeys(reasons)), citations_of(self.cites, other.cites))


def _shown(value: Any) -> str:
    """A value as a person writes it: several behind each other, a set sorted, text as it is where it can."""
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(map(_item, value))) or _NOTHING
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_item, value)) or _NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key} {_item(item)}" for key, item in value.items()) or _NOTHING
    if isinstance(value, (str, bytes)):
        bare = isinstance(value, str) and value.isprintable() and value.strip() == value != ""
        text = str(value) if bare else repr(value)
        return text if len(text) <= 80 else f"{text[:60]}… ({len(value)} long)"
    if value is None:
        return _NOTHING
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _item(value: Any) -> str:
    """One of several values; several in their turn stand in brackets, and words between quotes."""
    inner = _shown(value)
    if isinstance(value, str) and inner == value and not _WORD.fullmatch(value):
        return repr(value)
    return f"({inner})" if isinstance(value, (set, frozenset, list, tuple)) and len(value) > 1 else inner


def _both_shown(expected: Any, seen: Any) -> tuple[str, str]:
    """Two values that differ, so that it is seen: an empty list and no value read alike otherwise."""
    told = _shown(expected), _shown(seen)
    return told if told[0] != told[1] else (repr(expected), repr(seen))


def expect(seen: Any, expected: Any, cite: Cited, what: str = "") -> Finding:
    """Pass when what was seen equals what was expected."""
    lead = f"{what}: " if what else ""
    cites = citations_of(cite)
    if seen == expected:
        return Finding(Status.PASSED, f"{lead}{_shown(seen)}", cites)
    wanted, found = _both_shown(expected, seen)
    return Finding(Status.FAILED, f"{lead}expected {wanted}, seen {found}", cites)


def expect_that(holds: bool, what: str, cite: Cited, seen: Any = None) -> Finding:
    """Pass when a statement holds; `what` is the statement, `seen` the value it was made of."""
    value = "" if seen is None else f" (seen: {_shown(seen)})"
    cites = citations_of(cite)
    if holds:
        return Finding(Status.PASSED, f"{what}{value}", cites)
    return Finding(Status.FAILED, f"not so: {what}{value}", cites)


def expect_some(frames: Frames, cite: Cited = ()) -> Finding:
    """Pass when there is at least one such frame."""
    if frames:
        return Finding(Status.PASSED, f"{len(frames)} {frames.what}", citations_of(frames, cite))
    return Finding(Status.FAILED, f"nothing seen: {frames.what}", citations_of(frames.markers_cited, cite))


def expect_none(frames: Frames, cite: Cited = ()) -> Finding:
    """Pass when there is no such frame, and the markers prove that the place was watched."""
    if frames:
        return Finding(
            Status.FAILED, f"{len(frames)} {frames.what}, where none should be", citations_of(frames, cite)
        )
    if not frames.markers:
        return Finding(Status.UNKNOWN, f"no marker was seen, so nothing can be said of: {frames.what}")
    return Finding(Status.PASSED, f"none {frames.what}", citations_of(frames.markers_cited, cite))


def expect_all(findings: Iterable[Finding], what: str) -> Finding:
    """Pass when every finding of at least one passed; the failed ones are named."""
    found = list(findings)
    if not found:
        return Finding(Status.FAILED, f"nothing seen: {what}")
    worst = Status.combined(finding.status for finding in found)
    cites = citations_of(*(finding.cites for finding in found if finding.status is worst))
    if worst is Status.PASSED:
        return Finding(worst, f"{what}: {len(found)} of {len(found)}", cites)
    reasons = [finding.reason for finding in found if finding.status is worst]
    more = f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""
    return Finding(worst, f"{what}: {'; '.join(reasons[:3])}{more}", cites)


def expect_held(states: States, state: str, at_least: float) -> Finding:
    """Pass when a socket was seen in a state for `at_least` seconds: long enough to be no accident."""
    held = states.held(state)
    cites = citations_of(held)
    if held.seconds >= at_least:
        return Finding(Status.PASSED, f"{state} for {held.seconds:.3f} s", cites)
    return Finding(Status.FAILED, f"{state} for {held.seconds:.3f} s only, expected {at_least} s", cites)


def expect_held_until(states: States, state: str, lost: Frame, again: Frame) -> Finding:
    """Pass when a lost segment kept a socket in a state, until the segment was sent again.

    again: the copy that came through. The state is seen before it is sent, and not left sooner.
    """
    held = states.held(state)
    cites = citations_of(lost, again, held)
    waited = (again.time_ns - lost.time_ns) / 1e9
    if held.begin_ns < again.time_ns <= held.end_ns:
        return Finding(Status.PASSED, f"{state} until the segment came again after {waited:.3f} s", cites)
    return Finding(
        Status.FAILED, f"{state} for {held.seconds:.3f} s, but not until the segment came again", cites
    )


CheckFunction = Callable[[Any, Evidence], Finding]
F = TypeVar("F", bound=CheckFunction)


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it can be listed without running it.

    name: stable, the method's. title: a sentence, true when it passes. needs: checks that it rests on.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()


def check(title: str, *, needs: Iterable[CheckFunction] = ()) -> Callable[[F], F]:
    """Make a method of a scenario a check.

    needs: checks above it that it rests on: when one of them does not pass, this one is unknown, not red.
    """

    def mark(method: F) -> F:
        names = tuple(needed.__name__ for needed in needs)
        method.__testbed_check__ = Check(method.__name__, title, names)  # type: ignore[attr-defined]
        return method

    return mark


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """A check with what it found."""

    check: Check
    finding: Finding

    @property
    def status(self) -> Status:
        """How the check ended."""
        return self.finding.status


@dataclass(frozen=True, slots=True)
class Verdict:
    """A scenario's verdict: of its checks, or the reason why it was skipped or is unknown."""

    scenario: str
    checks: tuple[CheckVerdict, ...] = ()
    reason: str = ""
    skipped: bool = False

    @property
    def status(self) -> Status:
        """How the scenario ended: its checks combined."""
        if self.skipped:
            return Status.SKIPPED
        return Status.combined(verdict.status for verdict in self.checks)

    def of(self, name: str) -> CheckVerdict:
        """The verdict of one check, by name; KeyError when there is none of that name."""
        for verdict in self.checks:
            if verdict.check.name == name:
                return verdict
        raise KeyError(name)

    @property
    def failed(self) -> frozenset[str]:
        """The names of the checks that are red."""
        return frozenset(v.check.name for v in self.checks if v.status is Status.FAILED)


def checks_of(scenario: type) -> tuple[Check, ...]:
    """The checks of a scenario, in the order in which they are written."""
    found: dict[str, Check] = {}
    for base in reversed(scenario.__mro__):
        for name, method in vars(base).items():
            if hasattr(method, "__testbed_check__"):
                found[name] = method.__testbed_check__
    return tuple(found.values())


def judge(scenario: Any, evidence: Evidence) -> Verdict:
    """Judge a recording by a scenario's checks. Pure: the same recording, the same verdict."""
    verdicts: dict[str, CheckVerdict] = {}
    for item in checks_of(type(scenario)):
        wanting = [name for name in item.needs if verdicts[name].status is not Status.PASSED]
        if wanting:
            finding = Finding(Status.UNKNOWN, f"rests on {', '.join(wanting)}, which did not pass")
        else:
            finding = _sound(_run(getattr(scenario, item.name), evidence), evidence)
        verdicts[item.name] = CheckVerdict(item, finding)
    return Verdict(scenario.id, tuple(verdicts.values()))


def _run(method: Callable[[Evidence], Finding], evidence: Evidence) -> Finding:
    try:
        return method(evidence)
    except NothingSeen as missing:
        return Finding(Status.FAILED, str(missing), missing.cite)
    except Exception as exc:  # noqa: BLE001 - the one broad catch: a check that crashes costs only itself
        return Finding(Status.UNKNOWN, f"the check itself failed: {type(exc).__name__}: {exc}")


def _sound(finding: Finding, evidence: Evidence) -> Finding:
    """What stands on a recording with gaps, or passes without standing on anything, is unknown."""
    if evidence.gaps:
        reasons = "; ".join(str(gap) for gap in evidence.gaps[:3])
        return Finding(
            Status.UNKNOWN, f"the recording has gaps ({reasons}); else: {finding.reason}", finding.cites
        )
    if finding.status is Status.PASSED and not finding.cites:
        return Finding(Status.UNKNOWN, f"stands on nothing that was recorded: {finding.reason}")
    return finding
