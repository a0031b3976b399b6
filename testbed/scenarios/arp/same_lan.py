"""arp.same-lan: a shout, and one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_none, expect_some, expect_that
from testbed.evidence import BROADCAST_MAC, ArpFrames, Evidence, arp_of, macs_of
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import claims_address, knows_already

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7007
WORDS = b"hello, neighbour"


class ArpSameLan(Scenario):
    """On its own LAN a host shouts "who has this address?", and only the owner answers.

    An IP packet travels inside an Ethernet frame, and the frame needs the MAC of the next
    card. The sender knows only the IP address. So it asks all cards of the LAN at once, with
    the broadcast address as destination and zeros where the answer is to go: "who has
    172.16.10.11? tell 172.16.10.10". All hear it; the owner answers, to the asker alone.

    Watch three things. The request carries the asker's own address and MAC, so the owner
    learns them from the question and need not ask back. A host that hears the question
    and does not own the address throws it away, and learns nothing. And the router hears
    it too, but passes nothing on: a broadcast ends where the LAN ends.
    """

    id = "arp.same-lan"
    layer = Layer.LINK
    rfc = ("RFC 826", "RFC 1122 §2.3.2")
    claim = Claim(
        '"Who has 172.16.10.11?" is shouted to all; only the owner answers; then data goes to its MAC.'
    )
    places = (
        "client:lan-a",
        "neighbour:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    def act(self, lab: Lab) -> None:
        lab.forget_neighbours()
        with (
            lab.neighbour.listen(PORT) as listener,
            lab.client.connect(lab.neighbour, PORT) as ours,
            listener.accept() as theirs,
        ):
            ours.send(WORDS)
            theirs.recv_exactly(len(WORDS))

    @staticmethod
    def question(seen: Evidence, *vantages: str) -> ArpFrames:
        """The client's request for the neighbour, at some places."""
        asked = seen.at(*vantages).arp.requests(seen.neighbour.ip)
        return asked.where(lambda frame: arp_of(frame).sender_ip == seen.client.ip, "the client's")

    @staticmethod
    def answers(seen: Evidence) -> ArpFrames:
        """What comes back to the client."""
        return seen.at("client:lan-a").arp.received.replies(seen.neighbour.ip)

    # -- what is asked

    @check("the client asks who has the neighbour's address")
    def asks(self, seen: Evidence) -> Finding:
        return expect_some(self.question(seen, "client:lan-a"))

    @check("the request goes to ff:ff:ff:ff:ff:ff, to all on the LAN", needs=[asks])
    def request_is_broadcast(self, seen: Evidence) -> Finding:
        asked = self.question(seen, "client:lan-a")
        return expect({macs_of(frame)[1] for frame in asked}, {BROADCAST_MAC}, cite=asked)

    @check("where the answer is to go, the request holds zeros", needs=[asks])
    def target_is_unknown(self, seen: Evidence) -> Finding:
        asked = self.question(seen, "client:lan-a")
        return expect({arp_of(frame).target_mac for frame in asked}, {"00:00:00:00:00:00"}, cite=asked)

    @check("neighbour, bystander and router all hear the request", needs=[asks])
    def all_hear_it(self, seen: Evidence) -> Finding:
        places = ("neighbour:lan-a", "bystander:lan-a", "router:lan-a")
        return expect_all((expect_some(self.question(seen, place).received) for place in places), "heard at")

    @check("nobody on the other LAN hears it", needs=[asks])
    def ends_at_the_router(self, seen: Evidence) -> Finding:
        return expect_none(self.question(seen, "router:lan-b", "server:lan-b"))

    # -- what is answered

    @check(
        "exactly one answer comes, from the owner to the client alone, naming the owner's MAC", needs=[asks]
    )
    def owner_answers(self, seen: Evidence) -> Finding:
        answers = self.answers(seen)
        owner = seen.neighbour.mac
        said = [(*macs_of(frame), arp_of(frame).sender_mac) for frame in answers]
        return expect(said, [(owner, seen.client.mac, owner)], cite=(answers, answers.markers_cited))

    @check("the next packet to the neighbour goes to the MAC that was answered", needs=[asks])
    def data_goes_to_the_answer(self, seen: Evidence) -> Finding:
        answer = self.answers(seen).first
        data = seen.at("client:lan-a").ip.sent.to(seen.neighbour.ip).after(answer).first
        return expect(macs_of(data)[1], arp_of(answer).sender_mac, cite=(answer, data))

    # -- what is learned

    @check("the client's neighbour table holds the answer", needs=[asks])
    def client_remembers(self, seen: Evidence) -> Finding:
        answer = self.answers(seen).first
        table = seen.neighbours("client", seen.neighbour.ip)
        learned = (str(seen.neighbour.ip), arp_of(answer).sender_mac)
        return expect_that(learned in table.learned, f"{learned[0]} is at {learned[1]}", cite=(answer, table))

    @check(
        "the owner learns the client's MAC from the question: it speaks before it asks", needs=[owner_answers]
    )
    def owner_learns_from_the_question(self, seen: Evidence) -> Finding:
        at_owner = seen.at("neighbour:lan-a")
        spoken = at_owner.ip.sent.to(seen.client.ip).first
        question = self.question(seen, "neighbour:lan-a").received.first
        # What it asks before that is about an entry that it has forgotten since.
        asked = at_owner.arp.sent.requests(seen.client.ip).after(question).before(spoken)
        return expect(macs_of(spoken)[1], seen.client.mac, cite=(question, spoken)) & expect_none(asked)

    @check("the bystander unpacks the request, throws it away, and learns nothing", needs=[all_hear_it])
    def bystander_learns_nothing(self, seen: Evidence) -> Finding:
        heard = self.question(seen, "bystander:lan-a").received
        said = seen.at("bystander:lan-a").arp.sent.replies()
        table = seen.neighbours("bystander", seen.client.ip)
        return expect(table.learned, set(), cite=(heard, table)) & expect_none(said)

    mutants = (
        Mutant(
            "the bystander claims the address too",
            claims_address("bystander", "neighbour", "lan-a"),
            kills=(owner_answers, bystander_learns_nothing),
        ),
        Mutant("the client knows already", knows_already("client", "neighbour", "lan-a"), kills=(asks,)),
        Edit(
            "the request goes to one card",
            edits.rewritten(
                lambda seen: ArpSameLan.question(seen, "client:lan-a"),
                edits.ETHERNET_DESTINATION,
                edits.STRANGER,
            ),
            kills=(request_is_broadcast,),
        ),
        Edit(
            "the request names the MAC that it asks for",
            edits.rewritten(
                lambda seen: ArpSameLan.question(seen, "client:lan-a"), edits.ARP_TARGET_MAC, edits.STRANGER
            ),
            kills=(target_is_unknown,),
        ),
        Edit(
            "the bystander is deaf",
            edits.dropped(lambda seen: ArpSameLan.question(seen, "bystander:lan-a")),
            kills=(all_hear_it,),
        ),
        Edit(
            "the request is heard on LAN B",
            edits.leaked(lambda seen: ArpSameLan.question(seen, "router:lan-a"), "server:lan-b"),
            kills=(ends_at_the_router,),
        ),
        Edit(
            "data goes to another MAC than the one answered",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").ip.sent, edits.ETHERNET_DESTINATION, edits.STRANGER
            ),
            kills=(data_goes_to_the_answer,),
        ),
        Edit("the client forgets at once", edits.forgotten_neighbours("client"), kills=(client_remembers,)),
        Edit(
            "the owner answers data to another MAC",
            edits.rewritten(
                lambda seen: seen.at("neighbour:lan-a").ip.sent, edits.ETHERNET_DESTINATION, edits.STRANGER
            ),
            kills=(owner_learns_from_the_question,),
        ),
        Edit(
            "the bystander learns from what it overhears",
            edits.learned_too("bystander", "neighbour"),
            kills=(bystander_learns_nothing,),
        ),
    )
