"""tcp.keepalive: whether anybody is still there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Evidence, Segments, tcp_of
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9007
PROBES = 2
IDLE = 1  # seconds of silence after which the client asks, and asks again
CLOCKS = 0.05  # by how much two clocks of a machine may differ in speed while it sets one of them
QUIET = "both are there, and say nothing"
PULLED = "the server's cable is pulled"
SPEAKS = "the cable is back, and the server speaks"
LIMIT = 6.0  # seconds: the client asks after one second of silence, and then each second


class TcpKeepalive(Scenario):
    """Silence is no news: a connection without data looks the same whether the peer lives or not.

    Two programs that have nothing to say send nothing, for days if need be. If meanwhile one host
    loses its power or its cable, the other is not told, and its connection stays ESTABLISHED
    for ever. Who must know asks its kernel for keepalive: after some silence the kernel sends a
    segment without data, and with a number that the peer has long acknowledged. A peer that lives
    must answer that with an ACK: "I am here, and wait for the next one." (Linux begins to ask
    after two hours; here after a second.)

    We pull the peer's cable. The client asks as often as it was told to, hears nothing, and gives
    up: its program's read fails with "connection timed out". The server had not asked for keepalive. For it
    nothing has happened. It learns the truth when it speaks next, and is answered with RST.
    """

    id = "tcp.keepalive"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.8.4", "RFC 1122 §4.2.3.6")
    claim = Claim(
        "A connection whose peer is gone is noticed.",
        Holds.QUALIFIED,
        "By who sends, or has asked for keepalive; who only listens never notices.",
    )
    places = ACROSS

    keepalive = 1
    pulls = True

    def act(self, lab: Lab) -> None:
        # A router that no longer finds the server's MAC says so by ICMP: sooner or later, by its table's age.
        lab.router.add_neighbour("lan-b", lab.server.address_on("lan-b"), lab.server.mac_on("lan-b"))
        with lab.step(QUIET), lab.server.listen(PORT) as listener:
            asked = lab.client.counters()["TcpExtTCPKeepAlive"]
            ours = lab.client.connect(
                lab.server, PORT,
                SO_KEEPALIVE=self.keepalive, TCP_KEEPIDLE=IDLE, TCP_KEEPINTVL=IDLE, TCP_KEEPCNT=PROBES,
            )  # fmt: skip
            theirs = listener.accept()
            with contextlib.suppress(DeadlinePassed):
                lab.client.await_counter("TcpExtTCPKeepAlive", asked + 1, timeout=3)
        cable = lab.cable("server", "lan-b")
        with (
            lab.step(PULLED),
            cable.pulled() if self.pulls else contextlib.nullcontext(),
            contextlib.suppress(OSError),
        ):
            ours.recv(timeout=LIMIT)
        with lab.step(SPEAKS), contextlib.suppress(OSError):
            theirs.send(b"where were we?")
            theirs.recv(timeout=3)
        ours.close()
        theirs.reset()

    # -- the segments

    @staticmethod
    def segments(seen: Evidence) -> Segments:
        """What the client sees of its connection, until the server speaks."""
        segments = seen.at("client:lan-a").tcp.of(seen.connection("client"))
        return segments.before(seen.step(SPEAKS).begin_ns)

    @classmethod
    def probes(cls, seen: Evidence) -> Segments:
        """Where the client asks: with the number of its SYN, one before that of its first byte of data."""
        segments = cls.segments(seen)
        first = tcp_of(segments.syns.first).sequence
        return segments.sent.pure_acks.where(lambda f: tcp_of(f).sequence == first, "keepalive")

    @classmethod
    def answers(cls, seen: Evidence) -> Segments:
        """What the server says after the handshake."""
        return cls.segments(seen).received.pure_acks

    @check("after a second of silence the client asks: without data, and with the number before the next")
    def asks(self, seen: Evidence) -> Finding:
        probe = self.probes(seen).first
        last = self.segments(seen).before(probe).last
        silence = (probe.time_ns - last.time_ns) / 1e9
        return expect_that(
            silence >= IDLE * (1 - CLOCKS),
            f"{IDLE} s of silence before the client asks",
            cite=(last, probe),
            seen=f"{silence:.2f} s",
        )

    @check("the server's kernel answers: it waits for the next number", needs=[asks])
    def is_answered(self, seen: Evidence) -> Finding:
        probe = self.probes(seen).first
        answer = self.answers(seen).after(probe).first
        return expect(tcp_of(answer).acknowledgment, tcp_of(probe).sequence + 1, cite=(probe, answer))

    @check(f"when the server is gone, the client asks {PROBES} times in vain", needs=[asks])
    def asks_in_vain(self, seen: Evidence) -> Finding:
        heard = self.segments(seen).received.last
        asked = self.probes(seen).after(heard)
        return expect(len(asked), PROBES, cite=(heard, asked), what="probes after the server's last word")

    @check("then its program's read fails: connection timed out")
    def gives_up(self, seen: Evidence) -> Finding:
        read = seen.action("client", "recv", PULLED)
        return expect(read.error, "ETIMEDOUT", cite=read, what="the error of recv()")

    @check("the server, which did not ask, is ESTABLISHED when the client has given up")
    def server_knows_nothing(self, seen: Evidence) -> Finding:
        ends = seen.connection("client")
        gone = seen.tcp_states("client", ends).held("CLOSED")
        held = seen.tcp_states("server", ends).held("ESTABLISHED")
        return expect_that(
            gone.begin_ns < seen.step(SPEAKS).begin_ns <= held.end_ns,
            "the client's socket is gone, and the server's ESTABLISHED until it speaks",
            cite=(gone, held),
        )

    @check("when it speaks, it is told: connection reset")
    def server_is_told(self, seen: Evidence) -> Finding:
        read = seen.action("server", "recv", SPEAKS)
        resets = seen.at("client:lan-a").tcp.of(seen.connection("client")).sent.resets
        reset = resets.after(seen.step(SPEAKS).begin_ns).first
        return expect(read.error, "ECONNRESET", cite=(reset, read), what="the error of recv()")

    mutants = (
        Mutant(
            "keepalive is off",
            settings={"keepalive": 0},
            kills=(asks, gives_up, server_knows_nothing, server_is_told),
        ),
        Mutant(
            "the cable is never pulled",
            settings={"pulls": False},
            kills=(asks_in_vain, gives_up, server_knows_nothing, server_is_told),
        ),
        Edit(
            "the client asks before a second is over",
            edits.delayed(lambda seen: TcpKeepalive.probes(seen)[:1], -IDLE / 2),
            kills=(asks,),
        ),
        Edit(
            "the server waits for another number",
            edits.rewritten(lambda seen: TcpKeepalive.answers(seen), edits.TCP_ACKNOWLEDGMENT, b"\0\0\0\1"),
            kills=(is_answered,),
        ),
        Edit(
            "the server gives up too",
            edits.other_state("ESTABLISHED", "server", "CLOSED"),
            kills=(server_knows_nothing,),
        ),
    )
