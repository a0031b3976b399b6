"""What the HTML report shows, as values: one front, one page for each scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from testbed.checks import CheckVerdict, Status
from testbed.evidence import Citation, Evidence
from testbed.report import ladder_svg
from testbed.report.build import ladder_of
from testbed.report.folding import focused, folded
from testbed.report.frame_data import chosen, packed
from testbed.report.ladder import Arrow, Ladder, seconds
from testbed.report.markup import Markup
from testbed.report.notes import how_often
from testbed.report.prose import inline, prose
from testbed.report.text import MARKS
from testbed.results import Result
from testbed.text import clean

MOST_ROWS: Final = 500
"""Rows of a ladder in a page; a longer one is cut to what is cited, with some around."""
MOST_CHIPS: Final = 14
"""Citations of one check that are shown one by one."""
LAYERS: Final = ("application", "transport", "network", "link")
_WORST: Final = (Status.FAILED, Status.UNKNOWN, Status.PASSED, Status.SKIPPED)
_CLAIM: Final = {"holds": "holds", "qualified": "holds with a condition", "wrong": "is wrong"}


@dataclass(frozen=True, slots=True)
class Chip:
    """A citation that can be clicked. key: `f12`, `s3`, `a1`."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check as a page shows it. keys: all that it cites, markers apart; markers: how many of those."""

    name: str
    title: str
    status: str
    mark: str
    reason: str
    keys: str
    chips: tuple[Chip, ...]
    more: int
    markers: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A ladder in a page."""

    heads: Markup
    body: Markup
    nodes: tuple[str, ...]
    protocols: tuple[str, ...]
    omitted: tuple[str, ...]
    data: str


@dataclass(frozen=True, slots=True)
class Page:
    """A scenario as a page shows it: the worst of its rounds, with the statuses of all.

    id: unique among the pages; name: the scenario's. mutant: what was broken on purpose, else empty;
    then kills are the checks that it is to turn red, and fell those that it did.
    """

    id: str
    name: str
    mutant: str
    kills: tuple[str, ...]
    fell: tuple[str, ...]
    title: str
    headline: Markup
    teaches: Markup
    layer: str
    rfc: tuple[str, ...]
    status: str
    mark: str
    reason: str
    seconds: str
    lab: str
    claim: str
    claim_verdict: str
    claim_told: str
    claim_reason: str
    claim_shown: bool
    checks: tuple[CheckView, ...]
    rounds: tuple[str, ...]
    picture: Picture | None
    faults: tuple[str, ...]
    gaps: tuple[str, ...]
    trace: str


def pages_of(results: Iterable[Result]) -> list[Page]:
    """Return a page for each scenario, and behind it one for each mutant that it was run under.

    By layer, the application's first; in each by name, as `testbed list` has them.
    """
    rounds: dict[str, dict[str, list[Result]]] = {}
    for result in results:
        rounds.setdefault(result.id, {}).setdefault(result.mutant, []).append(result)
    made = [
        _page(_worst(found), found, f"{name}~{at}" if mutant else name)
        for name, mutants in rounds.items()
        for at, (mutant, found) in enumerate(sorted(mutants.items(), key=lambda item: item[0] != ""))
    ]
    places = {layer: place for place, layer in enumerate(LAYERS)}
    return sorted(made, key=lambda page: (places.get(page.layer, len(places)), page.name))


def _worst(results: Sequence[Result]) -> Result:
    return min(results, key=lambda result: _WORST.index(result.status))


def _page(result: Result, rounds: Sequence[Result], key: str) -> Page:
    subject, status = result.scenario, result.status
    claim = getattr(subject, "claim", None)
    verdict = str(claim.verdict) if claim else ""
    evidence = result.evidence
    markers = frozenset(f.number for f in evidence.frames if f.is_marker) if evidence else frozenset()
    checks = tuple(_check(item, markers) for item in result.verdict.checks)
    doc = (subject.__doc__ or "").split("\n", 1)
    return Page(
        id=key,
        name=result.id,
        mutant=result.mutant,
        kills=_kills(result),
        fell=tuple(item.check.name for item in result.verdict.checks if item.status is Status.FAILED),
        title=clean(subject.title()),
        headline=inline(clean(subject.title())),
        teaches=prose(doc[1]) if len(doc) > 1 else Markup(""),
        layer=str(getattr(subject, "layer", "")),
        rfc=tuple(subject.rfc),
        status=status.value,
        mark=MARKS[status],
        reason=clean(result.verdict.reason),
        seconds=f"{result.seconds:.2f} s" if result.seconds else "",
        lab=result.lab,
        claim=claim.text if claim else "",
        claim_verdict=verdict,
        claim_told=_CLAIM.get(verdict, verdict),
        claim_reason=claim.reason if claim else "",
        claim_shown=status is Status.PASSED,
        checks=checks,
        rounds=tuple(one.status.value for one in rounds) if len(rounds) > 1 else (),
        picture=_picture(result, evidence, checks, key) if evidence is not None else None,
        faults=_faults(evidence),
        gaps=tuple(clean(str(gap)) for gap in evidence.gaps) if evidence else (),
        trace=clean(result.trace),
    )


def _kills(result: Result) -> tuple[str, ...]:
    """The checks that the mutant declares to turn red, in the order of the checks."""
    kills = {mutant.name: mutant.kills for mutant in result.scenario.mutants}.get(result.mutant, frozenset())
    return tuple(check.name for check in result.scenario.checks() if check.name in kills)


def _key(citation: Citation) -> str:
    return f"{citation.kind[0]}{citation.number}"


def _check(item: CheckVerdict, markers: frozenset[int]) -> CheckView:
    cited = list(dict.fromkeys(item.finding.cites))
    proofs = [one for one in cited if one.kind == "frame" and one.number in markers]
    shown = [one for one in cited if one not in proofs]
    return CheckView(
        name=item.check.name,
        title=item.check.title,
        status=item.status.value,
        mark=MARKS[item.status],
        reason=clean(item.finding.reason),
        keys=" ".join(_key(one) for one in shown),
        chips=tuple(Chip(_key(one), str(one)) for one in shown[:MOST_CHIPS]),
        more=max(0, len(shown) - MOST_CHIPS),
        markers=len(proofs),
    )


def _picture(result: Result, evidence: Evidence, checks: Iterable[CheckView], key: str) -> Picture | None:
    ladder = focused(folded(ladder_of(evidence, result.verdict)), MOST_ROWS, around=6)
    if not ladder.rows:
        return None
    chips = (chip.key for check in checks for chip in check.chips)
    frames = chosen(evidence, ladder, (int(key[1:]) for key in chips if key.startswith("f")))
    heads, body = ladder_svg.render_parts(ladder, key)
    return Picture(
        heads=heads,
        body=body,
        nodes=tuple(dict.fromkeys(line.node for line in ladder.lines)),
        protocols=_protocols(ladder),
        omitted=ladder.omitted,
        data=packed(frames, evidence.begin_ns),
    )


def _protocols(ladder: Ladder) -> tuple[str, ...]:
    """The protocols of a ladder's arrows, by the names of their classes."""
    return tuple(sorted({ladder_svg.protocol(arrow) for arrow in ladder.rows if isinstance(arrow, Arrow)}))


def _faults(evidence: Evidence | None) -> tuple[str, ...]:
    """The faults that were in force, in words: where, what, how often, from when to when."""
    told = []
    for fault in evidence.faults if evidence else ():
        assert evidence is not None
        begin = seconds(fault.begin_ns - evidence.begin_ns)
        end = seconds(fault.end_ns - evidence.begin_ns)
        often = f"; {struck}" if (struck := how_often(fault)) else ""
        told.append(f"{fault.node}: {clean(fault.description)}{often}, {begin} to {end} s")
    return tuple(told)
