"""link.switch: a switch delivers where it belongs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none
from testbed.evidence import Evidence, IpFrames
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import floods

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7074
TEXTS = tuple(f"between us {number}".encode() for number in range(5))


class LinkSwitch(Scenario):
    """A switch learns who is behind which port, and delivers a frame there and nowhere else.

    A hub repeats everything to everybody. A switch reads the source MAC of each frame that comes in,
    and remembers the port. A frame to a MAC that it knows leaves by that port alone. So when client and
    neighbour talk, the bystander on the same switch hears nothing of it, and the router neither.

    It is no secret-keeping: a frame to a MAC that the switch does not know, or to a group of
    hosts, goes to all ports.
    """

    id = "link.switch"
    layer = Layer.LINK
    rfc = ("IEEE 802.1D §7.7, §7.8",)
    claim = Claim("A switch delivers unicast frames only where they belong.")
    places = ("client:lan-a", "neighbour:lan-a", "bystander:lan-a", "router:lan-a")

    def act(self, lab: Lab) -> None:
        with lab.neighbour.udp(PORT) as there, lab.client.udp() as here, contextlib.suppress(TimeoutError):
            for text in TEXTS:
                here.send(text, lab.neighbour, PORT)
                heard, sender = there.recv(timeout=2)
                there.send(heard, sender.address, sender.port)
                here.recv(timeout=2)

    @staticmethod
    def talk(seen: Evidence, vantage: str) -> IpFrames:
        """What client and neighbour say to each other, at one place."""
        return seen.at(vantage).udp.of_addresses(seen.client.ip, seen.neighbour.ip)

    @check("client and neighbour hear each other: each text there and back")
    def they_talk(self, seen: Evidence) -> Finding:
        there, back = self.talk(seen, "neighbour:lan-a").received, self.talk(seen, "client:lan-a").received
        heard = [[frame.packet.payload for frame in frames] for frames in (there, back)]
        return expect(heard, [list(TEXTS)] * 2, cite=(there, back, there.markers_cited))

    @check("the bystander, on the same switch, sees none of it")
    def bystander_sees_nothing(self, seen: Evidence) -> Finding:
        return expect_none(self.talk(seen, "bystander:lan-a"))

    @check("the router's leg sees none of it")
    def router_sees_nothing(self, seen: Evidence) -> Finding:
        return expect_none(self.talk(seen, "router:lan-a"))

    mutants = (
        Mutant(
            "the neighbour's MAC is entered as a group address: the switch floods",
            floods("client", "neighbour", "lan-a"),
            kills=(bystander_sees_nothing, router_sees_nothing),
        ),
        Edit(
            "the neighbour misses a text",
            edits.dropped(lambda seen: LinkSwitch.talk(seen, "neighbour:lan-a").received[2:3]),
            kills=(they_talk,),
        ),
    )
