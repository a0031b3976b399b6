"""Verdicts: what passes, what is red, and what nobody may call passed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from testbed.checks import (
    Finding,
    Status,
    check,
    citations_of,
    expect,
    expect_all,
    expect_held,
    expect_none,
    expect_some,
    expect_that,
    judge,
)
from testbed.evidence import Citation, Connection, Endpoint, Evidence, Gap, NothingSeen
from testbed.scenario import Claim, Edit, Layer, Scenario, defects
from tests.unit.story import PORT, evidence

P, F, U, S = Status.PASSED, Status.FAILED, Status.UNKNOWN, Status.SKIPPED


@pytest.mark.parametrize(
    ("statuses", "combined"),
    [((P, F, U), F), ((P, U), U), ((P, P), P), ((P, S), P), ((S,), S), ((), U)],
)
def test_failed_outweighs_unknown_outweighs_passed(statuses: tuple[Status, ...], combined: Status) -> None:
    """One red check makes a scenario red, and of nothing at all nothing is known."""
    assert Status.combined(statuses) is combined


class Example(Scenario):
    """An example."""

    id = "unit.example"
    layer = Layer.TRANSPORT
    claim = Claim("it works")

    def act(self, lab: object) -> None:
        """Do nothing."""

    @check("it holds")
    def holds(self, seen: Evidence) -> Finding:
        return expect(1, 1, cite=seen.frames[0])

    @check("it does not hold")
    def breaks(self, seen: Evidence) -> Finding:
        return expect(1, 2, cite=seen.frames[0])

    @check("it rests on what does not hold", needs=[breaks])
    def rests(self, seen: Evidence) -> Finding:
        raise AssertionError("must not be run")

    @check("it crashes")
    def crashes(self, seen: Evidence) -> Finding:
        raise RuntimeError("my own mistake")

    @check("it misses something")
    def misses(self, seen: Evidence) -> Finding:
        raise NothingSeen("a frame", [Citation("frame", 1)])

    @check("it stands on nothing")
    def baseless(self, seen: Evidence) -> Finding:
        return expect(1, 1, cite=())


def test_each_check_gets_its_own_verdict() -> None:
    """A check that crashes, misses, or rests on a red one costs only itself."""
    verdict = judge(Example(), evidence())
    assert {v.check.name: v.status for v in verdict.checks} == {
        "holds": P, "breaks": F, "rests": U, "crashes": U, "misses": F, "baseless": U,
    }  # fmt: skip
    assert "RuntimeError: my own mistake" in verdict.of("crashes").finding.reason
    assert verdict.failed == {"breaks", "misses"}
    assert verdict.status is F


def test_a_recording_with_gaps_is_never_passed() -> None:
    """Where frames were lost by the recorder, nothing can be known."""
    gapped = replace(evidence(), gaps=(Gap("client:lan-a", "the kernel dropped 3 frames"),))
    verdict = judge(Example(), gapped)
    assert {v.status for v in verdict.checks} == {U}
    assert "the kernel dropped 3 frames" in verdict.of("holds").finding.reason


def test_an_absence_needs_proof_that_somebody_looked() -> None:
    """No frame and no marker either: unknown. No frame but markers: passed, and they are cited."""
    looked = expect_none(evidence().at("client:lan-a").udp)
    assert (looked.status, [c.number for c in looked.cites]) == (P, [1, 11])
    unwatched = evidence().map_frames(lambda frame: None if frame.is_marker else frame)
    assert expect_none(unwatched.at("client:lan-a").udp).status is U


def test_a_frame_where_none_should_be_is_cited() -> None:
    """What refutes an absence is the frame that should not be there."""
    finding = expect_none(evidence().at("client:lan-a").tcp.resets)
    assert (finding.status, [c.number for c in finding.cites]) == (F, [10])


def test_presence_and_absence_are_told_by_the_question() -> None:
    """A finding says what was looked for, in the words of the question."""
    seen = evidence().at("client:lan-a")
    assert expect_some(seen.arp.requests()).status is P
    missing = expect_some(seen.tcp.fins)
    assert (missing.status, missing.reason) == (F, "nothing seen: FIN TCP at client:lan-a")


def test_of_several_findings_the_red_ones_are_told() -> None:
    """All must pass; the reasons of those that did not are kept, and of none at all it is red."""
    good, bad = expect(1, 1, cite=Citation("frame", 1)), expect(1, 2, cite=Citation("frame", 2))
    both = expect_all([good, bad], "numbers")
    assert both.status is F
    assert both.cites == (Citation("frame", 2),)
    assert (good & bad).status is F
    assert expect_all([], "numbers").status is F


def test_a_state_must_be_held_long_enough() -> None:
    """A state that was only flashed through is red, one never sampled is missing."""
    seen = evidence()
    states = seen.tcp_states("client", seen.connection("client", "talk"))
    assert expect_held(states, "SYN-SENT", 0.002).status is P
    assert expect_held(states, "SYN-SENT", 0.003).status is F
    with pytest.raises(NothingSeen, match="states seen: SYN-SENT, ESTABLISHED, CLOSED"):
        expect_held(states, "TIME-WAIT", 0.1)


def test_citations_are_gathered_once_in_order() -> None:
    """Frames, samples, actions and collections of them can be cited together."""
    seen = evidence()
    cited = citations_of(seen.frames[1], [seen.frames[0], seen.frames[1]], seen.tcp_samples, seen.actions)
    assert [str(c) for c in cited] == ["frame 2", "frame 1", "sample 1", "sample 2", "sample 3", "action 1"]


def test_statement_shows_the_value_it_was_made_of() -> None:
    """A statement that does not hold says so, with what was seen."""
    finding = expect_that(False, "under 3", cite=Citation("frame", 1), seen=4)
    assert finding.reason == "not so: under 3 (seen: 4)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (3, "3"),
        ("ESTABLISHED", "ESTABLISHED"),
        ("02:42:ac:10:0a:0a", "02:42:ac:10:0a:0a"),
        ("a b", "a b"),
        ("", "''"),
        ("a\n", r"'a\n'"),
        (["a b", "c,d"], "'a b', 'c,d'"),
        ({"length": 3}, "length 3"),
        (b"\r\n", r"b'\r\n'"),
        ([], "none"),
        ({ip_address("10.0.0.2"), ip_address("10.0.0.1")}, "10.0.0.1, 10.0.0.2"),
        ([(False, 1478), ("SYN",)], "(no, 1478), SYN"),
        ((3, ()), "3, none"),
    ],
)
def test_values_read_as_a_person_writes_them(value: object, text: str) -> None:
    """Who reads a verdict need not read Python."""
    assert expect(value, value, cite=()).reason == text


def test_values_that_read_alike_are_told_apart() -> None:
    """No value and an empty list are both "none"; where one was expected, that would tell nothing."""
    assert expect([], None, cite=()).reason == "expected None, seen []"


def test_a_check_without_a_mutant_is_a_defect() -> None:
    """The shape of a scenario is checked before it runs: every check must have what turns it red."""

    class Unfalsified(Example):
        """Has one mutant for two dozen checks."""

        mutants = (Edit("an edit", lambda seen: seen, kills=("holds", "nonsense")),)

    found = defects(Unfalsified)
    assert "mutant 'an edit' kills 'nonsense', which is no check" in found
    assert "no mutant turns check 'crashes' red" in found


def test_two_ends_make_a_connection() -> None:
    """A connection is told by its four-tuple."""
    connection = evidence().connection()
    assert connection == Connection(Endpoint.of(("172.16.10.10", PORT)), Endpoint.of(("172.16.20.10", 8888)))
