"""app.stream: a stream has no messages."""

from __future__ import annotations

import contextlib
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import Action, Connection, Evidence, Segments, receiver, sender
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Holds, Layer, Mutant, Scenario

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.process import Process

PORT = 9031
EMPTY = "an empty line"
TOGETHER = "`ab` and `q` in one segment"
LONG = "a line of 100 kB"
SIZE = 100_000
ENOUGH = 60.0  # seconds for what ends by itself


@dataclass(frozen=True, slots=True)
class Dialect:
    """How two programs tell where a message ends: what runs on each side, and a message as bytes.

    patience: seconds until a conversation in which nothing is said counts as one that never ends.
    """

    server: tuple[str, ...]
    client: tuple[str, ...]
    options: tuple[str, ...] = ()
    framed: bool = False
    patience: float = 0.6

    def serve(self) -> list[str]:
        """The command that runs the server."""
        return program(*self.server, str(PORT), *self.options)

    def talk(self, host: str, *lines: str) -> list[str]:
        """The command that runs the client; without lines it reads them from standard input."""
        return program(*self.client, host, str(PORT), *lines, *self.options)

    def message(self, data: bytes) -> bytes:
        """A message as it goes into the stream."""
        return struct.pack("!I", len(data)) + data if self.framed else data


LESSON = Dialect(("lesson_server",), ("lesson_client",))
FRAMED = Dialect(("framed_echo", "serve"), ("framed_echo", "talk"), framed=True, patience=ENOUGH)
BARE = Dialect(FRAMED.server, FRAMED.client, ("bare",))


class AppStream(Scenario):
    """TCP carries a stream of bytes; where a message ends, the programs must say themselves.

    The lesson's client sends a line and takes what one recv() gives for the answer; its
    server takes what one recv() gives for the line. With short lines, one at a time, that works, by
    luck. An empty line is no byte at all: nothing is sent, and each side waits for the other
    for ever. Two lines in a hurry travel together: the server reads `abq`, which is not `q`.
    A long line comes in pieces, and the first piece is taken for the whole.

    The cure is a frame: say first how long the message is, in four bytes, then the message. The
    receiver reads on until it has so many. An empty message is four bytes of zero, two messages
    in one segment are still two, and one of 100 kB is one.
    """

    id = "app.stream"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.8", "RFC 4253 §6")
    claim = Claim(
        "What one side sends with send(), the other receives with recv().",
        Holds.WRONG,
        "The bytes and their order arrive; how often send() was called, and where it ended, does not. "
        "A program that needs messages must mark their ends itself.",
    )
    places = ACROSS

    lesson = LESSON
    cure = FRAMED

    def act(self, lab: Lab) -> None:
        for name, dialect in (("the lesson", self.lesson), ("framed", self.cure)):
            with lab.step(f"{name}: {EMPTY}"), serving(lab, dialect):
                say_nothing(lab, dialect)
            with lab.step(f"{name}: {TOGETHER}"), serving(lab, dialect):
                say_together(lab, dialect)
            with lab.step(f"{name}: {LONG}"), serving(lab, dialect):
                lab.client.run(
                    dialect.talk(lab.client.address_of(lab.server)),
                    input=b"x" * SIZE + b"\nq\n",
                    timeout=ENOUGH,
                )

    # -- what was seen

    @staticmethod
    def ends(seen: Evidence, step: str) -> tuple[Connection, Segments]:
        """The connection of a step, and its segments as the client sees them."""
        segments = seen.during(step).at("client:lan-a").tcp.port(PORT)
        syn = segments.syns.first
        connection = Connection(sender(syn), receiver(syn))
        return connection, segments.of(connection)

    @classmethod
    def said(cls, seen: Evidence, step: str) -> tuple[Segments, Segments]:
        """What each side said in a step: the client, the server."""
        connection, segments = cls.ends(seen, step)
        return segments.from_end(connection.client), segments.from_end(connection.server)

    @classmethod
    def waited(cls, seen: Evidence, step: str) -> Finding:
        """Nothing was said, and the client had to be ended from outside."""
        ours, theirs = cls.said(seen, step)
        ended = seen.action("client", "terminate", step)
        return (
            expect_none(ours.with_data)
            & expect_none(theirs.with_data)
            & expect(ended.result, {"status": -signal.SIGTERM}, cite=ended, what="how it ended")
        )

    @staticmethod
    def told(seen: Evidence, step: str) -> tuple[str, Action]:
        """What the client program said of a step."""
        ran = seen.action("client", "run", step)
        return ("" if ran.result is None else str(ran.result["stdout"], "utf-8", "replace")), ran

    # -- the lesson's programs

    @check("the lesson's: after an empty line nothing is sent, and each side waits for the other")
    def lesson_waits_for_ever(self, seen: Evidence) -> Finding:
        return self.waited(seen, f"the lesson: {EMPTY}")

    @check("the lesson's: `ab` and `q` arrive as `abq`, which is sent back, and nobody leaves")
    def lesson_misses_q(self, seen: Evidence) -> Finding:
        ours, theirs = self.said(seen, f"the lesson: {TOGETHER}")
        leaves = ours.fins.first
        return (
            expect([f.packet.payload for f in ours.with_data], [b"abq"], cite=ours.with_data, what="said")
            & expect(theirs.payload, b"abq", cite=theirs.with_data, what="heard")
            & expect_none(theirs.fins.before(leaves), cite=leaves)
        )

    @check("the lesson's: of 100 kB in one send, one recv() returns a part")
    def lesson_returns_a_part(self, seen: Evidence) -> Finding:
        told, ran = self.told(seen, f"the lesson: {LONG}")
        heard = told.partition("heard ")[2].strip()
        return expect_that(
            heard.isdigit() and int(heard) < SIZE, f"fewer than {SIZE} bytes were heard", cite=ran, seen=told
        )

    # -- the framed ones

    @check("framed: an empty line is four bytes of zero, and is answered by four bytes of zero")
    def framed_empty_line(self, seen: Evidence) -> Finding:
        ours, theirs = self.said(seen, f"framed: {EMPTY}")
        empty = FRAMED.message(b"")
        return expect(
            (ours.payload[: len(empty)], theirs.payload), (empty, empty), cite=(ours, theirs), what="bytes"
        )

    @check("framed: `ab` and `q` in one segment are two messages: one is sent back, the other ends it")
    def framed_sees_q(self, seen: Evidence) -> Finding:
        ours, theirs = self.said(seen, f"framed: {TOGETHER}")
        end = theirs.fins.first
        return (
            expect(len(ours.with_data), 1, cite=ours.with_data, what="segments")
            & expect(theirs.payload, FRAMED.message(b"ab"), cite=theirs.with_data, what="heard")
            & expect_that(end.time_ns < ours.fins.first.time_ns, "the server ends it", cite=end)
        )

    @check("framed: 100 kB in one send come back whole")
    def framed_is_whole(self, seen: Evidence) -> Finding:
        step = f"framed: {LONG}"
        told, ran = self.told(seen, step)
        _, theirs = self.said(seen, step)
        return expect_that(
            theirs.payload == FRAMED.message(b"x" * SIZE), "all bytes come back", cite=theirs
        ) & expect_that(f"heard {SIZE}\n" in told, f"{SIZE} bytes were heard", cite=ran, seen=told)

    mutants = (
        Mutant(
            "the framed version without its frame",
            settings={"cure": BARE},
            kills=(framed_empty_line, framed_sees_q, framed_is_whole),
        ),
        Mutant(
            "the lesson's programs, with a frame",
            settings={"lesson": FRAMED},
            kills=(lesson_waits_for_ever, lesson_misses_q, lesson_returns_a_part),
        ),
    )


@contextlib.contextmanager
def serving(lab: Lab, dialect: Dialect) -> Iterator[Process]:
    """Run the server of a dialect while the block runs: a fresh one, for the lesson's may be spinning."""
    with lab.server.spawn(dialect.serve()) as server:
        server.wait_output("listens", timeout=ENOUGH)
        yield server


def say_nothing(lab: Lab, dialect: Dialect) -> None:
    """Say an empty line, and `q` when that has been answered."""
    with lab.client.spawn(dialect.talk(lab.client.address_of(lab.server), "", "q")) as client:
        client.wait_output("connected", timeout=ENOUGH)
        with contextlib.suppress(TimeoutError):
            client.wait(dialect.patience)


def say_together(lab: Lab, dialect: Dialect) -> None:
    """Hand over `ab` and `q` at once: the kernel sends both in one segment."""
    with lab.client.connect(lab.server, PORT) as stream:
        stream.send(dialect.message(b"ab") + dialect.message(b"q"))
        stream.recv(timeout=ENOUGH)
        with contextlib.suppress(TimeoutError):
            stream.recv_end(timeout=dialect.patience)
