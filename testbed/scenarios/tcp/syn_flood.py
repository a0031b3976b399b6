"""tcp.syn-flood: a queue full of connections that nobody wants."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, check, expect, expect_none, expect_some, expect_that
from testbed.evidence import Evidence, Segments, connection_of, receiver
from testbed.scenario import Claim, Edit, Mutant
from testbed.scenarios import edits
from testbed.scenarios.tcp import _flood
from testbed.scenarios.tcp._flood import BACKLOG, CALM, FLOOD, PORT, RETRIES, SYNS, FloodScenario

if TYPE_CHECKING:
    from testbed.lab import Lab

TRIES = "the client tries to get in"
PATIENCE = 2.5  # seconds: it sends its SYN three times
LATE = 20.0  # seconds by which the kernel's timers may be late, all in all


class TcpSynFlood(FloodScenario):
    """A half-open connection costs the server a place in a queue, and the attacker one small packet.

    When a SYN comes, the server answers, notes the half-open connection in a queue, and waits for the
    third segment. If none comes it asks again, after 1, 2, 4, 8 and 16 seconds more, and gives up
    after 63. An attacker sends SYNs that bear the addresses of others, who never answer. When the
    queue is full, the server drops every further SYN. Those of its real clients too.

    The queue here is small, so that 96 SYNs are a flood. They come from invented addresses, and the
    router throws away what is sent there. Look at the numbers: the attacker has sent for a fifth of a
    second, and is gone. The server is busy for a minute. (When more than half of the queue waits in
    vain, Linux loses patience after 7 seconds, and gives up half of it.) Then it is calm again.
    """

    id = "tcp.syn-flood"
    rfc = ("RFC 4987 §2", "RFC 9293 §3.5", "RFC 6298 §5.5")
    claim = Claim("Half-open connections use up the server's memory, until it cannot serve anybody.")
    long: ClassVar[float] = 64.0  # while its half-open connections live

    def act(self, lab: Lab) -> None:
        self.prepare(lab)
        with lab.server.listen(PORT, backlog=BACKLOG):
            with lab.step(FLOOD):
                flooded = self.flood(lab, lab.server)
            with lab.step(TRIES), contextlib.suppress(OSError):
                lab.client.connect(lab.server, PORT, timeout=PATIENCE).reset()
            with lab.step(CALM):
                lives = 2 ** (int(lab.server.sysctl(RETRIES)) + 1)
                lab.server.await_sockets(
                    most=0, state="SYN-RECV", local_port=PORT, timeout=lives + LATE, every=0.1
                )
                flooded.forget()
                lab.client.connect(lab.server, PORT).reset()

    @staticmethod
    def knocks(seen: Evidence) -> Segments:
        """What the server sees of the client while it is flooded."""
        call = seen.action("client", "connect", TRIES)
        return seen.at("server:lan-b").tcp.of(connection_of(call))

    @check("the flood fills the server's queue of half-open connections to the last place")
    def queue_is_full(self, seen: Evidence) -> Finding:
        return _flood.expect_full(seen, "server")

    @check("the server drops all SYNs beyond that, and counts them")
    def the_rest_is_dropped(self, seen: Evidence) -> Finding:
        held = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)
        dropped = seen.counter("server", "TcpExtListenDrops")
        return expect_that(
            dropped >= SYNS - len(held),
            f"{SYNS - len(held)} dropped SYNs or more",
            cite=(held, self.knocks(seen).syns),
            seen=dropped,
        )

    @check("a real client's SYNs are dropped too, and it does not get in")
    def client_is_locked_out(self, seen: Evidence) -> Finding:
        call = seen.action("client", "connect", TRIES)
        knocks = self.knocks(seen)
        return (
            expect(call.error, "deadline", cite=call, what="the error of connect()")
            & expect_some(knocks.received.syns)
            & expect_none(knocks.sent)
        )

    @check("the server asks each of those that it holds, and those that it keeps as often as it is set to")
    def server_asks_again_and_again(self, seen: Evidence) -> Finding:
        retries = int(seen.server.facts.settings[RETRIES])
        held = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)
        asked, sent = _flood.answers(seen, "server", "lan-b")
        unasked = [one for one in held if one.remote not in asked]
        return expect(
            (len(unasked), max(asked.values(), default=0)),
            (0, 1 + retries),
            cite=(sent, unasked, sent.markers_cited),
            what="half-open and never asked; SYN-ACKs to one",
        )

    flood_is_bounded = _flood.flood_is_bounded
    flood_is_contained = _flood.flood_is_contained
    all_is_calm = _flood.all_is_calm

    mutants = (
        Mutant(
            "no flood",
            settings={"floods": False},
            kills=(queue_is_full, the_rest_is_dropped, client_is_locked_out, server_asks_again_and_again),
        ),
        Mutant(
            "SYN cookies are on (and the server asks only once more, so that it is sooner over)",
            settings={"cookies": 1, "retries": 1},
            kills=(the_rest_is_dropped, client_is_locked_out),
        ),
        Edit(
            "the server asks each of them only once",
            edits.dropped(lambda seen: _flood.answers(seen, "server", "lan-b")[1][BACKLOG + 1 :]),
            kills=(server_asks_again_and_again,),
        ),
        Edit(
            "one of them is never asked",
            lambda seen: edits.dropped(lambda _: to_first_host(seen))(seen),
            kills=(server_asks_again_and_again,),
        ),
        Edit(
            "the flood's answers reach the client's LAN",
            edits.leaked(lambda seen: _flood.answers(seen, "server", "lan-b")[1][:1], "client:lan-a"),
            kills=(flood_is_contained,),
        ),
        Edit(
            "the half-open connections are never given up",
            edits.without_state("CLOSED", "server"),
            kills=(all_is_calm,),
        ),
        *_flood.UNBOUNDED,
    )


def to_first_host(seen: Evidence) -> Segments:
    """The SYN-ACKs to one of those for whom the server holds a socket."""
    host = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)[0].remote
    return _flood.answers(seen, "server", "lan-b")[1].where(lambda f: receiver(f) == host, f"to {host}")
