"""What the tests of reports share: golden files, and a story that has something of everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.evidence import Citation, FaultRecord
from testbed.results import Result, RunResult
from testbed.scenario import Claim, Holds, Layer, Mutant, Scenario
from tests.frames_builder import ACK, SYN
from tests.report.story import Story

GOLDEN = Path(__file__).parent / "golden"


class Handshake(Scenario):
    """Three segments open a connection.

    Each side says where its numbers begin, and hears that it was understood.
    """

    id = "tcp.handshake"
    layer = Layer.TRANSPORT
    claim = Claim("Three segments open a connection", Holds.QUALIFIED, "a lost one is sent again")
    rfc = ("RFC 9293 §3.5",)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Hold a text against a file; `GOLDEN=write` writes the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def story() -> Story:
    """A clean connection, one whose SYN-ACK is lost once, words in two scripts, and a refusal."""
    story = Story()
    story.step("one clean connection")
    others = ("neighbour:lan-a", "bystander:lan-a", "router:lan-a")
    story.arp(1, "client:lan-a", "router:lan-a", at=others)
    story.arp(2, "router:lan-a", "client:lan-a", at=("client:lan-a",))
    story.handshake()
    story.talk("hello, 你好\n".encode())
    story.step("the SYN-ACK is lost once")
    begin = story.now
    story.segment(SYN, seq=5000, port=40200)
    story.state("client", "SYN-SENT", 40200)
    story.segment(SYN | ACK, home=True, seq=7000, ack=5001, port=40200, hops=1)
    story.faults.append(FaultRecord("router", "lose SYN,ACK from port 8888, once", 1, begin, story.now))
    story.wait(1_000_000)
    story.segment(SYN | ACK, home=True, seq=7000, ack=5001, port=40200)
    story.state("client", "ESTABLISHED", 40200)
    story.act("client", "connect", error="ECONNREFUSED", remote=["172.16.20.10", 99])
    return story


def checked(name: str, title: str, status: Status, reason: str, *cites: Citation) -> CheckVerdict:
    """One check with what it found."""
    return CheckVerdict(Check(name, title), Finding(status, reason, cites))


def frames(*numbers: int) -> tuple[Citation, ...]:
    """Citations of frames."""
    return tuple(Citation("frame", number) for number in numbers)


@pytest.fixture
def verdict() -> Verdict:
    """One check of each kind, on frames of the story."""
    return Verdict(
        "tcp.handshake",
        (
            checked("segments", "the first three segments are SYN; SYN,ACK; ACK", Status.PASSED,
                    "SYN; SYN,ACK; ACK", *frames(7, 8, 11, 12, 15)),
            checked("numbers", "each side acknowledges the other's first number plus one", Status.FAILED,
                    "expected 1002, seen 1001", *frames(11), Citation("sample", 2)),
            checked("held", "the server holds the half-open socket", Status.UNKNOWN,
                    "rests on numbers, which did not pass"),
        ),
    )  # fmt: skip


@pytest.fixture
def result(story: Story, verdict: Verdict) -> Result:
    """A scenario that failed."""
    return Result(Handshake, verdict, story.evidence(), seconds=1.25, lab="default")


@pytest.fixture
def run(result: Result, story: Story) -> RunResult:
    """A run of three: one failed, one passed, one skipped."""

    class Green(Handshake):
        """All is well."""

        id = "tcp.green"
        claim = Claim("All is well")

    class Elsewhere(Handshake):
        """It needs what is not there."""

        id = "ip.elsewhere"
        layer = Layer.NETWORK

    good = Verdict(
        "tcp.green",
        (checked("well", "all is well", Status.PASSED, "well", *frames(7)),),
    )
    skipped = Verdict("ip.elsewhere", reason="it needs a node 'moon'", skipped=True)
    results = (result, Result(Green, good, story.evidence("tcp.green"), 0.5), Result(Elsewhere, skipped))
    return RunResult(
        "20261123-061601-4f2a",
        results,
        command="testbed run --seed 7",
        seed=7,
        begun=1_700_000_000.0,
        seconds=2.0,
        versions={"kernel": "6.18", "engine": "28.5.2"},
    )


@pytest.fixture
def mutated(run: RunResult) -> RunResult:
    """A scenario on the network as it should be, and on two that are broken: one turns red what it is to."""

    class Broken(Handshake):
        """Three segments open a connection."""

        mutants = (Mutant("nobody listens", kills=("numbers",)), Mutant("silence", kills=("segments",)))

        @classmethod
        def checks(cls) -> tuple[Check, ...]:
            return tuple(item.check for item in run.results[0].verdict.checks)

    sound = replace(run.results[1], scenario=Broken)
    broken = [replace(run.results[0], scenario=Broken, mutant=name) for name in ("nobody listens", "silence")]
    return replace(run, results=(sound, *broken))
