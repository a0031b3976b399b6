"""link.broadcast: to all on the LAN, and to nobody beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_none
from testbed.evidence import BROADCAST_MAC, Evidence, IpFrames, macs_of
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import bridges

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7073
DIRECTED, LIMITED = b"to all of 172.16.10", b"to all who hear me"
HEARERS = ("neighbour", "bystander")


class LinkBroadcast(Scenario):
    """A broadcast reaches every card of the LAN, once each, and nobody beyond.

    Two IP addresses mean "all": the last one of a network, here 172.16.10.255, all of that
    network; and 255.255.255.255, all who are on this wire. Both travel in a frame to
    ff:ff:ff:ff:ff:ff. The switch copies it to every port but the one that it came from, and every
    card takes it in.

    The router's card takes it in as well, and that is the end of it: a router passes no broadcast on.
    If it did, one shout would fill the whole Internet.
    """

    id = "link.broadcast"
    layer = Layer.LINK
    rfc = ("RFC 919", "RFC 922", "RFC 1812 §5.3.5", "RFC 2644")
    claim = Claim("A broadcast reaches all on the LAN, and nobody beyond the router.")
    places = (
        "client:lan-a",
        "neighbour:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    def act(self, lab: Lab) -> None:
        network = lab.topology.network("lan-a").subnet
        assert network is not None
        with (
            lab.neighbour.udp(PORT) as one,
            lab.bystander.udp(PORT) as other,
            lab.client.udp(SO_BROADCAST=1) as voice,
        ):
            for address, words in ((str(network.broadcast_address), DIRECTED), ("255.255.255.255", LIMITED)):
                voice.send(words, address, PORT)
                for ear in (one, other):
                    ear.recv(timeout=2)

    @staticmethod
    def shouts(seen: Evidence, *vantages: str) -> IpFrames:
        """The two datagrams, at some places."""
        return seen.at(*vantages).udp.where(
            lambda frame: frame.packet.payload in (DIRECTED, LIMITED), "the client's broadcast"
        )

    @check("both datagrams go to ff:ff:ff:ff:ff:ff")
    def to_all_cards(self, seen: Evidence) -> Finding:
        sent = self.shouts(seen, "client:lan-a").sent
        said = [(frame.packet.payload, macs_of(frame)[1]) for frame in sent]
        return expect(
            said, [(DIRECTED, BROADCAST_MAC), (LIMITED, BROADCAST_MAC)], cite=(sent, sent.markers_cited)
        )

    @check("neighbour, bystander and the router's A leg receive each of them, once")
    def each_hears_once(self, seen: Evidence) -> Finding:
        findings = []
        for place in ("neighbour:lan-a", "bystander:lan-a", "router:lan-a"):
            heard = self.shouts(seen, place).received
            said = [frame.packet.payload for frame in heard]
            findings.append(expect(said, [DIRECTED, LIMITED], cite=(heard, heard.markers_cited), what=place))
        return expect_all(findings, "heard")

    @check("the programs that listen there hear them")
    def programs_hear(self, seen: Evidence) -> Finding:
        heard = [action for name in HEARERS for action in seen.all_actions(name, "recvfrom")]
        said = [action.result["data"] if action.result else action.error for action in heard]
        return expect(said, [DIRECTED, LIMITED] * len(HEARERS), cite=heard)

    @check("LAN B hears nothing of it")
    def ends_at_the_router(self, seen: Evidence) -> Finding:
        return expect_none(self.shouts(seen, "router:lan-b", "server:lan-b"))

    mutants = (
        Mutant("the router is a bridge", bridges(), kills=(ends_at_the_router,)),
        Edit(
            "the client shouts to one card",
            edits.rewritten(
                lambda seen: LinkBroadcast.shouts(seen, "client:lan-a"),
                edits.ETHERNET_DESTINATION,
                edits.STRANGER,
            ),
            kills=(to_all_cards,),
        ),
        Edit(
            "the bystander hears one of them only",
            edits.dropped(lambda seen: LinkBroadcast.shouts(seen, "bystander:lan-a")[1:]),
            kills=(each_hears_once,),
        ),
        Edit(
            "the neighbour's program hears nothing",
            edits.undone(lambda seen: seen.all_actions("neighbour", "recvfrom")),
            kills=(programs_hear,),
        ),
    )
