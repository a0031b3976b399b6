"""arp.spoofing: ARP believes whoever answers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_some, expect_that
from testbed.evidence import ArpFrames, Evidence, IpFrames, arp_of, connection_of
from testbed.faults import Match
from testbed.probe import frames
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

PORT = 8888
WORDS = b"a secret for the server"
BEFORE, SPOOFED, GUARDED = "before", "the bystander says that it is the gateway", "with a static entry"
ARP, REPLY = 0x0806, 2


class ArpSpoofing(Scenario):
    """ARP believes whoever answers, asked or not.

    An ARP answer carries no proof. A host on the same LAN tells the client, unasked: "172.16.10.1 is
    at my MAC". The client's kernel overwrites the entry that it has. From now on all that the client
    sends to other networks passes the bystander, who reads it and hands it on to the true gateway, as
    a router would. The conversation works as before, and neither program notices.

    An entry that was made by hand is not overwritten: with a static entry for the gateway, the same
    lie does nothing. (The kernel protects a fresh entry for a second against such changes; here that
    guard is off, so that nothing needs to be waited for.)
    """

    id = "arp.spoofing"
    layer = Layer.LINK
    rfc = ("RFC 826", "RFC 1812 §5.2.7.2", "Linux: arp(7), locktime")
    claim = Claim("ARP believes whoever answers, so a host can put itself between client and gateway.")
    places = (
        "client:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    forges = True
    guards = True  # with a static entry, in the third step

    def act(self, lab: Lab) -> None:
        thief, gateway = lab.bystander, lab.topology.network("lan-a").gateway
        leg, own = thief.interface_on("lan-a"), lab.client.interface_on("lan-a")
        thief.sysctl("net.ipv4.ip_forward", 1)
        for scope in ("all", leg):  # it must not tell the client of the better way
            thief.sysctl(f"net.ipv4.conf.{scope}.send_redirects", 0)
        lab.client.sysctl(f"net.ipv4.neigh.{own}.locktime", 0)
        # Nor must the router, who asks the client for its MAC after a while, tell it the truth by that.
        lab.router.sysctl(f"net.ipv4.neigh.{lab.router.interface_on('lan-a')}.delay_first_probe_time", 60)
        lab.client.undo_later(lab.client.forget_neighbours)  # the lie must not outlive the scenario
        lab.forget_neighbours()
        with lab.step(BEFORE):
            self.talk(lab)
        with lab.step(SPOOFED):
            self.lie(thief, lab.client, str(gateway))
            self.talk(lab)
        if self.guards:
            lab.client.add_neighbour("lan-a", str(gateway), lab.router.mac_on("lan-a"))
        with lab.step(GUARDED):
            self.lie(thief, lab.client, str(gateway))
            self.talk(lab)

    @staticmethod
    def talk(lab: Lab) -> None:
        """Say the words to the server's echo, and hear them."""
        with contextlib.suppress(OSError), lab.client.connect(lab.server, PORT) as stream:
            try:
                stream.send(WORDS)
                stream.recv_exactly(len(WORDS))
            except OSError:
                stream.reset()  # else its kernel goes on trying when all is over
                raise

    def lie(self, thief: Node, victim: Node, address: str) -> None:
        """Tell the victim that an address is at the thief's MAC, and wait until it has looked at it."""
        if not self.forges:
            return
        mine, theirs = thief.mac_on("lan-a"), victim.mac_on("lan-a")
        answer = frames.arp(REPLY, (mine, address), (theirs, str(victim.address_on("lan-a"))))
        thief.send_frame("lan-a", frames.ethernet(mine, theirs, ARP, answer))
        victim.neighbours()

    @staticmethod
    def forged(seen: Evidence, step: str) -> ArpFrames:
        """The bystander's answers for the gateway that reach the client during a step."""
        answers = seen.during(step).at("client:lan-a").arp.received.replies(seen.router["lan-a"].ip)
        return answers.where(lambda frame: arp_of(frame).sender_mac == seen.bystander.mac, "the bystander's")

    @staticmethod
    def passing(seen: Evidence, step: str) -> IpFrames:
        """The client's packets for the server that arrive at the bystander during a step."""
        return seen.during(step).at("bystander:lan-a").ip.received.to(seen.server.ip)

    @staticmethod
    def heard_back(seen: Evidence, step: str) -> Finding:
        """Pass when the client's words of a step came back to it from the server."""
        talk = connection_of(seen.action("client", "connect", step))
        heard = seen.at("client:lan-a").tcp.of(talk).from_end(talk.server)
        return expect(heard.payload, WORDS, cite=(heard, heard.markers_cited), what="what the client hears")

    @check("the client is told that the gateway is at the bystander's MAC")
    def it_is_told(self, seen: Evidence) -> Finding:
        return expect_some(self.forged(seen, SPOOFED))

    @check("its neighbour table then holds the lie", needs=[it_is_told])
    def it_believes(self, seen: Evidence) -> Finding:
        table = seen.neighbours("client", seen.router["lan-a"].ip)
        learned = (str(seen.router["lan-a"].ip), seen.bystander.mac)
        return expect_that(learned in table.learned, f"{learned[0]} is at {learned[1]}", cite=table)

    @check("before the lie nothing that the client sends to the server passes the bystander")
    def direct_before(self, seen: Evidence) -> Finding:
        return expect_none(self.passing(seen, BEFORE))

    @check("after it, what the client says passes the bystander, readable")
    def read_by_the_thief(self, seen: Evidence) -> Finding:
        passing = self.passing(seen, SPOOFED)
        return expect_some(passing.where(lambda frame: frame.packet.payload == WORDS, "the secret"))

    @check("the bystander hands it on: the router has it from the bystander's MAC", needs=[read_by_the_thief])
    def handed_on(self, seen: Evidence) -> Finding:
        came = seen.during(SPOOFED).at("router:lan-a").from_mac(seen.bystander.mac).ip.to(seen.server.ip)
        return expect_some(came.where(lambda frame: frame.packet.payload == WORDS, "the secret"))

    @check(
        "and the conversation works all the same: the client hears its words back",
        needs=[read_by_the_thief],
    )
    def still_works(self, seen: Evidence) -> Finding:
        return self.heard_back(seen, SPOOFED)

    @check("with a static entry for the gateway the client is told the same lie, and it changes nothing")
    def static_entry_guards(self, seen: Evidence) -> Finding:
        first = seen.during(GUARDED).at("client:lan-a").tcp.sent.syns.first
        lies = self.forged(seen, GUARDED).before(first)
        return expect_some(lies) & expect_none(self.passing(seen, GUARDED)) & self.heard_back(seen, GUARDED)

    mutants = (
        Mutant(
            "the bystander does not lie",
            settings={"forges": False},
            kills=(it_is_told, read_by_the_thief, static_entry_guards),
        ),
        Mutant(
            "the bystander keeps what it hears",
            loses_every(Match(destination_port=PORT, payload=True), node="bystander", where="forward"),
            kills=(handed_on, still_works),
        ),
        Mutant("there is no static entry", settings={"guards": False}, kills=(static_entry_guards,)),
        Edit("the client believes nothing", edits.forgotten_neighbours("client"), kills=(it_believes,)),
        Edit(
            "the bystander reads before it lies, and in spite of the static entry",
            edits.leaked(
                lambda seen: [
                    frame
                    for step in (BEFORE, GUARDED)
                    for frame in seen.during(step).at("client:lan-a").tcp.sent
                ],
                "bystander:lan-a",
            ),
            kills=(direct_before, static_entry_guards),
        ),
        Edit(
            "no answer reaches the client",
            edits.dropped(lambda seen: seen.during(SPOOFED).at("client:lan-a").tcp.received.with_data),
            kills=(still_works,),
        ),
        Edit(
            "the router has it from somebody else",
            edits.rewritten(
                lambda seen: seen.during(SPOOFED).at("router:lan-a").tcp.received,
                edits.ETHERNET_SOURCE,
                edits.STRANGER,
            ),
            kills=(handed_on,),
        ),
    )
