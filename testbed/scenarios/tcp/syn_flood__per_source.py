"""tcp.syn-flood.per-source: the second defence, so many from each and no more."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence
from testbed.faults import Match
from testbed.scenario import Claim, Edit, Holds, Mutant
from testbed.scenarios import edits
from testbed.scenarios.tcp import _flood
from testbed.scenarios.tcp._flood import BACKLOG, CALM, FLOOD, PORT, RATE, SYNS, FloodScenario

if TYPE_CHECKING:
    from testbed.lab import Lab

HOSTS = 4
EACH = 4  # SYNs that a host may send at once
TRIES = "the client tries to get in"
PATIENCE = 1.5  # seconds: where it is locked out, it is so after two SYNs


class TcpSynFloodPerSource(FloodScenario):
    """Who sends SYN after SYN and never finishes is not listened to any more.

    The server's firewall counts the SYNs of each source address by itself: a few may come at once, then
    one each minute; what is above that is dropped before the kernel looks at it. The flood comes
    from four addresses, 24 SYNs from each. Four of each pass, so sixteen places of the queue's 32 are
    taken, and there is room for the client, whose own first SYN is well below the limit.

    It works as long as the attacker has few addresses. The source address of a SYN is whatever its
    sender writes there, so one host can be a million. And many real clients behind one address,
    as behind a home router, are counted together.
    """

    id = "tcp.syn-flood.per-source"
    rfc = ("RFC 4987 §3.1", "RFC 2827")
    claim = Claim(
        "Dropping repeated SYNs of one source helps against a SYN flood.",
        Holds.QUALIFIED,
        "Against one from few addresses; addresses can be invented.",
    )

    hosts = HOSTS
    limits = True

    def act(self, lab: Lab) -> None:
        self.prepare(lab)
        if self.limits:
            syns = Match(flags="SYN", destination_port=PORT)
            lab.server.limit_each(syns, "1/minute", EACH, where="input")
        with lab.server.listen(PORT, backlog=BACKLOG):
            with lab.step(FLOOD):
                flooded = self.flood(lab, lab.server)
            with lab.step(TRIES), contextlib.suppress(OSError):
                lab.client.connect(lab.server, PORT, timeout=PATIENCE).reset()
            with lab.step(CALM):
                flooded()
                lab.client.connect(lab.server, PORT).reset()

    @check(f"of each source {EACH} SYNs reach the server's queue, and no more")
    def each_gets_a_few(self, seen: Evidence) -> Finding:
        held = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)
        sources = Counter(one.remote.address for one in held)
        return expect(sorted(sources.values()), [EACH] * HOSTS, cite=held, what="half-open, by source")

    @check("the firewall drops all others, and counts them")
    def repeaters_are_dropped(self, seen: Evidence) -> Finding:
        placed = seen.action("server", "limit-each")
        dropped = sum(fault.hits for fault in seen.faults if fault.node == "server")
        return expect(dropped, SYNS - EACH * HOSTS, cite=placed, what="dropped SYNs")

    @check("there is room in the queue, and the kernel drops nothing")
    def queue_has_room(self, seen: Evidence) -> Finding:
        limit, listener = _flood.queue_limit(seen, "server")
        held = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)
        return expect_that(
            len(held) < limit - 1, f"less than {limit}", cite=(listener, held), seen=len(held)
        ) & (
            expect(
                seen.counter("server", "TcpExtListenDrops"),
                0,
                cite=listener,
                what="SYNs that the kernel dropped",
            )
        )

    @check("the client is let in at its first SYN")
    def client_is_served(self, seen: Evidence) -> Finding:
        return _flood.served_at_once(seen, TRIES)

    flood_is_bounded = _flood.flood_is_bounded
    flood_is_contained = _flood.flood_is_contained
    all_is_calm = _flood.all_is_calm

    mutants = (
        Mutant(
            "no limit",
            settings={"limits": False},
            kills=(each_gets_a_few, repeaters_are_dropped, queue_has_room, client_is_served),
        ),
        Mutant(
            "every SYN is of another source",
            settings={"hosts": SYNS},
            kills=(each_gets_a_few, repeaters_are_dropped, queue_has_room, client_is_served),
        ),
        Mutant(
            "the attacker sends as fast as it can",
            settings={"rate": 1000 * RATE},
            kills=("flood_is_bounded",),
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
