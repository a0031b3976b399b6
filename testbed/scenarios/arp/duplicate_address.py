"""arp.duplicate-address: two owners of one address."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import ArpFrames, Evidence, arp_of
from testbed.probe import frames
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7075
TALK, PROBE = "the client looks for the owner", "the client probes the address"
NOBODY, ZEROS = "0.0.0.0", "00:00:00:00:00:00"
ARP = 0x0806


class ArpDuplicateAddress(Scenario):
    """Two owners of one address: both answer, and who is first wins.

    Nothing stops a host from taking an address that another one has. Asked for, both answer. The
    asker believes the first, and for a while sends everything there: the conversation goes to one
    of them, by chance. It is a fault that is hard to understand from a program, and easy to see on
    the wire: two answers, two MACs, to one question.

    So a careful host asks before it takes an address: a request for it that gives no address of its
    own, 0.0.0.0, so that nobody learns a wrong one. Whoever answers has it already.
    """

    id = "arp.duplicate-address"
    layer = Layer.LINK
    rfc = ("RFC 5227 §2.1", "RFC 826")
    claim = Claim("Two owners of one address are a fault that can be seen.")
    places = ("client:lan-a", "neighbour:lan-a", "bystander:lan-a")

    second_owner = True

    def act(self, lab: Lab) -> None:
        address = str(lab.neighbour.address_on("lan-a"))
        lab.client.undo_later(lab.forget_neighbours)  # whom it believed must not outlive the scenario
        if self.second_owner:
            lab.bystander.add_address("lan-a", f"{address}/24")
        lab.forget_neighbours()
        with lab.step(TALK), lab.client.udp(IP_RECVERR=1) as here, contextlib.suppress(OSError):
            here.send(b"who are you?", address, PORT)
            here.recv(timeout=2)  # ends with 'connection refused': nobody listens there
        own = lab.client.mac_on("lan-a")
        question = frames.arp(1, (own, NOBODY), (ZEROS, address))
        with lab.step(PROBE):
            lab.client.send_frame("lan-a", frames.ethernet(own, frames.BROADCAST, ARP, question))

    @staticmethod
    def question(seen: Evidence, probing: bool) -> ArpFrames:
        """The client's request for the address: the ordinary one, or the probe."""
        asked = seen.at("client:lan-a").arp.sent.requests(seen.neighbour.ip)
        return asked.where(lambda frame: (str(arp_of(frame).sender_ip) == NOBODY) is probing, "the client's")

    @classmethod
    def answers(cls, seen: Evidence, probing: bool) -> ArpFrames:
        """What comes back to it."""
        replies = seen.at("client:lan-a").arp.received.replies(seen.neighbour.ip)
        probe = cls.question(seen, True).first
        return replies.after(probe) if probing else replies.before(probe)

    @check("one question gets two answers, with different MACs")
    def two_answers(self, seen: Evidence) -> Finding:
        answers = self.answers(seen, probing=False)
        owners = {seen.neighbour.mac, seen.bystander.mac}
        return expect(
            (len(answers), answers.senders),
            (2, owners),
            cite=(answers, answers.markers_cited),
            what="answers, MACs",
        )

    @check("the first answer wins: what is sent goes there")
    def first_wins(self, seen: Evidence) -> Finding:
        answer = self.answers(seen, probing=False).first
        said = seen.at("client:lan-a").udp.sent.to(seen.neighbour.ip).first
        ethernet = said.packet.ethernet
        return expect(ethernet and ethernet.destination, arp_of(answer).sender_mac, cite=(answer, said))

    @check("a probe that names no sender finds both owners")
    def probe_finds_both(self, seen: Evidence) -> Finding:
        probe, answers = self.question(seen, probing=True), self.answers(seen, probing=True)
        return expect(answers.senders, {seen.neighbour.mac, seen.bystander.mac}, cite=(probe, answers))

    @check("nobody learns anything from the probe: it names 0.0.0.0")
    def probe_teaches_nothing(self, seen: Evidence) -> Finding:
        probe = self.question(seen, probing=True).first
        learned = {
            address
            for node in ("neighbour", "bystander")
            for address, _ in seen.neighbours(node).learned
            if address == NOBODY
        }
        return expect_that(
            str(arp_of(probe).sender_ip) == NOBODY and not learned,
            "no table holds 0.0.0.0",
            cite=probe,
            seen=learned,
        )

    mutants = (
        Mutant(
            "there is only one owner", settings={"second_owner": False}, kills=(two_answers, probe_finds_both)
        ),
        Edit(
            "what is sent goes to a third",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").udp.sent, edits.ETHERNET_DESTINATION, edits.STRANGER
            ),
            kills=(first_wins,),
        ),
        Edit(
            "the neighbour learns the nobody of the probe",
            edits.learns("neighbour", NOBODY),
            kills=(probe_teaches_nothing,),
        ),
    )
