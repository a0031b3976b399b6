"""link.carrier: bits need a wire."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_some
from testbed.evidence import Action, Evidence, Frames
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
CUT, HEALED = "the cable is pulled", "the cable is plugged in again"
PATIENCE = 2.0  # seconds that the client tries for


class LinkCarrier(Scenario):
    """Bits need a wire: without one the card has no carrier, and nothing goes out.

    When the cable is pulled, the card notices: no carrier. The kernel still knows its address and its
    routes, and tries; nothing arrives anywhere, and the attempt ends in silence. Plugged in again,
    all works as before. Nothing needed to be restarted, and the routes are still there.

    Switching a card off by hand is another thing: then the kernel forgets the routes.
    """

    id = "link.carrier"
    layer = Layer.LINK
    rfc = ("IEEE 802.3", "Linux: Documentation/networking/operstates.rst")
    claim = Claim("Bits need a wire.")
    places = ACROSS

    pulls = True

    def act(self, lab: Lab) -> None:
        cable = lab.cable("client", "lan-a")
        # The step ends before the cable is plugged in: a kernel that has a wire again speaks by itself.
        with cable.pulled() if self.pulls else contextlib.nullcontext(), lab.step(CUT):
            self.look(lab)
            with contextlib.suppress(OSError):
                lab.client.connect(lab.server, PORT, timeout=PATIENCE).close()
        with lab.step(HEALED):
            self.look(lab)
            lab.forget_neighbours()  # what was asked without a wire need not be waited for
            with contextlib.suppress(OSError):
                lab.client.tcp_echo(lab.server, b"are you there again?", port=PORT)

    @staticmethod
    def look(lab: Lab) -> None:
        """Note what the client's kernel says of its card and its routes."""
        interface = lab.client.interface_on("lan-a")
        lab.client.run(["cat", f"/sys/class/net/{interface}/carrier"])
        lab.client.run(["ip", "route", "show"])

    @staticmethod
    def looked(seen: Evidence, step: str) -> tuple[Action, str, str]:
        """The look at the card in a step: the action, "0" or "1" for the carrier, and the routes."""
        card, routes = seen.all_actions("client", "run", step)[:2]
        return card, text(card), text(routes)

    @staticmethod
    def beyond(seen: Evidence, step: str) -> Frames:
        """The client's frames that arrive at the router during a step: IP, ARP, whatever they hold."""
        return seen.during(step).at("router:lan-a").received.from_mac(seen.client.mac)

    @check("with the cable pulled the card has no carrier; plugged in it has")
    def carrier_is_lost(self, seen: Evidence) -> Finding:
        before, after = self.looked(seen, CUT), self.looked(seen, HEALED)
        return expect((before[1], after[1]), ("0", "1"), cite=(before[0], after[0]), what="carrier")

    @check("the routes are there all the while")
    def routes_stay(self, seen: Evidence) -> Finding:
        before, after = self.looked(seen, CUT), self.looked(seen, HEALED)
        # The mark of a wire that is missing is no part of a route; the kernel takes it away in its own time.
        kept, back = (look[2].replace(" linkdown", "") for look in (before, after))
        found = (f"default via {seen.router['lan-a'].ip}" in kept, kept == back)
        return expect(found, (True, True), cite=(before[0], after[0]), what="a default route; the same")

    @check("without a wire nothing of the client reaches the router")
    def nothing_beyond(self, seen: Evidence) -> Finding:
        return expect_none(self.beyond(seen, CUT))

    @check("and its attempt to connect fails")
    def attempt_fails(self, seen: Evidence) -> Finding:
        attempt = seen.action("client", "connect", CUT)
        return expect(attempt.error is not None, True, cite=attempt, what=f"failed ({attempt.error})")

    @check("plugged in, it works again, without a restart")
    def works_again(self, seen: Evidence) -> Finding:
        attempt = seen.action("client", "connect", HEALED)
        return expect(attempt.error, None, cite=attempt, what="the error of connect()") & expect_some(
            self.beyond(seen, HEALED).ip.to(seen.server.ip)
        )

    mutants = (
        Mutant(
            "the cable is never pulled",
            settings={"pulls": False},
            kills=(carrier_is_lost, nothing_beyond, attempt_fails),
        ),
        Edit(
            "a question for a MAC gets through",
            edits.moved(lambda seen: LinkCarrier.beyond(seen, HEALED).arp.requests()[:1], CUT),
            kills=(nothing_beyond,),
        ),
        Edit(
            "the client forgets its routes",
            edits.said(lambda seen: seen.all_actions("client", "run", CUT)[1:2], b""),
            kills=(routes_stay,),
        ),
        Edit(
            "the client cannot connect any more",
            edits.with_error(lambda seen: seen.all_actions("client", "connect", HEALED), "deadline"),
            kills=(works_again,),
        ),
    )


def text(action: Action) -> str:
    """What a command wrote."""
    return bytes(action.result["stdout"]).decode().strip() if action.result else ""
