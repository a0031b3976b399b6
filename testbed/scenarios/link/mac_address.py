"""link.mac-address: the number of a card."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.evidence import LOOPBACK, Action, Evidence, Frames, Vantage, connection_of, macs_of
from testbed.packets.makers import is_chosen, is_group, maker_of
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import has_mac_of

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
WORDS = b"who made the card that this comes from?"
GIVEN = "the bystander's card is given a maker's number"
MAKER = "Intel Corporate"  # so the IEEE writes whom it gave 00-1B-21
ANOTHERS = "08:00:20:00:00:01"
ALL = "ff:ff:ff:ff:ff:ff"
WRITTEN = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class LinkMacAddress(Scenario):
    """Every card has a 48-bit number, written as twelve hex digits, and it is alone with it on its LAN.

    The first half of the number names the maker, who buys it from the IEEE; the second half is the
    maker's own count. The IEEE publishes who bought what, so the maker can be looked up. Two bits of the
    first octet are special. One says that the number is a group's and not a card's: no card has such a
    number as its own, and ff:ff:ff:ff:ff:ff is the group of all. The other says that the number was not
    given by a maker but chosen on the spot. The cards of virtual machines and of containers have such
    numbers.

    A number is no proof of who made the card: whoever runs it may give it another. Here the
    bystander's card, which nobody made, is given one of Intel's, and the table says Intel.

    On the wire only one thing matters: no two cards of a LAN may have the same number, for the
    switch would not know where to deliver.
    """

    id = "link.mac-address"
    layer = Layer.LINK
    rfc = ("IEEE 802-2014 §8.2", "RFC 9542")
    claim = Claim(
        "Every card has a number of its own: six digits for the maker, six for the serial.",
        Holds.QUALIFIED,
        "So it is for cards that are made, except that makers of few share their six digits, and are told "
        "apart by seven or nine. Virtual cards, as here, choose their number; the locally-administered bit "
        "says so, and then there is no maker in it.",
    )
    places = (
        "client:lan-a",
        "neighbour:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    number = "00:1b:21:00:00:01"

    def act(self, lab: Lab) -> None:
        lab.client.forget_neighbours()
        lab.client.tcp_echo(lab.server, b"whose number is on this?", port=PORT)
        with lab.step(GIVEN):
            lab.bystander.set_mac("lan-a", self.number)
            lab.bystander.tcp_echo(lab.server, WORDS, port=PORT)

    @staticmethod
    def cards(seen: Evidence) -> list[Vantage]:
        """All network cards, with the numbers that they came with; lo is none."""
        return [vantage for vantage in seen.vantages if vantage.network != LOOPBACK]

    @staticmethod
    def given(seen: Evidence) -> Action:
        """How the bystander's card got its second number, which is what the kernel then said that it had."""
        return seen.action("bystander", "set_mac", GIVEN)

    @classmethod
    def numbers(cls, seen: Evidence) -> list[tuple[Vantage, str]]:
        """Each card with each number that it had."""
        second = [(card, cls.given(seen).result) for card in cls.cards(seen) if card.node == "bystander"]
        return [(card, card.mac) for card in cls.cards(seen)] + second

    @classmethod
    def own(cls, seen: Evidence, card: Vantage, time_ns: int) -> set[str]:
        """The number that a card has at a moment; while it is being given another one, both."""
        if card.node != "bystander":
            return {card.mac}
        given = cls.given(seen)
        first = {card.mac} if time_ns <= given.end_ns else set()
        return first | ({given.result} if time_ns >= given.begin_ns else set())

    @classmethod
    def spoken(cls, seen: Evidence) -> Frames:
        """What the bystander's card sends with its second number."""
        return seen.at("bystander:lan-a").sent.after(cls.given(seen).end_ns)

    @check("each number has twelve hex digits, and is a card's: the group bit is not set")
    def numbers_of_cards(self, seen: Evidence) -> Finding:
        numbers = self.numbers(seen)
        wrong = [mac for _, mac in numbers if not WRITTEN.fullmatch(mac) or is_group(mac)]
        cited = [seen.at(card.name).markers for card in self.cards(seen)]
        what = f"of {len(numbers)} numbers, not a card's"
        return expect(wrong, [], cite=(self.given(seen), cited), what=what)

    @check("the locally-administered bit is read: no maker is in the numbers that the cards came with")
    def chosen_on_the_spot(self, seen: Evidence) -> Finding:
        cards = self.cards(seen)
        local = [card.name for card in cards if is_chosen(card.mac)]
        return expect(
            len(local), len(cards), cite=[seen.at(card.name).markers for card in cards], what="chosen"
        )

    @check("a card that is given a maker's number is named: the IEEE's table has the first half of it")
    def names_its_maker(self, seen: Evidence) -> Finding:
        given, spoken = self.given(seen), self.spoken(seen)
        makers = {maker_of(macs_of(frame)[0]) for frame in spoken}
        return expect(makers, {MAKER}, cite=(given, spoken), what=f"the maker in {given.result}")

    @check("the others take that number as any: the router learns it, and the answer comes to it")
    def answered_under_it(self, seen: Evidence) -> Finding:
        number, ip = self.given(seen).result, seen.bystander.ip
        talk = connection_of(seen.action("bystander", "connect", GIVEN))
        heard = seen.at("bystander:lan-a").tcp.received.of(talk).to_mac(number)
        table = seen.neighbours("router", ip)
        learned = expect_that((str(ip), number) in table.learned, f"{ip} is at {number}", cite=table)
        return expect(heard.payload, WORDS, cite=(heard, heard.markers_cited)) & learned

    @check("no two cards of a LAN have the same number")
    def alone_on_its_lan(self, seen: Evidence) -> Finding:
        owners: dict[tuple[str, str], list[str]] = defaultdict(list)
        for card, mac in self.numbers(seen):
            owners[card.network, mac].append(card.name)
        shared = [names for names in owners.values() if len(names) > 1]
        return expect(
            shared, [], cite=[seen.at(card.name).markers for card in self.cards(seen)], what="shared"
        )

    @check("every frame that a node sends bears the number of the card that it leaves by")
    def bears_its_own(self, seen: Evidence) -> Finding:
        findings = []
        for card in self.cards(seen):
            if sent := seen.at(card.name).sent:
                others = {
                    source
                    for frame in sent
                    if (source := macs_of(frame)[0]) not in self.own(seen, card, frame.time_ns)
                }
                findings.append(expect(others, set(), cite=sent, what=f"not {card.name}'s"))
        return expect_all(findings, "cards that sent")

    @check("no frame comes from ff:ff:ff:ff:ff:ff, or from any group")
    def nobody_is_all(self, seen: Evidence) -> Finding:
        frames = [frame for card in self.cards(seen) for frame in seen.at(card.name)]
        groups = [frame for frame in frames if is_group(macs_of(frame)[0])]
        return expect_that(
            not groups, "no frame has a group for its source", cite=groups or frames, seen=len(groups)
        )

    mutants = (
        Mutant(
            "two hosts share a number",
            has_mac_of("bystander", "neighbour", "lan-a"),
            kills=(alone_on_its_lan,),
        ),
        Mutant(
            "the number that is given is a chosen one",
            settings={"number": "02:1b:21:00:00:01"},
            kills=(names_its_maker,),
        ),
        Mutant("the number is another maker's", settings={"number": ANOTHERS}, kills=(names_its_maker,)),
        Edit(
            "a card has a group's number",
            edits.renumbered("client:lan-a", ALL),
            kills=(numbers_of_cards, bears_its_own),
        ),
        Edit(
            "a card was made by somebody",
            edits.renumbered("client:lan-a", "00:1b:21:00:00:02"),
            kills=(chosen_on_the_spot, bears_its_own),
        ),
        Edit(
            "a frame comes from a card of another maker",
            edits.rewritten(
                lambda seen: LinkMacAddress.spoken(seen)[-1:],
                edits.ETHERNET_SOURCE,
                bytes.fromhex(ANOTHERS.replace(":", "")),
            ),
            kills=(names_its_maker, bears_its_own),
        ),
        Edit(
            "the router never learns the number",
            edits.forgotten_neighbours("router"),
            kills=(answered_under_it,),
        ),
        Edit(
            "the answer goes to another number",
            edits.rewritten(
                lambda seen: seen.during(GIVEN).at("bystander:lan-a").tcp.received,
                edits.ETHERNET_DESTINATION,
                edits.STRANGER,
            ),
            kills=(answered_under_it,),
        ),
        Edit(
            "a frame comes from all",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").arp.received[:1], edits.ETHERNET_SOURCE, b"\xff" * 6
            ),
            kills=(nobody_is_all,),
        ),
    )
