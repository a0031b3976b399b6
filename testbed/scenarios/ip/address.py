"""ip.address: 32 bits, four decimals."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from testbed.checks import Finding, check, expect, expect_all, expect_none, expect_some, expect_that
from testbed.evidence import Action, Evidence, Frame, IpFrames, NothingSeen, ip_of
from testbed.packets import dns
from testbed.programs import program
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import lies_about_names

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7077
AS_NUMBER = "texts that must be addresses"
ON_THE_WIRE = "a packet to an address that is given as one number"
AS_NAME = "a text that may be a name"
GOOD = ("0.0.0.0", "127.0.0.1", "172.16.10.10", "192.0.2.1", "255.255.255.255")
BAD = ("256.1.1.1", "1.2.3.256", "1.2.3.4.5", "1.2.3.-4", "1.2.3.x", "")
SHORT = "1.2.3"
ONE_TOO_MANY = BAD[0]
WORDS = b"to a number"
REFUSED = "refused: "
ENOUGH = 30.0  # seconds for a program that ends by itself


class IpAddress(Scenario):
    """An address is 32 bits; people write it as four decimals, each of 8 bits: from 0 to 255.

    172.16.10.53 is one number, 2886732341, cut into four bytes for the eye: ac 10 0a 35. These four
    bytes, and nothing else, stand in the header of every packet. Eight bits hold 0 to 255, so 0.0.0.0 is the
    lowest, 255.255.255.255 the highest, and 256.1.1.1 no address at all.

    What does a program do when it is given 256.1.1.1? If it takes the text for an address only, the
    C library refuses it, and no packet is sent. But most programs take names as well; "256.1.1.1" could
    be one, so DNS is asked for it, and a packet does leave the host. A name server that knows
    no such name says so.
    """

    id = "ip.address"
    layer = Layer.NETWORK
    rfc = ("RFC 791 §3.1", "RFC 6943 §3.1.1", "RFC 3493 §6", "RFC 1123 §2.1")
    claim = Claim(
        "An address has 32 bits, written as four decimals, from 0.0.0.0 to 255.255.255.255.",
        Holds.QUALIFIED,
        "Old functions, inet_aton and with it getaddrinfo, take fewer parts too: 1.2.3 is 1.2.0.3 to them. "
        "inet_pton takes four decimals only.",
    )
    places = ("client:lan-a", "names:lan-a")
    topology = "asking.yaml"

    def act(self, lab: Lab) -> None:
        with lab.step(AS_NUMBER):
            texts = [*GOOD, *BAD, SHORT]
            lab.client.run(program("address_reader", "number", *texts), timeout=ENOUGH, check=True)
        number = int(lab["names"].address_on("lan-a"))
        with lab.step(ON_THE_WIRE), lab["names"].udp(PORT) as there, lab.client.udp() as here:
            here.send(WORDS, str(IPv4Address(number)), PORT)
            there.recv()
        with lab.step(AS_NAME):
            lab.client.run(program("address_reader", "name", ONE_TOO_MANY), timeout=ENOUGH, check=True)

    @staticmethod
    def said(seen: Evidence, step: str, *texts: str) -> tuple[Action, list[dict[str, Any]]]:
        """What the program said of some texts."""
        ran = seen.action("client", "run", step)
        if ran.result is None:
            raise NothingSeen("a program that reads addresses", (ran.citation,))
        lines = {row["text"]: row for row in map(json.loads, ran.result["stdout"].splitlines())}
        return ran, [lines[text] for text in texts]

    # -- as an address

    @check("four decimals from 0 to 255 are read, each as the 8 bits of its place")
    def good_are_read(self, seen: Evidence) -> Finding:
        ran, rows = self.said(seen, AS_NUMBER, *GOOD)
        expected = [(text, bytes(map(int, text.split("."))).hex(), [text]) for text in GOOD]
        read = [(row["text"], row["inet_pton"], row["AI_NUMERICHOST"]) for row in rows]
        return expect(read, expected, cite=ran)

    @check("the lowest is 32 zeros, the highest 32 ones")
    def lowest_and_highest(self, seen: Evidence) -> Finding:
        ran, rows = self.said(seen, AS_NUMBER, GOOD[0], GOOD[-1])
        return expect([f"{int(row['inet_pton'], 16):032b}" for row in rows], ["0" * 32, "1" * 32], cite=ran)

    @check("256 in any place, a fifth part, a sign, a letter, nothing at all: refused")
    def bad_are_refused(self, seen: Evidence) -> Finding:
        ran, rows = self.said(seen, AS_NUMBER, *BAD)
        taken = [
            (row["text"], way, row[way])
            for row in rows
            for way in ("inet_pton", "inet_aton", "AI_NUMERICHOST")
            if not str(row[way]).startswith(REFUSED)
        ]
        return expect(taken, [], cite=ran, what="taken for an address")

    @check("for none of these a packet is sent")
    def nothing_is_sent(self, seen: Evidence) -> Finding:
        step = seen.during(AS_NUMBER)  # at lo, where Docker's own DNS would be asked, all are received
        return expect_none(step.at("client:lan-a").ip.sent) & expect_none(step.at("client:lo").ip)

    @check("1.2.3 is no address to inet_pton, and 1.2.0.3 to inet_aton and getaddrinfo")
    def short_is_ambiguous(self, seen: Evidence) -> Finding:
        ran, (row,) = self.said(seen, AS_NUMBER, SHORT)
        return expect_that(
            row["inet_pton"].startswith(REFUSED), "inet_pton refuses it", cite=ran, seen=row["inet_pton"]
        ) & expect((row["inet_aton"], row["AI_NUMERICHOST"]), ("01020003", ["1.2.0.3"]), cite=ran)

    # -- on the wire

    @check("in the header of a packet stand the four bytes, one for each decimal, and they are one number")
    def bits_are_the_number(self, seen: Evidence) -> Finding:
        sent = seen.during(ON_THE_WIRE).at("client:lan-a").udp.sent
        packet = sent.where(lambda f: f.packet.payload == WORDS, repr(WORDS)).first
        stands = [packet.data[edits.IP_SOURCE], packet.data[edits.IP_DESTINATION]]
        written = [bytes(map(int, str(node.ip).split("."))) for node in (seen.client, seen.names)]
        number = int.from_bytes(stands[1], "big")
        return expect(
            [part.hex() for part in stands], [part.hex() for part in written], cite=packet, what="bytes"
        ) & expect(IPv4Address(number), seen.names.ip, cite=packet, what=f"{number} is")

    # -- as a name

    @staticmethod
    def queries(seen: Evidence, place: str) -> IpFrames:
        """The DNS messages about the text, at one place."""

        def about(frame: Frame) -> bool:
            message = dns.message_of(frame.packet.payload)
            return message is not None and ONE_TOO_MANY in [question.name for question in message.questions]

        return seen.during(AS_NAME).at(place).udp.where(about, f"about {ONE_TOO_MANY}:")

    @check("given as a name, 256.1.1.1 is asked of DNS: a query leaves the host and reaches the name server")
    def dns_is_asked(self, seen: Evidence) -> Finding:
        sent = self.queries(seen, "client:lan-a").sent
        return expect_all(
            (
                expect({ip_of(f).destination for f in sent}, {seen.names.ip}, cite=sent, what="sent to"),
                expect_some(self.queries(seen, "names:lan-a").received),
            ),
            "asked",
        )

    @check("nobody has that name, and the program is told so")
    def nobody_has_it(self, seen: Evidence) -> Finding:
        answers = self.queries(seen, "client:lan-a").received
        codes = {message.rcode for f in answers if (message := dns.message_of(f.packet.payload)) is not None}
        ran, (row,) = self.said(seen, AS_NAME, ONE_TOO_MANY)
        return expect(
            codes, {dns.NO_SUCH_NAME}, cite=(answers, answers.markers_cited), what="response code"
        ) & expect_that(
            str(row["getaddrinfo"]).startswith(REFUSED),
            "the program is told",
            cite=ran,
            seen=row["getaddrinfo"],
        )

    mutants = (
        Mutant("a DNS that answers it", lies_about_names("names", "lan-a"), kills=(nobody_has_it,)),
        Edit("a text is read as another", edits.saying('"c0000201"', '"c0000202"'), kills=(good_are_read,)),
        Edit(
            "the highest address is one less",
            edits.saying('"ffffffff"', '"fffffffe"'),
            kills=(good_are_read, lowest_and_highest),
        ),
        Edit(
            "256 is taken for 0",
            edits.saying('"1.2.3.256", "inet_pton": "refused: ', '"1.2.3.256", "inet_pton": "01020300'),
            kills=(bad_are_refused,),
        ),
        Edit(
            "a packet is sent for one that is refused",
            lambda seen: sent_early(seen, "client:lan-a"),
            kills=(nothing_is_sent,),
        ),
        Edit(
            "the engine's own DNS is asked for one",
            lambda seen: sent_early(seen, "client:lo"),
            kills=(nothing_is_sent,),
        ),
        Edit(
            "inet_pton takes three parts",
            edits.saying('"1.2.3", "inet_pton": "refused: ', '"1.2.3", "inet_pton": "'),
            kills=(short_is_ambiguous,),
        ),
        Edit(
            "another number stands in the header",
            edits.rewritten(lambda seen: seen.at("client:lan-a").udp.sent, edits.IP_DESTINATION, b"\1\2\0\3"),
            kills=(bits_are_the_number, dns_is_asked),
        ),
    )


def sent_early(seen: Evidence, place: str) -> Evidence:
    """Show a copy of the first query at a place, while the program reads addresses."""
    query = IpAddress.queries(seen, "client:lan-a").sent.first
    early = query.replaced(
        number=max(f.number for f in seen.frames) + 1, time_ns=seen.step(AS_NUMBER).end_ns, vantage=place
    )
    return seen.edited(frames=(*seen.frames, early))
