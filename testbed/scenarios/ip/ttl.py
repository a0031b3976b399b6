"""ip.ttl: a packet does not travel for ever."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_some
from testbed.evidence import Evidence, IcmpFrames, IpFrames, icmp_of, ip_of, ttl_of
from testbed.faults import Match
from testbed.packets import IPv4, IPv6
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import keeps_ttl, loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 33434  # where traceroute begins too
DIES = "TTL 1: it dies at the router"
ARRIVES = "TTL 2: it arrives"
WORDS = {DIES: b"one hop", ARRIVES: b"two hops"}
TIME_EXCEEDED = 11  # ICMP type (RFC 792)


class IpTtl(Scenario):
    """Every router takes one off the TTL; at zero the packet dies, and the router says so.

    If two routers each think that the other is the way, a packet goes back and forth between
    them. So every packet carries a number that each router makes one less. The router that would
    make it zero throws the packet away and reports to its sender: ICMP "time exceeded", with the
    beginning of the dead packet as proof.

    Send with TTL 1, 2, 3, and so on, and the reports name the routers of the way one after
    another: that is traceroute.
    """

    id = "ip.ttl"
    layer = Layer.NETWORK
    rfc = ("RFC 791 §3.2", "RFC 792", "RFC 1812 §5.3.1")
    claim = Claim("Every router takes one off the TTL; at zero it throws the packet away and reports it.")
    places = ACROSS

    def act(self, lab: Lab) -> None:
        with lab.server.udp(PORT) as there:
            with lab.step(DIES), lab.client.udp(IP_TTL=1, IP_RECVERR=1) as here:
                here.send(WORDS[DIES], lab.server, PORT)
                with contextlib.suppress(OSError):  # the router's report, "no route to host", is one
                    here.recv(timeout=1)
            with lab.step(ARRIVES), lab.client.udp(IP_TTL=2) as here:
                here.send(WORDS[ARRIVES], lab.server, PORT)
                there.recv(timeout=2)

    @staticmethod
    def datagrams(seen: Evidence, step: str, vantage: str) -> IpFrames:
        """The datagram of a step, at one place."""
        return seen.at(vantage).udp.where(lambda f: f.packet.payload == WORDS[step], repr(WORDS[step]))

    @staticmethod
    def reports(seen: Evidence) -> IcmpFrames:
        """ICMP "time exceeded" that reaches the client."""
        return seen.at("client:lan-a").icmp.received.type(TIME_EXCEEDED)

    @check("with TTL 1 the packet reaches the router, and nothing of it the other LAN")
    def dies_at_the_router(self, seen: Evidence) -> Finding:
        return expect_some(self.datagrams(seen, DIES, "router:lan-a").received) & expect_none(
            self.datagrams(seen, DIES, "router:lan-b")
        )

    @check("the router reports it to the sender: ICMP time exceeded in transit, type 11, code 0")
    def router_reports(self, seen: Evidence) -> Finding:
        reports = self.reports(seen)
        said = [(ip_of(frame).source, icmp_of(frame).code) for frame in reports]
        return expect(said, [(seen.router["lan-a"].ip, 0)], cite=(reports, reports.markers_cited))

    @check("the report quotes the header of the packet that died", needs=[router_reports])
    def report_quotes_the_packet(self, seen: Evidence) -> Finding:
        report, dead = self.reports(seen).only, self.datagrams(seen, DIES, "client:lan-a").first
        quoted = icmp_of(report).quoted
        said = identity(quoted.ip if quoted else None)
        return expect(said, identity(dead.packet.ip), cite=(report, dead))

    @check("with TTL 2 it arrives, with 1 left")
    def arrives_with_one_left(self, seen: Evidence) -> Finding:
        sent = self.datagrams(seen, ARRIVES, "client:lan-a").first
        arrived = self.datagrams(seen, ARRIVES, "server:lan-b").first
        return expect((ttl_of(sent), ttl_of(arrived)), (2, 1), cite=(sent, arrived))

    mutants = (
        Mutant(
            "the router keeps the TTL",
            keeps_ttl("router"),
            kills=(dies_at_the_router, router_reports, arrives_with_one_left),
        ),
        Mutant(
            "the router is silent",
            loses_every(Match(icmp_type=TIME_EXCEEDED), where="output"),
            kills=(router_reports,),
        ),
        Edit(
            "the report quotes another packet",
            edits.rewritten(lambda seen: IpTtl.reports(seen), edits.QUOTED_IDENTIFICATION, b"\0\1"),
            kills=(report_quotes_the_packet,),
        ),
    )


def identity(ip: IPv4 | IPv6 | None) -> tuple[object, ...] | None:
    """What tells an IPv4 packet from all others: its addresses and its identification."""
    return (ip.source, ip.destination, ip.identification) if isinstance(ip, IPv4) else None
