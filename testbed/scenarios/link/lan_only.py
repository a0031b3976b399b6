"""link.lan-only: Ethernet alone does not cross networks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_some
from testbed.evidence import Evidence
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
PATIENCE = 2.5  # seconds that the client waits for an answer


class LinkLanOnly(Scenario):
    """Ethernet ends where the LAN ends; only somebody who forwards carries a packet further.

    A frame is addressed to a card of its own LAN. The router has a card in each of two LANs, but that
    alone joins nothing: a computer with two cards that does not forward takes the client's frame
    in, sees that the packet inside is for somebody else, and throws it away. It does not even say
    so. The client asks again, and again, and gives up by itself.
    """

    id = "link.lan-only"
    layer = Layer.LINK
    rfc = (
        "RFC 1122 §3.3.1",
        "RFC 1812 §2.2.8.1",
        "Linux: Documentation/networking/ip-sysctl.rst, ip_forward",
    )
    claim = Claim("Ethernet works within a LAN; to reach another one, somebody must forward.")
    places = ACROSS

    forwards = 0  # what the router's ip_forward is set to

    def act(self, lab: Lab) -> None:
        lab.router.sysctl("net.ipv4.ip_forward", self.forwards)
        with contextlib.suppress(OSError):
            lab.client.connect(lab.server, PORT, timeout=PATIENCE).close()

    @check("the client's frames reach the card of the router on its own LAN")
    def reaches_the_router(self, seen: Evidence) -> Finding:
        return expect_some(seen.at("router:lan-a").tcp.of(seen.connection()).received.syns)

    @check("nothing of them is seen on LAN B, where markers are")
    def ends_there(self, seen: Evidence) -> Finding:
        return expect_none(seen.at("router:lan-b", "server:lan-b").tcp.of(seen.connection()))

    @check("nobody tells the client: no ICMP comes")
    def nobody_tells(self, seen: Evidence) -> Finding:
        return expect_none(seen.at("client:lan-a").icmp.received.to(seen.client.ip))

    @check("the client asks again, and its attempt ends by its own time-out")
    def gives_up(self, seen: Evidence) -> Finding:
        attempt = seen.action("client", "connect")
        syns = seen.at("client:lan-a").tcp.of(seen.connection()).sent.syns
        return expect((attempt.error, len(syns) > 1), ("deadline", True), cite=(attempt, syns))

    mutants = (
        Mutant("the router forwards", settings={"forwards": 1}, kills=(ends_there, gives_up)),
        Edit(
            "the client's frames never reach the router",
            edits.dropped(lambda seen: seen.at("router:lan-a").tcp),
            kills=(reaches_the_router,),
        ),
        Edit(
            "a report comes from the router",
            edits.turned_to_icmp(lambda seen: seen.at("client:lan-a").tcp.sent.syns[:1]),
            kills=(nobody_tells,),
        ),
    )
