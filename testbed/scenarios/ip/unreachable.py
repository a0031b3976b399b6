"""ip.unreachable: no way, and nobody there."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import ArpFrames, Evidence, Frame, IcmpFrames, icmp_of, ip_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7072
NO_WAY = "to a network that no route leads to"
NOBODY = "to a host that is not there"
NOWHERE = "203.0.113.9"  # TEST-NET-3, for documentation: routed nowhere (RFC 5737)
ABSENT = 99  # last octet of an address of LAN B that nobody has
UNREACHABLE = 3  # ICMP type (RFC 792)
NET, HOST = 0, 1  # its codes


class IpUnreachable(Scenario):
    """No way there, and nobody there, are two different things, and the router tells which.

    To a network that none of its routes leads to, the router reports at once: ICMP "network
    unreachable". To a host of a network that it is on, it first asks for the MAC, as often as its
    kernel is set to: three times, a second apart. Only when nobody answers does it report: ICMP "host
    unreachable".

    Both reach the program that sent, as an error of its socket. Without the report it would know
    nothing and wait.
    """

    id = "ip.unreachable"
    layer = Layer.NETWORK
    rfc = ("RFC 792", "RFC 1812 §3.3.2, §5.2.7.1", "RFC 1122 §3.2.2.1", "RFC 5737", "Linux: arp(7)")
    claim = Claim("A router that knows no way, or finds no host, tells the sender which of the two it is.")
    places = ACROSS

    def act(self, lab: Lab) -> None:
        lab.router.forget_neighbours()
        for step, address in ((NO_WAY, NOWHERE), (NOBODY, absent(lab))):
            with lab.step(step), lab.client.udp(IP_RECVERR=1) as here, contextlib.suppress(OSError):
                here.send(step.encode(), address, PORT)
                here.recv(timeout=5)

    @staticmethod
    def reports(seen: Evidence, step: str) -> IcmpFrames:
        """The router's reports of a step that reach the client."""
        return seen.during(step).at("client:lan-a").icmp.received.type(UNREACHABLE)

    @staticmethod
    def sent(seen: Evidence, step: str) -> Frame:
        """The datagram of a step, as the client sends it."""
        return seen.during(step).at("client:lan-a").udp.sent.first

    def asked(self, seen: Evidence) -> ArpFrames:
        """The router's requests for the absent host."""
        return seen.at("router:lan-b").arp.requests(ip_of(self.sent(seen, NOBODY)).destination)

    def told(self, seen: Evidence, step: str, code: int) -> Finding:
        """Pass when the router reported the datagram of a step with this code, once, quoting it."""
        sent, reports = self.sent(seen, step), self.reports(seen, step)
        said = []
        for frame in reports:
            quoted = icmp_of(frame).quoted
            about = quoted.ip.destination if quoted and quoted.ip else None
            said.append((ip_of(frame).source, icmp_of(frame).code, about))
        expected = [(seen.router["lan-a"].ip, code, ip_of(sent).destination)]
        return expect(said, expected, cite=(sent, reports, reports.markers_cited))

    @staticmethod
    def patience(seen: Evidence) -> tuple[int, float]:
        """How often the router asks LAN B for a MAC, and how many seconds it waits for each answer."""
        leg = next(vantage.interface for vantage in seen.router.vantages if vantage.network == "lan-b")
        settings, key = seen.router.facts.settings, f"net.ipv4.neigh.{leg}"
        return int(settings[f"{key}.mcast_solicit"]), int(settings[f"{key}.retrans_time_ms"]) / 1000

    @check("to a network without a route: the router reports 'network unreachable', type 3, code 0")
    def network_unreachable(self, seen: Evidence) -> Finding:
        return self.told(seen, NO_WAY, NET)

    @check("and at once: sooner than it would give up waiting for one answer")
    def told_at_once(self, seen: Evidence) -> Finding:
        sent, report = self.sent(seen, NO_WAY), self.reports(seen, NO_WAY).first
        took, (_, wait) = (report.time_ns - sent.time_ns) / 1e9, self.patience(seen)
        return expect_that(
            took < wait, f"within less than {wait:g} s", cite=(sent, report), seen=f"{took * 1e3:.3f} ms"
        )

    @check("and asks nobody for a MAC first")
    def asks_nobody(self, seen: Evidence) -> Finding:
        return expect_none(seen.at("router:lan-a", "router:lan-b").arp.requests(IPv4Address(NOWHERE)))

    @check("to a host that is not there: the router asks for its MAC in vain, as often as it is set to")
    def asks_in_vain(self, seen: Evidence) -> Finding:
        asked, target = self.asked(seen), ip_of(self.sent(seen, NOBODY)).destination
        answers = seen.at("router:lan-b").arp.replies(target)
        times, _ = self.patience(seen)
        return expect(len(asked), times, cite=(asked, asked.markers_cited), what="requests") & expect_none(
            answers
        )

    @check("and only then reports 'host unreachable', type 3, code 1", needs=[asks_in_vain])
    def host_unreachable(self, seen: Evidence) -> Finding:
        asked = self.asked(seen)
        report = self.reports(seen, NOBODY).first
        return self.told(seen, NOBODY, HOST) & expect_that(
            asked.last.time_ns < report.time_ns,
            "the report comes after the last request",
            cite=(asked, report),
        )

    @check("the program is told by its socket: network unreachable, no route to host")
    def program_is_told(self, seen: Evidence) -> Finding:
        tries = [seen.action("client", "recvfrom", step) for step in (NO_WAY, NOBODY)]
        return expect([one.error for one in tries], ["ENETUNREACH", "EHOSTUNREACH"], cite=tries)

    mutants = (
        Mutant(
            "the router drops in silence",
            loses_every(Match(icmp_type=UNREACHABLE), where="output"),
            kills=(network_unreachable, told_at_once, host_unreachable, program_is_told),
        ),
        Mutant(
            "the router takes the far network for a part of LAN B",
            lambda lab: routes_on_link(lab, f"{NOWHERE}/32"),
            kills=(network_unreachable, told_at_once, asks_nobody, program_is_told),
        ),
        Mutant(
            "the absent host is there",
            lambda lab: lab.server.add_address("lan-b", f"{absent(lab)}/24"),
            kills=(asks_in_vain, program_is_told),
        ),
        Edit(
            "the router asks LAN B for the host of a network without a route",
            edits.rewritten(
                lambda seen: seen.during(NOBODY).at("router:lan-b").arp.requests()[:1],
                edits.ARP_TARGET_IP,
                ip_address(NOWHERE).packed,
            ),
            kills=(asks_nobody, asks_in_vain),
        ),
        Edit(
            "the router asks once",
            edits.dropped(lambda seen: seen.during(NOBODY).at("router:lan-b").arp.requests()[1:]),
            kills=(asks_in_vain,),
        ),
    )


def absent(lab: Lab) -> str:
    """The address of LAN B that nobody has."""
    return str(lab.server.address_on("lan-b")).rsplit(".", 1)[0] + f".{ABSENT}"


def routes_on_link(lab: Lab, destination: str) -> None:
    """Let the router take a network for one whose hosts are on LAN B itself."""
    route = [destination, "dev", lab.router.interface_on("lan-b")]
    lab.router.change(["ip", "route", "add", *route], ["ip", "route", "delete", *route])
