"""arp.cache: an answer is remembered, and ages."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import BROADCAST_MAC, ArpFrames, Evidence, Segments, macs_of
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Listener

PORT = 7076
TWICE, AGES, USED = "two connections in a row", "nothing is said for a while", "it is used again"
WORDS = (b"first", b"second")  # one for each connection
REACHABLE_MS, AS_ALWAYS_MS = 4000, 30_000  # the kernel takes 0.5 to 1.5 times that (RFC 4861 §6.3.2)
# Instead of 5: so long it hopes for other proof before it asks. What was used in that time goes to
# DELAY and not to STALE, so it must be less than half of the above.
DELAY_S = 1


class ArpCache(Scenario):
    """An answer is remembered, and ages: REACHABLE, STALE, and proven again before it is trusted.

    One question serves many packets. The kernel keeps the answer in its neighbour table, as
    REACHABLE. After half a minute without any sign of life the entry is STALE: still used, no longer
    trusted. The next packet goes out with the old MAC at once, and if no other proof comes within a
    few seconds, the kernel asks the old owner: by unicast, just him, without a shout. He answers, and
    is REACHABLE again. Only if he does not, all are asked.

    What TCP acknowledges is a proof too: it has arrived, so the MAC is right. A datagram of UDP that
    nobody answers proves nothing. So the next packet here is such a one, and the question is seen. The
    times are shortened, so that a minute passes in seconds.
    """

    id = "arp.cache"
    layer = Layer.LINK
    rfc = ("RFC 1122 §2.3.2.1", "RFC 4861 §7.3", "Linux: arp(7)")
    claim = Claim("The answer to an ARP request is remembered for a while, and ages.")
    places = ("client:lan-a", "neighbour:lan-a")

    forgets = False  # the table is flushed between the two connections

    def act(self, lab: Lab) -> None:
        interface = f"net.ipv4.neigh.{lab.client.interface_on('lan-a')}"
        lab.client.sysctl(f"{interface}.base_reachable_time_ms", REACHABLE_MS)
        lab.client.sysctl(f"{interface}.delay_first_probe_time", DELAY_S)
        lab.forget_neighbours()
        address = lab.neighbour.address_on("lan-a")
        with lab.step(TWICE), lab.neighbour.listen(PORT) as listener:
            self.tell(lab, listener, WORDS[0])
            if self.forgets:
                lab.client.forget_neighbours()
            self.tell(lab, listener, WORDS[1])
        with lab.step(AGES):
            lab.client.await_neighbour(address, "STALE", timeout=10)
        # REACHABLE again, it is to stay so until it is looked at.
        lab.client.sysctl(f"{interface}.base_reachable_time_ms", AS_ALWAYS_MS)
        with lab.step(USED), lab.neighbour.udp(PORT), lab.client.udp() as here:
            here.send(b"third", lab.neighbour, PORT)
            lab.client.await_neighbour(address, "REACHABLE", timeout=10)

    @staticmethod
    def tell(lab: Lab, listener: Listener, words: bytes) -> None:
        """Open a connection to the neighbour, say something, and end it, to the last segment."""
        with lab.client.connect(lab.neighbour, PORT) as ours, listener.accept() as theirs:
            ours.send(words)
            ours.shutdown("write")
            theirs.recv_end()
            theirs.close()
            lab.neighbour.await_tcp_state(theirs, "CLOSED")

    @staticmethod
    def questions(seen: Evidence, step: str) -> ArpFrames:
        """The client's requests for the neighbour during a step."""
        return seen.during(step).at("client:lan-a").arp.sent.requests(seen.neighbour.ip)

    @check("the client makes two connections with the neighbour, at his MAC")
    def two_connections(self, seen: Evidence) -> Finding:
        sent = seen.during(TWICE).at("client:lan-a").tcp.sent.to(seen.neighbour.ip)
        told = [sent.of(one).payload for one in sent.connections]
        macs = {macs_of(frame)[1] for frame in sent}
        return expect(
            (told, macs),
            (list(WORDS), {seen.neighbour.mac}),
            cite=(sent, sent.markers_cited),
            what="words, MAC",
        )

    @check("one request, to all, serves both connections")
    def one_request(self, seen: Evidence) -> Finding:
        asked = self.questions(seen, TWICE).to_mac(BROADCAST_MAC)
        return expect(len(asked), 1, cite=(asked, asked.markers_cited), what="requests to all")

    @check("without a sign of life the entry goes from REACHABLE to STALE, and nobody is asked meanwhile")
    def it_ages(self, seen: Evidence) -> Finding:
        states = seen.neighbours("client", seen.neighbour.ip).states
        aged = [state for state, _ in groupby(state for state in states if state in ("REACHABLE", "STALE"))][
            :2
        ]
        table = seen.neighbours("client", seen.neighbour.ip)
        return expect(aged, ["REACHABLE", "STALE"], cite=table) & expect_none(self.questions(seen, AGES))

    @check("used again, it sends to the old MAC at once, and asks only afterwards")
    def trusts_then_asks(self, seen: Evidence) -> Finding:
        sent = seen.during(USED).at("client:lan-a").udp.sent.to(seen.neighbour.ip).first
        asked = self.questions(seen, USED).first
        return expect(macs_of(sent)[1], seen.neighbour.mac, cite=sent) & expect_that(
            sent.time_ns < asked.time_ns, "the datagram goes first", cite=(sent, asked)
        )

    @check("it asks the old owner alone, by unicast")
    def asks_by_unicast(self, seen: Evidence) -> Finding:
        asked = self.questions(seen, USED)
        return expect(
            {macs_of(frame)[1] for frame in asked}, {seen.neighbour.mac}, cite=(asked, asked.markers_cited)
        )

    @check("the answer makes the entry REACHABLE again", needs=[asks_by_unicast])
    def reachable_again(self, seen: Evidence) -> Finding:
        answer = seen.during(USED).at("client:lan-a").arp.received.replies(seen.neighbour.ip).first
        table = seen.neighbours("client", seen.neighbour.ip)
        return expect(table.states[-1:], ("REACHABLE",), cite=(answer, table))

    mutants = (
        Mutant("the table is flushed in between", settings={"forgets": True}, kills=(one_request,)),
        Edit(
            "there was one connection",
            edits.dropped(lambda seen: second(seen)),
            kills=(two_connections,),
        ),
        Edit(
            "the entry never ages",
            lambda seen: seen.map_neighbours(lambda sample: None if sample.state == "STALE" else sample),
            kills=(it_ages,),
        ),
        Edit(
            "it sends to another MAC than the old one",
            edits.rewritten(
                lambda seen: seen.during(USED).at("client:lan-a").udp.sent,
                edits.ETHERNET_DESTINATION,
                edits.STRANGER,
            ),
            kills=(trusts_then_asks,),
        ),
        Edit(
            "it shouts at once",
            edits.rewritten(
                lambda seen: ArpCache.questions(seen, USED), edits.ETHERNET_DESTINATION, b"\xff" * 6
            ),
            kills=(asks_by_unicast,),
        ),
        Edit("the entry is never confirmed", edits.forgotten_after_stale("client"), kills=(reachable_again,)),
    )


def second(seen: Evidence) -> Segments:
    """The client's part of its second connection."""
    sent = seen.during(TWICE).at("client:lan-a").tcp.sent
    return sent.of(sent.connections[1])
