"""link.mac-address: the number of a card."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.evidence import LOOPBACK, Evidence, Vantage, macs_of
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import has_mac_of

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
GROUP, LOCAL = 0x01, 0x02  # bits of the first octet (IEEE 802-2014 §8.2.2)
ALL = "ff:ff:ff:ff:ff:ff"
WRITTEN = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class LinkMacAddress(Scenario):
    """Every card has a 48-bit number, written as twelve hex digits, and it is alone with it on its LAN.

    The first half of the number names the maker, who buys it from the IEEE; the second half is the
    maker's own count. Two bits of the first octet are special. One says that the number is a group's
    and not a card's: no card has such a number as its own, and ff:ff:ff:ff:ff:ff is the group of all.
    The other says that the number was not given by a maker but chosen on the spot. The cards of virtual
    machines and of containers have such numbers.

    On the wire only one thing matters: no two cards of a LAN may have the same number, for the
    switch would not know where to deliver.
    """

    id = "link.mac-address"
    layer = Layer.LINK
    rfc = ("IEEE 802-2014 §8.2", "RFC 9542")
    claim = Claim(
        "Every card has a number of its own: six digits for the maker, six for the serial.",
        Holds.QUALIFIED,
        "So it is for cards that are made. Virtual ones, as here, choose it; the locally-administered "
        "bit says so, and then there is no maker in it.",
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
        lab.client.forget_neighbours()
        lab.client.tcp_echo(lab.server, b"whose number is on this?", port=PORT)

    @staticmethod
    def cards(seen: Evidence) -> list[Vantage]:
        """All network cards; lo is none."""
        return [vantage for vantage in seen.vantages if vantage.network != LOOPBACK]

    @check("each number has twelve hex digits, and is a card's: the group bit is not set")
    def numbers_of_cards(self, seen: Evidence) -> Finding:
        cards = self.cards(seen)
        wrong = [
            card.mac for card in cards if not WRITTEN.fullmatch(card.mac) or first_octet(card.mac) & GROUP
        ]
        cited = [seen.at(card.name).markers for card in cards]
        return expect(wrong, [], cite=cited, what=f"of {len(cards)} numbers, not a card's")

    @check("the locally-administered bit is read: no maker is in these numbers")
    def chosen_on_the_spot(self, seen: Evidence) -> Finding:
        cards = self.cards(seen)
        local = [card.name for card in cards if first_octet(card.mac) & LOCAL]
        return expect(
            len(local), len(cards), cite=[seen.at(card.name).markers for card in cards], what="chosen"
        )

    @check("no two cards of a LAN have the same number")
    def alone_on_its_lan(self, seen: Evidence) -> Finding:
        owners: dict[tuple[str, str], list[str]] = defaultdict(list)
        for card in self.cards(seen):
            owners[card.network, card.mac].append(card.name)
        shared = [names for names in owners.values() if len(names) > 1]
        return expect(
            shared, [], cite=[seen.at(card.name).markers for card in self.cards(seen)], what="shared"
        )

    @check("every frame that a node sends bears the number of the card that it leaves by")
    def bears_its_own(self, seen: Evidence) -> Finding:
        findings = []
        for card in self.cards(seen):
            sent = seen.at(card.name).sent
            if sent:
                findings.append(
                    expect({macs_of(frame)[0] for frame in sent}, {card.mac}, cite=sent, what=card.name)
                )
        return expect_all(findings, "cards that sent")

    @check("no frame comes from ff:ff:ff:ff:ff:ff, or from any group")
    def nobody_is_all(self, seen: Evidence) -> Finding:
        frames = [frame for card in self.cards(seen) for frame in seen.at(card.name)]
        groups = [frame for frame in frames if first_octet(macs_of(frame)[0]) & GROUP]
        return expect_that(
            not groups, "no frame has a group for its source", cite=groups or frames, seen=len(groups)
        )

    mutants = (
        Mutant(
            "two hosts share a number",
            has_mac_of("bystander", "neighbour", "lan-a"),
            kills=(alone_on_its_lan,),
        ),
        Edit(
            "a card has a group's number",
            edits.renumbered("client:lan-a", ALL),
            kills=(numbers_of_cards, bears_its_own),
        ),
        Edit(
            "a card was made by somebody",
            edits.renumbered("client:lan-a", "00:1b:21:00:00:01"),
            kills=(chosen_on_the_spot, bears_its_own),
        ),
        Edit(
            "a frame comes from all",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").arp.received[:1], edits.ETHERNET_SOURCE, b"\xff" * 6
            ),
            kills=(nobody_is_all,),
        ),
    )


def first_octet(mac: str) -> int:
    """The octet that holds the two special bits."""
    return int(mac[:2], 16)
