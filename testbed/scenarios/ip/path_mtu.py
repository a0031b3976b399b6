"""ip.path-mtu: a packet may be too big for a later link."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Frame, IcmpFrames, Segments, icmp_of, ip_of
from testbed.faults import Match
from testbed.packets import IPv4
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer
from testbed.scenarios.breakages import loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9020
SIZE = 1 << 20  # 1 MiB
DATA = bytes(i * 13 % 256 for i in range(SIZE))
NARROW = 1400  # bytes: the MTU of the router's B leg; the hosts' is 1500
FRAGMENTATION_NEEDED = (3, 4)  # ICMP type and code (RFC 792, RFC 1191 §4)
PATIENCE = 30.0  # seconds for all of it, where it comes through


class IpPathMtu(Scenario):
    """A packet may be too big for a link that its sender knows nothing of; a router then says so.

    The client's link takes 1500 bytes, and so does the server's: in the handshake both say so. The
    router's link to LAN B takes only 1400. The client marks its packets "don't fragment". The router
    cannot pass the first full one on, throws it away, and reports how much would fit: ICMP
    "fragmentation needed", 1400. The client's kernel remembers that for this destination, and sends
    smaller segments from then on, the lost bytes again among them.

    All depends on that report. A firewall that drops "all that ICMP" makes a black hole: the handshake
    works, small things work, and the first big one hangs for ever.
    """

    id = "ip.path-mtu"
    layer = Layer.NETWORK
    rfc = ("RFC 1191", "RFC 792", "RFC 2923 §2.1")
    claim = Claim("A router that cannot pass a packet on whole reports what would fit, and the sender obeys.")
    places = ACROSS

    patience = PATIENCE

    def act(self, lab: Lab) -> None:
        lab.router.set_mtu("lan-b", NARROW)
        lab.client.forget_path_mtus()
        with (
            lab.server.listen(PORT) as listener,
            lab.client.connect(lab.server, PORT) as ours,
            listener.accept() as theirs,
        ):
            try:
                transfer(ours, theirs, DATA, timeout=self.patience)
            except OSError:
                ours.reset()  # else its kernel goes on trying when all is over

    @staticmethod
    def data(seen: Evidence, vantage: str) -> Segments:
        """What the client says, as one place sees it."""
        connection = seen.connection()
        return seen.at(vantage).tcp.of(connection).from_end(connection.client).with_data

    @staticmethod
    def reports(seen: Evidence) -> IcmpFrames:
        """The router's reports that reach the client."""
        return seen.at("client:lan-a").icmp.received.type(*FRAGMENTATION_NEEDED)

    @check("the client sends packets above the narrow link's MTU, marked 'don't fragment'")
    def too_big_is_sent(self, seen: Evidence) -> Finding:
        big = self.data(seen, "client:lan-a").where(lambda f: length_and_df(f)[0] > NARROW, "above the MTU")
        return expect(
            {length_and_df(frame)[1] for frame in big}, {True}, cite=(big, big.markers_cited), what="DF"
        )

    @check(f"the router reports 'fragmentation needed', and that {NARROW} bytes would fit")
    def router_reports(self, seen: Evidence) -> Finding:
        reports = self.reports(seen)
        said = {(ip_of(frame).source, icmp_of(frame).mtu) for frame in reports}
        return expect(said, {(seen.router["lan-a"].ip, NARROW)}, cite=(reports, reports.markers_cited))

    @check("no packet above it is sent on to LAN B")
    def nothing_big_passes(self, seen: Evidence) -> Finding:
        passed = self.data(seen, "router:lan-b").sent
        longest = max((length_and_df(frame)[0] for frame in passed), default=0)
        return expect_that(
            longest <= NARROW, f"at most {NARROW} bytes", cite=(passed, passed.markers_cited), seen=longest
        )

    @classmethod
    def later(cls, seen: Evidence) -> Segments:
        """What the client says after the last report; each packet above the MTU brought one of its own."""
        return cls.data(seen, "client:lan-a").after(cls.reports(seen).last)

    @check("all segments that the client sends later fit", needs=[router_reports])
    def sender_obeys(self, seen: Evidence) -> Finding:
        later = self.later(seen)
        lengths = [length_and_df(frame)[0] for frame in later]
        return expect_that(
            len(later) > 1 and max(lengths) <= NARROW,
            f"{len(later)} packets follow the last report, each of at most {NARROW} bytes",
            cite=(self.reports(seen).last, later),
            seen=max(lengths, default=None),
        )

    @check(f"all {SIZE} bytes arrive, with the SHA-256 of what was sent")
    def all_arrives(self, seen: Evidence) -> Finding:
        read = seen.action("server", "recv_exactly")
        expected = {"length": SIZE, "sha256": hashlib.sha256(DATA).hexdigest()}
        return expect(read.result, expected, cite=read)

    mutants = (
        Mutant(
            "the router's ICMP is filtered: a black hole",
            loses_every(Match(icmp_type=FRAGMENTATION_NEEDED[0]), where="output"),
            settings={"patience": 3.0},
            kills=(router_reports, all_arrives),
        ),
        Mutant(
            "the report comes to the client, and its kernel does not get it",
            loses_every(Match(icmp_type=FRAGMENTATION_NEEDED[0]), node="client", where="ingress"),
            settings={"patience": 3.0},
            kills=(sender_obeys, all_arrives),
        ),
        Edit(
            "the client never sent a big one",
            edits.dropped(
                lambda seen: (f for f in IpPathMtu.data(seen, "client:lan-a") if length_and_df(f)[0] > NARROW)
            ),
            kills=(too_big_is_sent,),
        ),
        Edit(
            "a big one passes",
            edits.leaked(lambda seen: IpPathMtu.data(seen, "router:lan-a")[:3], "router:lan-b", "out"),
            kills=(nothing_big_passes,),
        ),
        Edit(
            "one of the later segments is too long",
            edits.rewritten(
                lambda seen: IpPathMtu.later(seen)[:1], edits.IP_LENGTH, (NARROW + 1).to_bytes(2, "big")
            ),
            kills=(sender_obeys,),
        ),
    )


def length_and_df(frame: Frame) -> tuple[int, bool]:
    """Length of an IPv4 packet, header included, in bytes, and whether it says 'don't fragment'."""
    ip = frame.packet.ip
    return (ip.total_length, ip.dont_fragment) if isinstance(ip, IPv4) else (0, False)
