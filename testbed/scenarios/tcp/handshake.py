"""tcp.handshake: how two kernels agree on two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_held_until, expect_that
from testbed.evidence import Evidence, Frame, Segments, States, spoken, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every, nobody_listens

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
CLEAN = "one clean connection"
MANY = "thirty-two connections"
LOST_SYN_ACK = "the SYN-ACK is lost once"
LOST_ACK = "the last ACK is lost once"
MANY_COUNT = 32
STEP = 0x0909_0909  # of a counter whose numbers look different at a glance
OFFERED = ("sack", "timestamps", "window_scaling")  # the settings net.ipv4.tcp_…


class TcpHandshake(Scenario):
    """Three segments open a connection: SYN x; SYN y, ACK x+1; ACK y+1.

    Each side picks a number to begin counting its bytes at, tells it to the other, and
    hears it acknowledged. The SYN counts as one byte, so the acknowledgment is one more.
    Two numbers, each told and acknowledged, would be four segments; the middle two
    travel together, so it is three. No data yet.

    On the way the kernels keep state. To see a state that lasts for microseconds, we lose
    the very segment that would end it, once: without the SYN-ACK the client stays in
    SYN-SENT; without the last ACK the server stays in SYN-RECV, while the client already
    counts the connection as open. The lost segment is repeated after about a second, and
    all ends well.

    The first numbers must not be guessable, or a stranger could speak in another's name.
    """

    id = "tcp.handshake"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.5", "RFC 6528", "RFC 6298 §2.1")
    claim = Claim(
        "Three segments: SYN x; SYN y, ACK x+1; ACK y+1. "
        "The server sets memory aside at the second, the client at the third.",
        Holds.QUALIFIED,
        "The segments and numbers are so. But the client holds a socket from its first SYN on, and "
        "the server a small request socket from the SYN on; the full one only when the last ACK has come.",
    )
    places = ACROSS

    losses = 1  # how many of the segments in question are lost

    def act(self, lab: Lab) -> None:
        with lab.step(CLEAN):
            open_and_close(lab)
        with lab.step(MANY):
            for _ in range(MANY_COUNT):
                with lab.client.connect(lab.server, PORT) as stream:
                    stream.shutdown("write")
                    stream.recv_end()  # the server is free for the next one, and its queue stays empty
        with lab.step(LOST_SYN_ACK):
            self.lose(lab, Match(flags="SYN,ACK", source_port=PORT))
            open_and_close(lab)
        with lab.step(LOST_ACK):
            self.lose(lab, Match(flags="ACK", destination_port=PORT, payload=False))
            open_and_close(lab)

    def lose(self, lab: Lab, match: Match) -> None:
        """Lose the next segment that matches, on its way through the router."""
        if self.losses:
            lab.router.lose(match, times=self.losses)

    # -- the segments

    @staticmethod
    def segments(seen: Evidence, step: str, vantage: str = "client:lan-a") -> Segments:
        return seen.at(vantage).tcp.of(seen.connection("client", step))

    @check("a connection is opened by just three segments: SYN; SYN,ACK; ACK")
    def three_segments(self, seen: Evidence) -> Finding:
        opening = self.segments(seen, CLEAN)[:3]
        ends = seen.connection("client", CLEAN)
        said = [spoken(frame, ends) for frame in opening]
        expected = ["client SYN", "server SYN,ACK", "client ACK"]
        return expect(said, expected, cite=(opening, opening.markers_cited))

    @check("the numbers are x; y and x+1; x+1 and y+1", needs=[three_segments])
    def numbers_acknowledged(self, seen: Evidence) -> Finding:
        syn, syn_ack, ack = (tcp_of(frame) for frame in self.segments(seen, CLEAN)[:3])
        x, y = syn.sequence, syn_ack.sequence
        numbers = (syn_ack.acknowledgment, ack.sequence, ack.acknowledgment)
        return expect(
            numbers,
            (_next(x), _next(x), _next(y)),
            cite=self.segments(seen, CLEAN)[:3],
            what=f"x = {x}, y = {y}",
        )

    @check("none of the three carries data", needs=[three_segments])
    def no_data(self, seen: Evidence) -> Finding:
        opening = self.segments(seen, CLEAN)[:3]
        return expect(
            [len(frame.packet.payload) for frame in opening], [0, 0, 0], cite=opening, what="bytes of data"
        )

    @check(
        "each SYN says the largest segment that its sender takes, and offers SACK, timestamps and a window "
        "scale as its kernel is set to",
        needs=[three_segments],
    )
    def options_offered(self, seen: Evidence) -> Finding:
        client, server = (seen.node(name).facts.settings for name in ("client", "server"))
        opening = self.segments(seen, CLEAN)
        # The server takes up what it was offered, and offers no more than that.
        return expect_options(seen, opening[0], "client:lan-a", client) & expect_options(
            seen, opening[1], "server:lan-b", client, server
        )

    @check(
        f"the first numbers of {MANY_COUNT} connections do not follow from each other, on either side",
        needs=[three_segments],
    )
    def numbers_unpredictable(self, seen: Evidence) -> Finding:
        segments = seen.during(MANY).at("client:lan-a").tcp.port(PORT)
        return expect_no_rule(segments.syns, "client") & expect_no_rule(segments.syn_acks, "server")

    # -- the states

    @check("while the SYN-ACK is lost, the client's kernel is in SYN-SENT", needs=[three_segments])
    def client_waits_in_syn_sent(self, seen: Evidence) -> Finding:
        return expect_held_until(
            socket(seen, "client", LOST_SYN_ACK),
            "SYN-SENT",
            *self.segments(seen, LOST_SYN_ACK, "server:lan-b").syn_acks.sent_twice,
        )

    @check("the SYN-ACK that was lost comes again, and opens the connection", needs=[three_segments])
    def syn_ack_comes_again(self, seen: Evidence) -> Finding:
        sent = self.segments(seen, LOST_SYN_ACK, "server:lan-b").sent.syn_acks
        arrived = self.segments(seen, LOST_SYN_ACK).received.syn_acks
        return expect(
            (len(sent) - len(arrived), seen.action("client", "connect", LOST_SYN_ACK).error),
            (1, None),
            cite=(sent, arrived, seen.action("client", "connect", LOST_SYN_ACK)),
            what="SYN-ACKs lost; error of connect",
        )

    @check(
        "while the last ACK is lost, the server holds a half-open socket in SYN-RECV", needs=[three_segments]
    )
    def server_waits_in_syn_recv(self, seen: Evidence) -> Finding:
        return expect_held_until(
            socket(seen, "server", LOST_ACK),
            "SYN-RECV",
            *self.segments(seen, LOST_ACK).sent.pure_acks.sent_twice,
        )

    @check("meanwhile the client counts the connection as ESTABLISHED", needs=[three_segments])
    def client_is_ahead(self, seen: Evidence) -> Finding:
        _, again = self.segments(seen, LOST_ACK).sent.pure_acks.sent_twice
        ahead = socket(seen, "client", LOST_ACK).held("ESTABLISHED")
        behind = socket(seen, "server", LOST_ACK).held("SYN-RECV")
        return expect_that(
            ahead.begin_ns < again.time_ns <= behind.end_ns,
            "the client is in ESTABLISHED before its ACK comes again, and the server leaves SYN-RECV",
            cite=(ahead, again, behind),
        )

    @check("in the end both sides are ESTABLISHED", needs=[server_waits_in_syn_recv])
    def both_established(self, seen: Evidence) -> Finding:
        ends = [socket(seen, node, LOST_ACK).held("ESTABLISHED") for node in ("client", "server")]
        return expect([held.state for held in ends], ["ESTABLISHED"] * 2, cite=ends)

    mutants = (
        Mutant("nobody listens", nobody_listens("server", PORT), kills=(three_segments,)),
        Mutant(
            "a middle box drops every SYN-ACK",
            loses_every(Match(flags="SYN,ACK", source_port=PORT)),
            kills=(three_segments,),
        ),
        Mutant(
            "nothing is lost",
            settings={"losses": 0},
            kills=(client_waits_in_syn_sent, syn_ack_comes_again, server_waits_in_syn_recv, client_is_ahead),
        ),
        Edit(
            "the client acknowledges another number",
            edits.rewritten(
                lambda seen: TcpHandshake.segments(seen, CLEAN)[2:3], edits.TCP_ACKNOWLEDGMENT, b"\0\0\0\1"
            ),
            kills=(numbers_acknowledged,),
        ),
        Edit(
            "the SYN carries data",
            edits.with_data(lambda seen: TcpHandshake.segments(seen, CLEAN)[:1], b"early"),
            kills=(no_data,),
        ),
        Edit(
            "the server offers no options",
            edits.rewritten(
                lambda seen: TcpHandshake.segments(seen, CLEAN)[1:2], edits.SYN_OPTIONS, edits.NO_OPTIONS
            ),
            kills=(options_offered,),
        ),
        Edit(
            "every connection begins with the same number",
            edits.rewritten(
                lambda seen: seen.during(MANY).at("client:lan-a").tcp.syns, edits.TCP_SEQUENCE, b"\0\0\0\1"
            ),
            kills=(numbers_unpredictable,),
        ),
        Edit(
            "the client's numbers come from a counter that rises by large steps",
            edits.counting(
                lambda seen: seen.during(MANY).at("client:lan-a").tcp.syns, edits.TCP_SEQUENCE, STEP
            ),
            kills=(numbers_unpredictable,),
        ),
        Edit(
            "the server's numbers do",
            edits.counting(
                lambda seen: seen.during(MANY).at("client:lan-a").tcp.syn_acks, edits.TCP_SEQUENCE, STEP
            ),
            kills=(numbers_unpredictable,),
        ),
        Edit(
            "the server never gets there",
            edits.without_state("ESTABLISHED", "server"),
            kills=(both_established,),
        ),
    )


def open_and_close(lab: Lab) -> None:
    """Open a connection until both kernels call it open, and close it until the server has forgotten it."""
    with lab.client.connect(lab.server, PORT) as stream:
        lab.server.await_tcp_state(stream, "ESTABLISHED")
        stream.shutdown("write")
        stream.recv_end()
        lab.server.await_tcp_state(stream, "CLOSED")


def _next(number: int) -> int:
    """Sequence numbers are 32 bits long and wrap (RFC 9293 §3.4)."""
    return (number + 1) % 2**32


def expect_options(seen: Evidence, syn: Frame, place: str, *settings: Mapping[str, str]) -> Finding:
    """Pass when a SYN bears the options that these settings, all of them, tell its sender to offer."""
    tcp = tcp_of(syn)
    mtu = next(vantage.mtu for vantage in seen.vantages if vantage.name == place)
    wanted = [all(each[f"net.ipv4.tcp_{name}"] != "0" for each in settings) for name in OFFERED]
    return expect(
        [tcp.mss, tcp.sack_permitted, tcp.timestamps is not None, tcp.window_scale is not None],
        [mtu - 40, *wanted],  # RFC 9293 §3.7.1: what an IP packet may hold, less 20 and 20 of headers
        cite=syn,
        what=f"{place}: MSS, SACK, timestamps, window scale",
    )


def expect_no_rule(syns: Segments, who: str) -> Finding:
    """Pass when the first numbers of many connections neither lie close together nor rise by a steady step.

    Of 32 random numbers about 30 differ in their first byte, and so do the distances from each to the
    next; of either, fewer than 16 different ones come once in 10**10 trials.
    """
    numbers = [tcp_of(frame).sequence for frame in syns]
    distances = [(later - earlier) % 2**32 for earlier, later in pairwise(numbers)]
    different = [len({number >> 24 for number in each}) for each in (numbers, distances)]
    return expect_that(
        min(different) >= MANY_COUNT // 2,
        f"{who}: at least {MANY_COUNT // 2} different first bytes, of the numbers and of their distances",
        cite=(syns, syns.markers_cited),
        seen=different,
    )


def socket(seen: Evidence, node: str, step: str) -> States:
    """What a node's kernel says of the connection of a step."""
    return seen.tcp_states(node, seen.connection("client", step))
