"""udp.echo: no connection, no promise."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none
from testbed.evidence import Evidence, IpFrames
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7007
CLOSED_PORT = 7008
ECHOED = "datagrams to an echo"
UNREACHABLE = "a datagram to a port where nobody is"
LOST = "a datagram that is lost"
TEXTS = (b"one", b"", b"three three three")  # an empty datagram is one too
LOST_TEXT = b"nobody will hear this"
PORT_UNREACHABLE = (3, 3)  # ICMP type and code (RFC 792)
PATIENCE = 0.5  # seconds that an application waits for an answer before it may ask again


class UdpEcho(Scenario):
    """UDP sends what it is given, as one datagram, and promises nothing.

    There is no handshake: the first packet already carries data, and the other side learns of its
    peer by it. There is no stream: what was sent in one piece is received in one piece, an empty
    one too. A port where nobody listens is answered by the host, not by UDP: ICMP "port
    unreachable". And what is lost stays lost. Nobody repeats it, unless the application does.
    """

    id = "udp.echo"
    layer = Layer.TRANSPORT
    rfc = ("RFC 768", "RFC 1122 §4.1", "RFC 792")
    claim = Claim("UDP knows no connection and gives no promise.")
    places = ACROSS

    repeats = False  # the application sends again what was not answered

    def act(self, lab: Lab) -> None:
        with lab.server.udp(PORT) as there, lab.client.udp() as here:
            with lab.step(ECHOED):
                for text in TEXTS:
                    here.send(text, lab.server, PORT)
                    heard, sender = there.recv()
                    there.send(heard, sender.address, sender.port)
                    here.recv()
            with lab.step(LOST):
                lab.router.lose(Match(protocol="udp", destination_port=PORT))
                here.send(LOST_TEXT, lab.server, PORT)
                with contextlib.suppress(TimeoutError):
                    there.recv(timeout=PATIENCE)
                if self.repeats:
                    here.send(LOST_TEXT, lab.server, PORT)
                    there.recv()
        with lab.step(UNREACHABLE), lab.client.udp(IP_RECVERR=1) as here, contextlib.suppress(OSError):
            here.send(b"is anybody there?", lab.server, CLOSED_PORT)
            here.recv(timeout=2)

    @staticmethod
    def datagrams(seen: Evidence, step: str, vantage: str) -> IpFrames:
        """The UDP datagrams of a step at one place."""
        return seen.during(step).at(vantage).udp

    @check("the first packet of all carries the first text: no handshake")
    def no_handshake(self, seen: Evidence) -> Finding:
        first = seen.during(ECHOED).at("client:lan-a").of_addresses(seen.client.ip, seen.server.ip).first
        said = (first.direction, first.packet.udp is not None, first.packet.payload)
        return expect(said, ("out", True, TEXTS[0]), cite=first)

    @check("each text is one datagram, the empty one too, and comes back as one")
    def boundaries_kept(self, seen: Evidence) -> Finding:
        packets = self.datagrams(seen, ECHOED, "client:lan-a")
        there = [frame.packet.payload for frame in packets.sent]
        back = [frame.packet.payload for frame in packets.received]
        return expect((there, back), (list(TEXTS), list(TEXTS)), cite=(packets, packets.markers_cited))

    @check("a port where nobody is: the host answers with ICMP port unreachable, quoting the datagram")
    def port_unreachable(self, seen: Evidence) -> Finding:
        report = seen.during(UNREACHABLE).at("client:lan-a").icmp.received.coming_from(seen.server.ip).first
        icmp = report.packet.icmp
        quoted = icmp.quoted.udp.destination_port if icmp and icmp.quoted and icmp.quoted.udp else None
        said = (icmp.type, icmp.code, quoted) if icmp else None
        return expect(said, (*PORT_UNREACHABLE, CLOSED_PORT), cite=report)

    @check("the application is told: 'connection refused'", needs=[port_unreachable])
    def application_is_told(self, seen: Evidence) -> Finding:
        heard = seen.action("client", "recvfrom", UNREACHABLE)
        return expect(heard.error, "ECONNREFUSED", cite=heard, what="the error of recvfrom()")

    @check("what was lost stays lost: sent once, arrived never")
    def lost_stays_lost(self, seen: Evidence) -> Finding:
        sent = self.datagrams(seen, LOST, "client:lan-a").sent
        arrived = self.datagrams(seen, LOST, "server:lan-b").received
        return expect(len(sent), 1, cite=(sent, sent.markers_cited), what="copies sent") & expect_none(
            arrived
        )

    mutants = (
        Mutant("the application repeats", settings={"repeats": True}, kills=(lost_stays_lost,)),
        Mutant(
            "the server's host says nothing of closed ports",
            lambda lab: lab.router.drop(Match(icmp_type=PORT_UNREACHABLE[0])),
            kills=(port_unreachable,),
        ),
        Edit(
            "the first datagram was preceded by another",
            edits.dropped(lambda seen: UdpEcho.datagrams(seen, ECHOED, "client:lan-a").sent[:1]),
            kills=(no_handshake, boundaries_kept),
        ),
        Edit(
            "the application hears nothing",
            edits.with_error(lambda seen: seen.all_actions("client", "recvfrom", UNREACHABLE), "deadline"),
            kills=(application_is_told,),
        ),
    )
