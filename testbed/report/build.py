"""From a recording to a ladder: `ladder_of(evidence, verdict)`. Pure and deterministic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from testbed.checks import Verdict
from testbed.evidence import LOOPBACK, Citation, Evidence, Frame
from testbed.packets.makers import is_group
from testbed.report.hops import Hop, hops, place_of
from testbed.report.housekeeping import POLLS, housekeeping, polls
from testbed.report.journeys import journeys
from testbed.report.ladder import Arrow, Heading, Ladder, Loss, Note, Row
from testbed.report.lines import OUTSIDE, Line, lines
from testbed.report.losses import Losses
from testbed.report.notes import notes
from testbed.report.numbering import Numbering, Numbers
from testbed.text import clean

_RANK = {Heading: 0, Note: 1, Arrow: 2}

Citers = Mapping[Citation, tuple[str, ...]]


def citers(verdict: Verdict | None) -> dict[Citation, tuple[str, ...]]:
    """Return the names of the checks that cite each frame, sample and action, in the order of the checks."""
    found: dict[Citation, tuple[str, ...]] = {}
    for item in verdict.checks if verdict else ():
        for citation in item.finding.cites:
            found[citation] = (*found.get(citation, ()), item.check.name)
    return found


def ladder_of(evidence: Evidence, verdict: Verdict | None = None, title: str = "") -> Ladder:
    """Return the whole ladder of a recording, nothing folded; with a verdict, what it cites is marked."""
    cited = citers(verdict)
    found = hops(evidence)
    kept, omitted = _kept(evidence, found, cited)
    drawn = _Drawn(evidence, kept, cited)
    begin = evidence.begin_ns
    rows: list[Row] = [Heading(step.begin_ns - begin, clean(step.name)) for step in evidence.steps]
    rows += drawn.arrows()
    rows += notes(evidence, drawn.lines, cited)
    rows.sort(key=lambda row: (row.time_ns, _RANK.get(type(row), 3)))
    return Ladder(title or evidence.scenario, evidence.begin_ns, drawn.lines, tuple(rows), omitted)


def _kept(evidence: Evidence, found: Sequence[Hop], cited: Citers) -> tuple[list[Hop], tuple[str, ...]]:
    """Leave out the kinds of housekeeping of which no frame is cited; say how many of each."""
    networks = {place_of(vantage) for vantage in evidence.vantages}
    polling = polls(hop.frame for hop in found)
    kinds = [
        _inside(hop, networks) or housekeeping(hop.frame) or (POLLS if hop.frame.number in polling else None)
        for hop in found
    ]
    wanted = {
        kind
        for kind, hop in zip(kinds, found, strict=True)
        if any(frame.citation in cited for frame in hop.frames)
    }
    kept = [hop for kind, hop in zip(kinds, found, strict=True) if kind is None or kind in wanted]
    left_out = Counter(kind for kind in kinds if kind is not None and kind not in wanted)
    return kept, tuple(f"{count} {kind}" for kind, count in sorted(left_out.items()))


def _inside(hop: Hop, networks: Collection[str]) -> str | None:
    """Name what was taken at no network, but at an interface that a node made for itself: a bridge."""
    return f"copies at {hop.place}" if networks and hop.place not in networks else None


class _Drawn:
    """Where each hop of one recording begins and ends among the lines."""

    def __init__(self, evidence: Evidence, found: list[Hop], cited: Citers) -> None:
        self._evidence = evidence
        self._hops = found
        self._cited = cited
        self._known = {vantage.name for vantage in evidence.vantages}
        self._mac_at = {(vantage.network, vantage.mac): vantage.name for vantage in evidence.vantages}
        self.lines = self._lines()
        self._at = {line.vantage: place for place, line in enumerate(self.lines)}

    def _lines(self) -> tuple[Line, ...]:
        part: set[str] = set()
        strangers = False
        for hop in self._hops:
            source = self._source(hop)
            part.update(self._addressees(hop))
            part.update(frame.vantage for frame in hop.frames if frame.citation in self._cited)
            part.add(source)
            strangers |= not source
        part.update(_of_actors(self._evidence, part))
        for hop in self._hops:
            heard = {copy.vantage for copy in hop.received}
            if _is_group(hop.frame) and not part & heard:  # an arrow must lead somewhere
                part.update(heard)
        made = lines(self._evidence, part, self._first())
        return (*made, OUTSIDE) if strangers else made

    def _first(self) -> str:
        """Where the way begins: who sent the first frame that is drawn, else who acted first."""
        for hop in self._hops:
            if self._source(hop) and not hop.place.endswith(f":{LOOPBACK}"):
                return self._source(hop)
        actors = [action.node for action in self._evidence.actions[:1]]
        return next((vantage.name for vantage in self._evidence.vantages if vantage.node in actors), "")

    def _source(self, hop: Hop) -> str:
        """The vantage point that sent it, by its own copy or by the MAC address; empty for a stranger's.

        An interface that came up during the recording is a stranger: it has no line.
        """
        if hop.sent is not None:
            return hop.sent.vantage if hop.sent.vantage in self._known else ""
        if hop.place.endswith(f":{LOOPBACK}"):
            return hop.place
        ethernet = hop.frame.packet.ethernet
        return self._mac_at.get((hop.place, ethernet.source), "") if ethernet is not None else ""

    def _addressees(self, hop: Hop) -> Iterator[str]:
        """The vantage point that a unicast frame is for; none for a broadcast."""
        if hop.place.endswith(f":{LOOPBACK}"):
            yield hop.place
            return
        ethernet = hop.frame.packet.ethernet
        if ethernet is None:
            yield from (copy.vantage for copy in hop.received)
        elif not _is_group(hop.frame):
            owner = self._mac_at.get((hop.place, ethernet.destination))
            if owner is not None:
                yield owner

    def arrows(self) -> Iterator[Arrow]:
        """Make an arrow of every hop."""
        node_of = {vantage.name: vantage.node for vantage in self._evidence.vantages}
        found = journeys(self._hops, node_of)
        numbering = Numbering()
        numbers: dict[int, Numbers] = {}
        for journey in found:  # in the order of their first hops
            if journey[0].frame.packet.tcp is not None:
                numbers[id(journey)] = numbering.of(journey[0].frame)
        losses = Losses(self._evidence, self._at.get, found, numbering.repeated)
        for number, journey in enumerate(found, start=1):
            lost = losses.of(journey)
            for hop in journey:
                yield self._arrow(hop, number, numbers.get(id(journey)), lost if hop is journey[-1] else None)

    def _arrow(self, hop: Hop, journey: int, numbers: Numbers | None, lost: Loss | None) -> Arrow:
        begin = self._evidence.begin_ns
        received = {copy.vantage for copy in hop.received}
        group = _is_group(hop.frame)
        reached = received if group else received & set(self._addressees(hop)) or received
        if lost is not None and not lost.arrived:
            reached = set()
        return Arrow(
            time_ns=hop.time_ns - begin,
            end_ns=max(frame.time_ns for frame in hop.frames) - begin,
            source=self._at[self._source(hop)],
            targets=tuple(sorted(self._at[name] for name in reached if name in self._at)),
            network=hop.place,
            frames=hop.frames,
            journey=journey,
            numbers=numbers,
            broadcast=group,
            lost=lost,
            cited_by=_names(self._cited, hop.frames),
            cited_frames=tuple(f.number for f in hop.frames if f.citation in self._cited),
        )


def _names(cited: Citers, frames: Iterable[Frame]) -> tuple[str, ...]:
    names = (name for frame in frames for name in cited.get(frame.citation, ()))
    return tuple(dict.fromkeys(names))


def _is_group(frame: Frame) -> bool:
    """Whether the destination MAC is a multicast or the broadcast address (IEEE 802 §8.2)."""
    ethernet = frame.packet.ethernet
    return ethernet is not None and is_group(ethernet.destination)


def _of_actors(evidence: Evidence, part: set[str]) -> set[str]:
    """The first interface of each node that acted, and of none of whose interfaces a frame told."""
    interfaces: dict[str, list[str]] = defaultdict(list)
    for vantage in evidence.vantages:
        if vantage.network != LOOPBACK:
            interfaces[vantage.node].append(vantage.name)
    actors = {action.node for action in evidence.actions}
    return {names[0] for node, names in interfaces.items() if node in actors and not part & set(names)}
