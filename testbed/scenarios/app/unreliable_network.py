"""app.unreliable-network: two ways to a text, on a bad line."""

from __future__ import annotations

import contextlib
import functools
import json
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, Status, check, citations_of, expect, expect_all, expect_that
from testbed.errors import Unsupported
from testbed.evidence import Action, Connection, Evidence, Frame, Segments, receiver, sender, tcp_of
from testbed.faults import Match
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario

if TYPE_CHECKING:
    from testbed.lab import Lab

HTTP, ECHO = 80, 8888
WAYS = {"browser": HTTP, "echo client": ECHO}
CLEAN, LOSSY, SLOW, LONG = "a clean line", "a line that loses", "a slow line", "a long line"
TEXT = "\n".join(
    f"{number:03}  What is lost is sent again, what is late is waited for." for number in range(400)
)
PAGE = f'<!DOCTYPE html><meta charset="utf-8"><title>A long page</title><pre>{TEXT}</pre>'
LOST = (2, 5, 9)  # which of the server's segments with data are lost
RATE = 512_000  # bits in a second
BURST = 4_000  # bytes that may go at once
DELAY = 0.1  # seconds longer for what comes to the client
ENOUGH = 60.0  # seconds for what ends by itself


class AppUnreliableNetwork(Scenario):
    """A bad line makes an answer late. It never makes it wrong.

    The same text of 24 kB is fetched in two ways, by a browser from a web server and by an echo client from
    its server: on a clean line, on one that loses three segments, on one of 512 kbit/s, and on one
    on which everything takes a tenth of a second longer.

    Whatever the line does, TCP lies between it and the programs. What is lost is sent again, what comes
    too early waits, and the programs read every byte once and in order. What they do notice is time. A
    loss costs a round trip or more: until the sender knows of it, and the copy has come. A slow line costs
    as long as the bytes take, a long one a round trip for each question that has to be answered before
    the next can be asked.
    """

    id = "app.unreliable-network"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.8", "RFC 6298", "RFC 5681 §3.2")
    claim = Claim(
        "On an unreliable network client/server and browser/server still work.",
        Holds.QUALIFIED,
        "What arrives is right, and it arrives later. When nothing comes through any more, both give up.",
    )
    places = ACROSS
    topology = "web.yaml"
    wants = ("kernel: sch_tbf",)
    gains: ClassVar = {"kernel: sch_netem": LONG}

    bad = True  # whether the line loses, and is slow

    def act(self, lab: Lab) -> None:
        with lab.server.spawn(program("web_server", str(HTTP), json.dumps(PAGE))) as server:
            server.wait_output("listens", timeout=ENOUGH)
            with lab.step(CLEAN):
                fetch(lab)
            with lab.step(LOSSY), losing(lab, LOST if self.bad else ()):
                fetch(lab)
            with lab.step(SLOW), contextlib.ExitStack() as line:
                if self.bad:
                    line.enter_context(lab.router.limit("lan-a", f"{RATE}bit", f"{BURST}b", latency="5s"))
                fetch(lab)
            # What the kernel refuses is recorded, and the check that needs it says so.
            with lab.step(LONG), contextlib.suppress(Unsupported), lab.router.delay("lan-a", DELAY):
                fetch(lab)

    @staticmethod
    def answers(seen: Evidence, step: str, way: str, vantage: str = "client:lan-a") -> Segments:
        """What the server sends of its data in a step, as one place sees it."""
        syn = seen.during(step).at("client:lan-a").tcp.port(WAYS[way]).syns.first
        connection = Connection(sender(syn), receiver(syn))
        return seen.at(vantage).tcp.of(connection).from_end(connection.server).with_data

    @check("no data is wrong: on every line, both get the whole text")
    def nothing_wrong(self, seen: Evidence) -> Finding:
        shown = seen.all_actions("client", "exec")
        heard = seen.all_actions("client", "recv_exactly")
        lines = [CLEAN, LOSSY, SLOW]
        if seen.action("router", "delay", LONG).error is None:
            lines.append(LONG)
        findings = [
            expect([one.step for one in way], lines, cite=way, what="lines tried") for way in (shown, heard)
        ]
        findings += [expect_that(shows(one), f"{one.step}: the browser shows it", cite=one) for one in shown]
        findings += [expect(one.result, TEXT.encode(), cite=one, what=str(one.step)) for one in heard]
        return expect_all(findings, "texts that are whole")

    @check("what the line loses is sent again, to both, and nothing is missing")
    def lost_is_sent_again(self, seen: Evidence) -> Finding:
        findings = []
        for way in WAYS:
            sent = self.answers(seen, LOSSY, way, "server:lan-b")
            arrived = self.answers(seen, LOSSY, way)
            findings.append(
                expect(
                    len(sent) - len(arrived), len(LOST), cite=(sent, arrived), what=f"{way}: segments lost"
                )
                & expect_that(len(sent) > 0 and arrived.payload == sent.payload, "none is missing", cite=sent)
            )
        return both(findings)

    @check("a loss makes both wait until the copy has come: measured, beside the clean line")
    def loss_takes_longer(self, seen: Evidence) -> Finding:
        # It is a round trip or so, which a busy machine takes as well without any loss: told, not bounded.
        gone = seen.during(LOSSY).crossings("router:lan-b", "router:lan-a").lost
        findings = []
        for way in WAYS:
            arrived = self.answers(seen, LOSSY, way)
            ends = {sender(arrived.first), receiver(arrived.first)}
            lost = [f for f in gone if f.packet.tcp is not None and {sender(f), receiver(f)} == ends]
            # A copy that was sent in vain, and lost, is waited for by nobody: its bytes are there.
            missed = [frame for frame in lost if not arrived.before(frame).where(holds(frame), "already")]
            again = [arrived.after(frame).where(holds(frame), "with what was lost").first for frame in missed]
            waits = [
                milliseconds(copy.time_ns - frame.time_ns) for frame, copy in zip(missed, again, strict=True)
            ]
            clean, lossy = (
                milliseconds(seconds(self.answers(seen, step, way)) * 1e9) for step in (CLEAN, LOSSY)
            )
            findings.append(
                expect_that(
                    len(lost) == len(LOST) and bool(missed),
                    f"{way}: {len(LOST)} losses, and what is missing is waited for",
                    cite=(lost, again, arrived[:1], arrived[-1:]),
                    seen=f"{', '.join(waits) or 'none'}; the whole in {lossy}, on the clean line in {clean}",
                )
            )
        return both(findings)

    @check(f"on a slow line both wait as long as the bytes take at {RATE // 1000} kbit/s")
    def slow_takes_longer(self, seen: Evidence) -> Finding:
        slowed = [fault for fault in seen.faults if fault.step == SLOW]
        findings = []
        for way in WAYS:
            clean, slow = seconds(self.answers(seen, CLEAN, way)), seconds(self.answers(seen, SLOW, way))
            size = sum(frame.original_length for frame in self.answers(seen, SLOW, way))
            least = (size - BURST) * 8 / RATE * 0.9
            findings.append(
                expect_that(
                    bool(slowed) and slow >= least,
                    f"{way}: at least {least:.2f} s for {size} bytes ({clean:.2f} s on the clean line)",
                    cite=self.answers(seen, SLOW, way),
                    seen=f"{slow:.2f} s",
                )
            )
        return both(findings)

    @check("on a long line both wait longer for the first word")
    def long_takes_longer(self, seen: Evidence) -> Finding:
        delayed = seen.action("router", "delay", LONG)
        if delayed.error == "Unsupported":
            return Finding(Status.SKIPPED, f"not seen here: {delayed.message}", citations_of(delayed))
        findings = []
        for way, port in WAYS.items():
            talk = seen.during(LONG).at("client:lan-a").tcp.port(port)
            syn, answer = talk.syns.first, talk.syn_acks.first
            waited = (answer.time_ns - syn.time_ns) / 1e9
            findings.append(
                expect_that(waited >= DELAY, f"{way}: at least {DELAY} s", cite=(syn, answer), seen=waited)
            )
        return both(findings)

    mutants = (
        Mutant(
            "a clean line",
            settings={"bad": False},
            kills=(lost_is_sent_again, loss_takes_longer, slow_takes_longer),
        ),
        Edit(
            "the browser shows half of the page",
            lambda seen: seen.map_actions(half_shown),
            kills=(nothing_wrong,),
        ),
        Edit(
            "the kernel can delay, and nothing comes through",
            lambda seen: undelayed(seen),
            kills=(long_takes_longer,),
        ),
    )


def fetch(lab: Lab) -> None:
    """Get the text in both ways, one after the other."""
    lab.client.exec(["w3m", "-dump", f"http://{lab.client.address_of(lab.server)}/"], timeout=ENOUGH)
    with lab.client.connect(lab.server, ECHO, timeout=ENOUGH) as stream:
        stream.send(TEXT.encode(), timeout=ENOUGH)
        stream.recv_exactly(len(TEXT.encode()), timeout=ENOUGH)
        stream.shutdown("write")
        stream.recv_end(timeout=ENOUGH)


@contextlib.contextmanager
def losing(lab: Lab, numbers: tuple[int, ...]) -> Iterator[None]:
    """Lose these of the segments with data that each server sends, each once."""
    with contextlib.ExitStack() as faults:
        for port in WAYS.values():
            for number in numbers:
                match = Match(source_port=port, payload=True)
                faults.enter_context(lab.router.lose(match, nth=number))
        yield


def both(findings: Iterable[Finding]) -> Finding:
    """All of these, each with what was measured."""
    return functools.reduce(operator.and_, findings)


def seconds(segments: Segments) -> float:
    """From the first of these segments to the last."""
    return (segments.last.time_ns - segments.first.time_ns) / 1e9


def milliseconds(nanoseconds: float) -> str:
    """A short time, to be read."""
    return f"{nanoseconds / 1e6:.2f} ms"


def holds(lost: Frame) -> Callable[[Frame], bool]:
    """Whether a segment holds the first byte of a lost one: the copy may begin and end elsewhere."""
    begin = tcp_of(lost).sequence
    return lambda frame: (begin - tcp_of(frame).sequence) % 2**32 < len(frame.packet.payload)


def shows(ran: Action) -> bool:
    """Whether the browser shows the text, and nothing else."""
    return ran.result is not None and ran.result["stdout"].decode(errors="replace").strip() == TEXT


def half_shown(action: Action) -> Action:
    """Let a browser have shown half of what it did."""
    if action.name != "exec" or action.step != LOSSY:
        return action
    shown = action.result["stdout"]
    return replace(action, result={**action.result, "stdout": shown[: len(shown) // 2]})


def undelayed(seen: Evidence) -> Evidence:
    """Let the kernel have been able to delay, and no answer have come."""
    late = seen.during(LONG).at("client:lan-a").tcp.syn_acks
    numbers = {frame.number for frame in late}
    silent = seen.map_frames(lambda frame: None if frame.number in numbers else frame)
    tried = () if seen.all_actions("client", step=LONG) else seen.all_actions("client", step=SLOW)
    able = silent.map_actions(lambda a: replace(a, error=None) if a.name == "delay" else a)
    return able.edited(actions=(*able.actions, *(replace(action, step=LONG) for action in tried)))
