"""ip.fragmentation: without "don't fragment", a router cuts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Evidence, Frame, IcmpFrames, IpFrames, icmp_of, ip_of
from testbed.faults import Match
from testbed.packets import IPv4
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import follows_no_connections

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Datagrams

PORT = 7075
NARROW = 1400  # bytes: the MTU of the router's B leg; all others have 1500
ROUTER_CUTS = "a packet that is too big for the router's link to LAN B"
CLIENT_CUTS = "a datagram that is too big for the client's own link"
ONE_LOST = "one fragment is lost"
DATA = {step: bytes(i * 7 % 251 for i in range(n)) for step, n in ((ROUTER_CUTS, 1450), (CLIENT_CUTS, 3000))}
DATA[ONE_LOST] = DATA[ROUTER_CUTS][::-1]
NEXT = b"the next datagram"
REASSEMBLY_EXCEEDED = (11, 1)  # ICMP type and code (RFC 792)
IP_PMTUDISC_DONT, IP_PMTUDISC_DO = 0, 2  # linux/in.h: without "don't fragment", and with it
IPV4_HEADER, UDP_HEADER = 20, 8  # bytes


class IpFragmentation(Scenario):
    """Without "don't fragment", a router cuts a packet that does not fit, and the receiver joins it again.

    A datagram may hold up to 65507 bytes, but a packet on an Ethernet no more than 1500. IP hides that by
    cutting. Each piece, a fragment, is a packet with a header of its own. Three things in it say how the
    pieces belong together: the same identification in all of them, the offset at which its bytes belong, and
    a flag in all but the last, "more fragments". The sender cuts what does not fit its own link; a
    router cuts again what does not fit the next one. Nobody but the receiver joins;
    only a firewall that follows connections does too, for ports stand in the first piece alone.

    It has a price: if one fragment is lost, all of them were sent in vain. The receiver keeps the others
    for a while, then throws them away, and reports that: ICMP "time exceeded", code 1. The program
    is never given a part. That is why TCP asks for packets not to be cut (see ip.path-mtu), and IPv6
    forbids it to routers.
    """

    id = "ip.fragmentation"
    layer = Layer.NETWORK
    rfc = ("RFC 791 §2.3, §3.2", "RFC 792", "RFC 8900")
    claim = Claim("A router cuts a packet that is too big for the next link; the receiver joins the pieces.")
    places = ACROSS

    discovers = IP_PMTUDISC_DONT
    follows_connections = False
    loses = True

    def act(self, lab: Lab) -> None:
        lab.router.set_mtu("lan-b", NARROW)
        lab.client.forget_path_mtus()
        if not self.follows_connections:
            follows_no_connections("router")(lab)
        with lab.server.udp(PORT) as there, lab.client.udp(IP_MTU_DISCOVER=self.discovers) as here:
            for step in (ROUTER_CUTS, CLIENT_CUTS):
                with lab.step(step), contextlib.suppress(OSError):
                    here.send(DATA[step], lab.server, PORT)
                    there.recv()
            with lab.step(ONE_LOST), contextlib.suppress(OSError):
                self.lose_one(lab, here, there)

    def lose_one(self, lab: Lab, here: Datagrams, there: Datagrams) -> None:
        """Lose the last fragment of a datagram on its arrival, and see what the server makes of it."""
        lab.server.sysctl("net.ipv4.ipfrag_time", 1)  # seconds; 30 is a long time to watch
        given_up = lab.server.counters()["IpReasmTimeout"] + 1
        with contextlib.ExitStack() as faults:
            if self.loses:
                # Ports stand only in the first fragment: a filter by port would not see the second.
                match = Match(protocol="udp", source=lab.client, destination=lab.server)
                faults.enter_context(lab.server.lose(match, nth=2))
            here.send(DATA[ONE_LOST], lab.server, PORT)
            here.send(NEXT, lab.server, PORT)
            there.recv()
            if self.loses:
                with contextlib.suppress(DeadlinePassed):  # no report comes: the check says so
                    lab.server.await_counter("IpReasmTimeout", given_up, timeout=10)

    @staticmethod
    def packets(seen: Evidence, step: str, vantage: str) -> IpFrames:
        """The packets that carry the big datagram of a step, or a part of it, at one place."""
        packets = seen.during(step).at(vantage).ip.to(seen.server.ip)
        return packets.where(lambda f: f.packet.icmp is None and f.packet.payload != NEXT, "big")

    # -- who cuts

    @check("the packet leaves the client whole, and without 'don't fragment'")
    def leaves_whole(self, seen: Evidence) -> Finding:
        sent = self.packets(seen, ROUTER_CUTS, "client:lan-a")
        said = [(ipv4(f).is_fragment, ipv4(f).dont_fragment, ipv4(f).total_length) for f in sent]
        whole = IPV4_HEADER + UDP_HEADER + len(DATA[ROUTER_CUTS])
        return expect(said, [(False, False, whole)], cite=(sent, sent.markers_cited))

    @check(f"the router sends it on in pieces, none of them above the {NARROW} bytes of that link")
    def router_cuts(self, seen: Evidence) -> Finding:
        came = self.packets(seen, ROUTER_CUTS, "router:lan-a").received
        went = self.packets(seen, ROUTER_CUTS, "router:lan-b").sent
        lengths = [ipv4(frame).total_length for frame in went]
        return expect_that(
            len(came) == 1 and len(went) > 1 and max(lengths) <= NARROW,
            f"one packet comes, several of at most {NARROW} bytes go",
            cite=(came, went, went.markers_cited),
            seen=lengths,
        )

    @check("what is too big for its own link the client cuts itself")
    def client_cuts(self, seen: Evidence) -> Finding:
        sent = self.packets(seen, CLIENT_CUTS, "client:lan-a").sent
        lengths = [ipv4(frame).total_length for frame in sent]
        return expect_that(
            len(sent) > 1 and max(lengths) <= 1500,
            "it leaves as several packets of at most 1500 bytes",
            cite=(sent, sent.markers_cited),
            seen=lengths,
        )

    @check("and the router cuts these pieces again")
    def router_cuts_again(self, seen: Evidence) -> Finding:
        came = self.packets(seen, CLIENT_CUTS, "router:lan-a").received
        went = self.packets(seen, CLIENT_CUTS, "router:lan-b").sent
        lengths = [ipv4(frame).total_length for frame in went]
        return expect_that(
            len(went) > len(came) and max(lengths) <= NARROW,
            f"{len(came)} pieces come, more of at most {NARROW} bytes go",
            cite=(came, went, went.markers_cited),
            seen=lengths,
        )

    # -- how the pieces belong together

    @check("all pieces of a packet bear its identification, and those of another packet another one")
    def same_identification(self, seen: Evidence) -> Finding:
        findings, known = [], []
        for step in (ROUTER_CUTS, CLIENT_CUTS):
            original = ipv4(self.packets(seen, step, "client:lan-a").first).identification
            known.append(original)
            for place in ("router:lan-b", "server:lan-b"):
                pieces = self.packets(seen, step, place)
                numbers = {ipv4(frame).identification for frame in pieces}
                findings.append(expect(numbers, {original}, cite=pieces, what=f"identification at {place}"))
        return expect_all(findings, "pieces with one identification") & expect(
            len(set(known)), len(known), cite=(self.packets(seen, CLIENT_CUTS, "client:lan-a"),)
        )

    @check("their offsets join without a gap; 'more fragments' is set on all but the last")
    def offsets_join(self, seen: Evidence) -> Finding:
        findings = []
        for step in (ROUTER_CUTS, CLIENT_CUTS):
            for place in ("router:lan-b", "server:lan-b"):
                pieces = sorted(self.packets(seen, step, place), key=lambda f: ipv4(f).fragment_offset)
                begins = [ipv4(frame).fragment_offset for frame in pieces]
                ends = [begin + len(carried(frame)) for begin, frame in zip(begins, pieces, strict=True)]
                more = [ipv4(frame).more_fragments for frame in pieces]
                whole = UDP_HEADER + len(DATA[step])
                findings.append(
                    expect(
                        ([*begins, whole], more),
                        ([0, *ends], [True] * (len(pieces) - 1) + [False]),
                        cite=pieces,
                        what=f"offsets and flags at {place}",
                    )
                )
        return expect_all(findings, "pieces that join")

    @check("what they carry is, joined, the datagram; and the program is given just that")
    def joined_is_whole(self, seen: Evidence) -> Finding:
        findings = []
        for step in (ROUTER_CUTS, CLIENT_CUTS):
            pieces = sorted(self.packets(seen, step, "server:lan-b"), key=lambda f: ipv4(f).fragment_offset)
            joined = b"".join(carried(frame) for frame in pieces)[UDP_HEADER:]
            given = seen.action("server", "recvfrom", step)
            read = given.result and given.result["data"]
            findings.append(
                expect((joined, read), (DATA[step], DATA[step]), cite=(pieces, given), what="data")
            )
        return expect_all(findings, "datagrams that arrive whole")

    # -- what a loss costs

    @check(
        "when one fragment is lost, the program is given nothing of the datagram: the next one comes first"
    )
    def one_lost_is_all_lost(self, seen: Evidence) -> Finding:
        arrived = self.packets(seen, ONE_LOST, "server:lan-b")
        given = seen.action("server", "recvfrom", ONE_LOST)
        data = given.result and given.result["data"]
        return expect(data, NEXT, cite=(arrived, given), what="what the program is given")

    @check("the receiver gives up waiting, and reports it: ICMP time exceeded, type 11, code 1")
    def gives_up(self, seen: Evidence) -> Finding:
        reports = self.reports(seen)
        sent = ipv4(self.packets(seen, ONE_LOST, "client:lan-a").first).identification
        said = []
        for frame in reports:
            quoted = icmp_of(frame).quoted
            about = quoted.ip if quoted else None
            said.append(about.identification if isinstance(about, IPv4) else None)
        return expect(said, [sent], cite=(reports, reports.markers_cited), what="reports of")

    @staticmethod
    def reports(seen: Evidence) -> IcmpFrames:
        """ICMP "fragment reassembly time exceeded", as the server sends it."""
        return seen.at("server:lan-b").icmp.sent.type(*REASSEMBLY_EXCEEDED)

    mutants = (
        Mutant(
            "'don't fragment' is set",
            settings={"discovers": IP_PMTUDISC_DO},
            kills=(
                leaves_whole,
                router_cuts,
                client_cuts,
                router_cuts_again,
                same_identification,
                offsets_join,
                joined_is_whole,
                one_lost_is_all_lost,
                gives_up,
            ),
        ),
        Mutant(
            "the router follows connections: it joins, and cuts anew",
            settings={"follows_connections": True},
            kills=(router_cuts_again,),
        ),
        Mutant("no fragment is lost", settings={"loses": False}, kills=(one_lost_is_all_lost, gives_up)),
        Edit(
            "a piece has another identification",
            edits.rewritten(
                lambda seen: IpFragmentation.packets(seen, ROUTER_CUTS, "router:lan-b")[1:],
                edits.IP_IDENTIFICATION,
                b"\xff\xff",
            ),
            kills=(same_identification,),
        ),
        Edit(
            "a piece goes missing on the way",
            edits.dropped(lambda seen: IpFragmentation.packets(seen, CLIENT_CUTS, "server:lan-b")[1:2]),
            kills=(offsets_join, joined_is_whole),
        ),
        Edit(
            "the client sends what is too big for its link",
            edits.dropped(lambda seen: IpFragmentation.packets(seen, CLIENT_CUTS, "client:lan-a")[1:]),
            kills=(client_cuts,),
        ),
    )


def ipv4(frame: Frame) -> IPv4:
    """The IPv4 header of a frame that has one."""
    ip = ip_of(frame)
    if not isinstance(ip, IPv4):
        raise TypeError(f"frame {frame.number} holds no IPv4")
    return ip


def carried(frame: Frame) -> bytes:
    """The bytes behind a packet's IP header."""
    ip, begin = ipv4(frame), 14
    return frame.data[begin + ip.header_length : begin + ip.total_length]
