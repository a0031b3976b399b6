"""tcp.syn-flood.shorter-wait: the first defence, less patience."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, NothingSeen, connection_of
from testbed.scenario import Claim, Edit, Holds, Mutant
from testbed.scenarios import edits
from testbed.scenarios.tcp import _flood
from testbed.scenarios.tcp._flood import BACKLOG, CALM, PORT, FloodScenario

if TYPE_CHECKING:
    from testbed.evidence import Action, Segments, States
    from testbed.lab import Lab

PATIENT, IMPATIENT = "neighbour", "server"
LANS = {PATIENT: "lan-a", IMPATIENT: "lan-b"}
FLOODED = {name: f"the {name} is flooded" for name in LANS}
TRIES = "the client tries both, in turn"
KNOCK = 0.3  # seconds that it waits at one door
LIMIT = 15.0  # seconds that it tries; the patient one has room after 7


class TcpSynFloodShorterWait(FloodScenario):
    """Who waits less for the third segment has room again sooner.

    The server's kernel repeats a SYN-ACK that is not acknowledged: it may have been lost, or the answer
    to it. Set to repeat it only once, not five times, it gives up a half-open connection after 3 seconds, not
    after a minute. Then there is room for others, and among them for real clients.

    Two hosts suffer the same flood side by side: the neighbour as it is, the server set to ask only
    once more. The client tries both, in turn, until it is in. The price is paid by clients on bad lines:
    when two SYN-ACKs in a row are lost, they must begin anew. And against an attacker who goes on it
    is of little use: whoever sends 32 SYNs in 3 seconds keeps the queue full.
    """

    id = "tcp.syn-flood.shorter-wait"
    rfc = ("RFC 4987 §3.3", "RFC 6298 §5.5", "RFC 9293 §3.8.1")
    claim = Claim(
        "Waiting less for the third segment helps against a SYN flood.",
        Holds.QUALIFIED,
        "It shortens what a flood leaves behind; one that goes on must only be a little faster.",
    )

    victims = (PATIENT, IMPATIENT)
    retries: int | None = 1

    def act(self, lab: Lab) -> None:
        self.prepare(lab)
        with (
            lab[PATIENT].listen(PORT, backlog=BACKLOG),
            lab[IMPATIENT].listen(PORT, backlog=BACKLOG),
        ):
            floods = []
            for name in self.victims:
                with lab.step(FLOODED[name]):
                    repeated = lab[name].counters()["TcpExtTCPSynRetrans"]
                    floods.append(self.flood(lab, lab[name]))
                    # It is flooded a second before the other: it is not for that that it is patient.
                    if name == PATIENT and self.floods:
                        lab[name].await_counter("TcpExtTCPSynRetrans", repeated + 1)
            with lab.step(TRIES):
                self.try_both(lab)
                # What made room for the client is to be seen before all is taken back.
                lab[PATIENT].await_sockets(most=BACKLOG + 1, state="SYN-RECV", local_port=PORT)
            with lab.step(CALM):
                for take_back in floods:
                    take_back()
                for name in self.victims:
                    lab.client.connect(lab[name], PORT).reset()

    @staticmethod
    def try_both(lab: Lab) -> None:
        """Knock at both doors in turn, until both have opened or the time is up."""
        closed = [IMPATIENT, PATIENT]
        until = time.monotonic() + LIMIT
        while closed and time.monotonic() < until:
            for name in tuple(closed):
                with contextlib.suppress(OSError):
                    lab.client.connect(lab[name], PORT, timeout=KNOCK).reset()
                    closed.remove(name)

    # -- what is asked of the recording

    @staticmethod
    def given_up(seen: Evidence, name: str) -> States:
        """The half-open connections that a host gave up by itself, in order of time."""
        calm = seen.step(CALM).begin_ns
        return _flood.sockets_for(seen, name).where(
            lambda one: one.state == "CLOSED" and one.time_ns < calm, "given up"
        )

    @staticmethod
    def let_in(seen: Evidence, name: str) -> Action:
        """The client's attempt that a host answered."""
        host = seen.node(name).ip
        calls = seen.all_actions("client", "connect", TRIES)
        for call in calls:
            if call.error is None and connection_of(call).server.address == host:
                return call
        raise NothingSeen(f"an attempt that the {name} answered", [call.citation for call in calls])

    @staticmethod
    def flooded_by(seen: Evidence, name: str) -> Segments:
        """The SYNs of the flood, as they reach a host."""
        came = seen.at(f"{name}:{LANS[name]}").tcp.received.syns
        return came.where(_flood.of_the_flood, "of the flood")

    # -- the flood

    @check("the flood fills the queues of both")
    def queues_are_full(self, seen: Evidence) -> Finding:
        return _flood.expect_full(seen, PATIENT, FLOODED[PATIENT]) & _flood.expect_full(
            seen, IMPATIENT, FLOODED[IMPATIENT]
        )

    # -- the difference

    @check("the server asks each invented host once more, the neighbour more often", needs=[queues_are_full])
    def server_asks_less(self, seen: Evidence) -> Finding:
        few, sent = _flood.answers(seen, IMPATIENT, LANS[IMPATIENT])
        many, sent_too = _flood.answers(seen, PATIENT, LANS[PATIENT])
        return expect(
            (sorted(set(few.values())), bool(many) and min(many.values()) > 2),
            ([2], True),
            cite=(sent, sent_too),
            what="SYN-ACKs to one host: by the server; whether the neighbour sent more",
        )

    @check(
        "the server has given up all of them before the neighbour gives up the first", needs=[queues_are_full]
    )
    def server_gives_up_sooner(self, seen: Evidence) -> Finding:
        soon, late = self.given_up(seen, IMPATIENT), self.given_up(seen, PATIENT)
        held = _flood.half_open(seen, IMPATIENT, seen.step(FLOODED[IMPATIENT]).end_ns)
        return expect_that(
            len(soon) == len(held) and bool(late) and soon[-1].time_ns < late[0].time_ns,
            "the server's last comes before the neighbour's first",
            cite=(soon, late),
            seen=f"{len(soon)} of {len(held)} at the server; {len(late)} at the neighbour",
        )

    @check(
        "the client is in at the server sooner after the flood than at the neighbour, and before there is "
        "room there",
        needs=[queues_are_full],
    )
    def client_is_in_sooner(self, seen: Evidence) -> Finding:
        calls = {name: self.let_in(seen, name) for name in (IMPATIENT, PATIENT)}
        floods = {name: self.flooded_by(seen, name).last for name in calls}
        took = {name: (call.end_ns - floods[name].time_ns) / 1e9 for name, call in calls.items()}
        late = self.given_up(seen, PATIENT)
        return expect_that(
            bool(late) and calls[IMPATIENT].end_ns < late[0].time_ns and took[IMPATIENT] < took[PATIENT],
            "the server lets it in while the neighbour holds all places, and sooner after the last SYN",
            cite=(*floods.values(), *calls.values(), late),
            seen=", ".join(f"{seconds:.1f} s at the {name}" for name, seconds in took.items()),
        )

    flood_is_bounded = _flood.flood_is_bounded
    flood_is_contained = _flood.flood_is_contained
    all_is_calm = _flood.all_is_calm

    mutants = (
        Mutant(
            "the server repeats its SYN-ACK as often as by default",
            settings={"retries": None},
            kills=(server_asks_less, server_gives_up_sooner, client_is_in_sooner),
        ),
        Mutant("no flood", settings={"floods": False}, kills=(queues_are_full,)),
        Edit(
            "the client takes longer at the server than at the neighbour",
            lambda seen: let_in_later(seen),
            kills=(client_is_in_sooner,),
        ),
        Edit(
            "the flood's answers reach the client's LAN",
            edits.leaked(
                lambda seen: _flood.answers(seen, IMPATIENT, LANS[IMPATIENT])[1][:1], "client:lan-a"
            ),
            kills=(flood_is_contained,),
        ),
        Edit(
            "the neighbour never comes to rest",
            edits.without_state("CLOSED", PATIENT, since=CALM),
            kills=(all_is_calm,),
        ),
        *_flood.UNBOUNDED,
    )


def let_in_later(seen: Evidence) -> Evidence:
    """Let the neighbour have been flooded so late that the client waited a second longer at the server."""
    took = {
        name: TcpSynFloodShorterWait.let_in(seen, name).end_ns
        - TcpSynFloodShorterWait.flooded_by(seen, name).last.time_ns
        for name in (PATIENT, IMPATIENT)
    }
    late = 1 + (took[PATIENT] - took[IMPATIENT]) / 1e9
    return edits.delayed(lambda _: TcpSynFloodShorterWait.flooded_by(seen, PATIENT), late)(seen)
