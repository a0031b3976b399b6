"""app.end-of-stream: what an empty read says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, NothingSeen, Segments
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Holds, Layer, Mutant, Scenario

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8891
LEAVES = "a client leaves without saying q"
NEXT = "the next client comes"
WORDS = b"hello"
PATIENCE = 15.0  # seconds that a client waits for what should come in milliseconds
IDLE = 0.05  # seconds of CPU time: one that waits uses some milliseconds, one that spins all that it gets


class AppEndOfStream(Scenario):
    """An empty read is not an empty message: it is how a stream ends.

    When the client closes, its FIN arrives behind the last byte. The server's recv() gives
    b'' for it: no more will ever come. It gives b'' again at once, each time that it is asked.
    The lesson calls this a bug of Mac and Linux and answers it with `continue`. Its server then
    reads nothing as fast as it can, keeps a core busy for ever, and serves nobody else.

    The right answer to b'' is to close this side too, and to turn to the next client.
    """

    id = "app.end-of-stream"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.6", "RFC 9293 §3.9.1.4")
    claim = Claim(
        "An empty read is a bug of Mac and Linux.",
        Holds.WRONG,
        "It is the end of the stream, on every system: the peer has closed, and nothing more will come.",
    )
    places = ACROSS

    server_program = "echo_server"
    arguments: tuple[str, ...] = ("--port", str(PORT))
    patience = PATIENCE

    def act(self, lab: Lab) -> None:
        with lab.server.spawn(program(self.server_program, *self.arguments)) as server:
            server.wait_output("listens")
            server.cpu_seconds()
            with lab.step(LEAVES), lab.client.connect(lab.server, PORT) as first:
                first.send(WORDS)
                first.recv_exactly(len(WORDS))
                first.shutdown("write")
                with contextlib.suppress(TimeoutError):
                    first.recv_end(timeout=self.patience)
            with lab.step(NEXT), lab.client.connect(lab.server, PORT) as second:
                second.send(WORDS)
                with contextlib.suppress(TimeoutError):
                    second.recv_exactly(len(WORDS), timeout=self.patience)
            server.cpu_seconds()

    @staticmethod
    def segments(seen: Evidence, step: str) -> Segments:
        return seen.at("client:lan-a").tcp.of(seen.connection("client", step))

    @check("when the client has closed, the server closes its side too")
    def server_closes(self, seen: Evidence) -> Finding:
        ends = seen.connection("client", LEAVES)
        segments = self.segments(seen.during(LEAVES), LEAVES)
        ours, theirs = segments.from_end(ends.client).fins.first, segments.from_end(ends.server).fins.first
        return expect_that(
            theirs.time_ns > ours.time_ns, "the server's FIN follows the client's", cite=(ours, theirs)
        )

    @check("the next client is served")
    def next_is_served(self, seen: Evidence) -> Finding:
        ends = seen.connection("client", NEXT)
        segments = self.segments(seen, NEXT)
        return expect(segments.from_end(ends.server).payload, WORDS, cite=segments)

    @check("the server does not spin: it waits")
    def server_is_idle(self, seen: Evidence) -> Finding:
        before, *later = seen.all_actions("server", "cpu_seconds")
        if not later:
            raise NothingSeen("a second reading of the server's CPU time", (before.citation,))
        after = later[-1]
        used = after.result - before.result
        return expect_that(
            used < IDLE, f"it used under {IDLE} s of CPU time", cite=(before, after), seen=f"{used:.3f} s"
        )

    mutants = (
        Mutant(
            "the lesson's server, which goes on reading after an empty read",
            settings={"server_program": "lesson_server", "arguments": (str(PORT),), "patience": 1.0},
            kills=(server_closes, next_is_served, server_is_idle),
        ),
    )
