"""app.dns: a name leads to an address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import Evidence, Frame, Frames, ip_of
from testbed.packets import dns
from testbed.programs import program
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import lies_about_names

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 80
NAME = "www.lab.test"
NOBODY = "nobody.lab.test"
KNOWN = "a name that is known"
UNKNOWN = "a name that nobody has"
WORDS = "You have come by my name."
PAGE = f"<!DOCTYPE html><title>www</title><p>{WORDS}</p>"
ENOUGH = 60.0  # seconds for what ends by itself


class AppDns(Scenario):
    """People use names, packets use addresses; DNS leads from the one to the other.

    Before a browser can connect it must ask: a datagram to port 53 of a name server, with the
    name in it. The answer is a datagram too, with an address record (A; AAAA would be IPv6's). Only
    then comes the SYN, to that address. No header below knows the name; HTTP says it once more.

    A name that nobody has is answered too: "no such name" (NXDOMAIN). Then there is nothing to
    connect to, and no connection is tried. And whoever answers is believed: an answer with
    another address leads the browser there.

    Here the name server is a real dnsmasq on another network, and the user a real browser, w3m.
    """

    id = "app.dns"
    layer = Layer.APPLICATION
    rfc = ("RFC 1034 §3.7", "RFC 1035 §4", "RFC 2308 §2.1")
    claim = Claim("A name leads to an address: it is looked up by DNS before the connection is made.")
    places = ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b", "names:lan-b")
    topology = "web.yaml"

    def act(self, lab: Lab) -> None:
        with lab.server.spawn(program("web_server", str(PORT), json.dumps(PAGE))) as server:
            server.wait_output("listens", timeout=ENOUGH)
            for step, name in ((KNOWN, NAME), (UNKNOWN, NOBODY)):
                with lab.step(step):
                    lab.client.exec(["w3m", "-dump", f"http://{name}/"], timeout=ENOUGH)

    @staticmethod
    def asked(seen: Evidence, step: str, name: str) -> Frames:
        """The queries for a name's address, as the client sends them."""
        return messages(seen.during(step), name).where(lambda f: not _message(f).is_response, "queries:")

    @staticmethod
    def answered(seen: Evidence, step: str, name: str) -> Frames:
        """The answers to them, as they reach the client."""
        return messages(seen.during(step), name).where(lambda f: _message(f).is_response, "answers:")

    @check("the client asks the name server for the name's address: a datagram to its port 53")
    def client_asks(self, seen: Evidence) -> Finding:
        query = self.asked(seen, KNOWN, NAME).first
        udp = query.packet.udp
        assert udp is not None
        return expect(
            (ip_of(query).destination, udp.destination_port), (seen.names.ip, dns.PORT), cite=query, what="to"
        )

    @check("the answer is the address of the server")
    def answer_is_the_address(self, seen: Evidence) -> Finding:
        answer = self.answered(seen, KNOWN, NAME).first
        return expect(_message(answer).addresses, (seen.server.ip,), cite=answer)

    @check("then, and only then, the client connects, to the address that was answered")
    def address_is_used(self, seen: Evidence) -> Finding:
        answer = self.answered(seen, KNOWN, NAME).first
        syn = seen.during(KNOWN).at("client:lan-a").tcp.port(PORT).syns.first
        return expect(
            (ip_of(syn).destination,), _message(answer).addresses, cite=(answer, syn), what="connects to"
        ) & expect_that(syn.time_ns > answer.time_ns, "the SYN follows the answer", cite=(answer, syn))

    @check("and the browser shows the page")
    def page_is_shown(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "exec", KNOWN)
        shown = ran.result["stdout"].decode(errors="replace").strip() if ran.result else None
        return expect(shown, WORDS, cite=ran)

    @check("a name that nobody has is answered with 'no such name' (NXDOMAIN)")
    def unknown_name(self, seen: Evidence) -> Finding:
        answer = self.answered(seen, UNKNOWN, NOBODY).first
        message = _message(answer)
        return expect(
            (message.rcode, message.addresses), (dns.NO_SUCH_NAME, ()), cite=answer, what="code, addresses"
        )

    @check("for it no connection is tried")
    def no_connection(self, seen: Evidence) -> Finding:
        return expect_none(seen.during(UNKNOWN).at("client:lan-a").tcp.syns)

    mutants = (
        Mutant(
            "DNS answers another address",
            lies_about_names("names", "lan-b"),
            kills=(answer_is_the_address, page_is_shown, unknown_name, no_connection),
        ),
        Edit(
            "the query was never sent",
            edits.dropped(lambda seen: AppDns.asked(seen, KNOWN, NAME)),
            kills=(client_asks,),
        ),
        Edit(
            "the client connected before it had an answer",
            lambda seen: connected_early(seen),
            kills=(address_is_used,),
        ),
    )


def messages(seen: Evidence, name: str) -> Frames:
    """The DNS messages about the IPv4 address of a name, at the client."""
    question = dns.Question(name, dns.A)

    def about(frame: Frame) -> bool:
        message = dns.message_of(frame.packet.payload)
        return message is not None and message.questions == (question,)

    return seen.at("client:lan-a").udp.where(about, f"about {name}:")


def _message(frame: Frame) -> dns.Message:
    message = dns.message_of(frame.packet.payload)
    assert message is not None
    return message


def connected_early(seen: Evidence) -> Evidence:
    """Let the answers have come a microsecond after the SYN."""
    answers = AppDns.answered(seen, KNOWN, NAME)
    syn = seen.during(KNOWN).at("client:lan-a").tcp.port(PORT).syns.first
    return edits.changed(lambda _: answers, lambda frame: frame.replaced(time_ns=syn.time_ns + 1000))(seen)
