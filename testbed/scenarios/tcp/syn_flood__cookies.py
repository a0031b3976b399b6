"""tcp.syn-flood.cookies: the third defence, remember nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect
from testbed.evidence import Evidence, Segments, States, tcp_of
from testbed.faults import Match
from testbed.scenario import Claim, Edit, Holds, Mutant
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer
from testbed.scenarios.tcp import _flood
from testbed.scenarios.tcp._flood import BACKLOG, CALM, FLOOD, PORT, SYNS, FloodScenario

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Listener

MSS = 1400  # what the client says
TABLE = (536, 1300, 1440, 1460)  # what a cookie can say (msstab in net/ipv4/syncookies.c)
BEFORE = "before the flood"
DURING = "during the flood"
HELLO = b"hello"
WORDS = bytes(4000)  # so many that the server needs several segments
PATIENCE = 1.5  # seconds: where the client is locked out, it is so after two SYNs


class TcpSynFloodCookies(FloodScenario):
    """The server writes what it would have to remember into its own first number.

    Why keep a half-open connection at all? To recognise the third segment. But the third segment
    acknowledges the server's first number, so it brings that number back. If the server
    chooses it not at random but as a code, made of both addresses and ports, the time, and a secret,
    it needs no memory: what comes back and fits must be the answer to a SYN-ACK of its own. That is
    a SYN cookie. Linux sends them once the queue is full.

    A number has 32 bits, and most are needed for the code. The largest segment that the client can
    take (its MSS) was in its SYN, which is forgotten; there is room for two bits, which choose one of
    four sizes. Our client says 1400. Before the flood the server uses just that; during the flood
    it takes the next smaller size that the cookie can say.
    """

    id = "tcp.syn-flood.cookies"
    rfc = ("RFC 4987 §3.6", "RFC 9293 §3.7.1", "Linux: net/ipv4/syncookies.c")
    claim = Claim(
        "A server that keeps no state for half-open connections cannot be flooded with them.",
        Holds.QUALIFIED,
        "Its memory cannot. It still answers each SYN, and of what the SYN says little is left in a cookie.",
    )

    cookies = 1

    def act(self, lab: Lab) -> None:
        self.prepare(lab)
        with lab.server.listen(PORT, backlog=BACKLOG) as listener:
            with lab.step(BEFORE):
                self.visit(lab, listener)
            with lab.step(FLOOD):
                flooded = self.flood(lab, lab.server)
            with lab.step(DURING), contextlib.suppress(OSError):
                self.visit(lab, listener)
            with lab.step(CALM):
                flooded()
                lab.client.connect(lab.server, PORT).reset()

    @staticmethod
    def visit(lab: Lab, listener: Listener) -> None:
        """The client gets in, though its third segment is lost: what it says then brings the number too.

        The server says more than fits into one segment.
        """
        third = Match(flags="ACK", source=lab.client, destination_port=PORT, payload=False)
        with lab.router.drop(third):
            ours = lab.client.connect(lab.server, PORT, timeout=PATIENCE, TCP_MAXSEG=MSS)
            lab.server.await_sockets(least=1, state="LISTEN", local_port=PORT)
            ours.send(HELLO)
        theirs = listener.accept()
        theirs.recv_exactly(len(HELLO))
        transfer(theirs, ours, WORDS)
        ours.reset()
        theirs.close()

    @staticmethod
    def segments(seen: Evidence, step: str) -> Segments:
        """What the client sees of its visit in a step."""
        return seen.at("client:lan-a").tcp.of(seen.connection("client", step))

    @staticmethod
    def kept(seen: Evidence, step: str) -> States:
        """What the server's kernel holds of the client's connection just before the client speaks."""
        spoke = seen.action("client", "send", step)
        return seen.tcp_states("server", seen.connection("client", step)).at(spoke.begin_ns)

    @classmethod
    def largest(cls, seen: Evidence, step: str) -> int:
        """The size of the server's largest segment: data and TCP options (RFC 6691 §2)."""
        sizes = [
            tcp_of(frame).header_length - 20 + len(frame.packet.payload)
            for frame in cls.segments(seen, step).received.with_data
        ]
        return max(sizes, default=0)

    @check("the flood fills the queue all the same")
    def queue_is_full(self, seen: Evidence) -> Finding:
        return _flood.expect_full(seen, "server")

    @check("yet the client is let in at its first SYN", needs=[queue_is_full])
    def client_is_served(self, seen: Evidence) -> Finding:
        return _flood.served_at_once(seen, DURING)

    @check("who finds no place in the queue is answered with a cookie; the client brings its own back")
    def cookies_are_sent(self, seen: Evidence) -> Finding:
        held = _flood.half_open(seen, "server", seen.step(FLOOD).end_ns)
        sent, back = (seen.counter("server", f"TcpExtSyncookies{name}") for name in ("Sent", "Recv"))
        answered = seen.action("client", "connect", DURING)
        return expect(
            (sent, back), (SYNS - len(held) + 1, 1), cite=(held, answered), what="cookies sent, and back"
        )

    @check("before, the server held a half-open socket for the client; now it holds none until it speaks")
    def nothing_is_kept(self, seen: Evidence) -> Finding:
        before, during = self.kept(seen, BEFORE), self.kept(seen, DURING)
        spoke = seen.action("client", "send", DURING)
        return expect(
            ([one.state for one in before], [one.state for one in during]),
            (["SYN-RECV"], []),
            cite=(before, during, spoke),
            what="before, and during the flood",
        )

    @check(f"then the server's segments for it are no longer {MSS} bytes, but as large as a cookie can say")
    def little_is_remembered(self, seen: Evidence) -> Finding:
        cookie = max(size for size in TABLE if size <= MSS)
        return expect(
            (self.largest(seen, BEFORE), self.largest(seen, DURING)),
            (MSS, cookie),
            cite=[self.segments(seen, step).received.with_data for step in (BEFORE, DURING)],
            what="largest segment before, and during the flood",
        )

    flood_is_bounded = _flood.flood_is_bounded
    flood_is_contained = _flood.flood_is_contained
    all_is_calm = _flood.all_is_calm

    mutants = (
        Mutant(
            "cookies are off",
            settings={"cookies": 0},
            kills=(client_is_served, cookies_are_sent, nothing_is_kept, little_is_remembered),
        ),
        Mutant(
            "no flood",
            settings={"floods": False},
            kills=(queue_is_full, cookies_are_sent, nothing_is_kept, little_is_remembered),
        ),
        Edit(
            "the flood's answers reach the client's LAN",
            edits.leaked(lambda seen: _flood.answers(seen, "server", "lan-b")[1][:1], "client:lan-a"),
            kills=(flood_is_contained,),
        ),
        Edit(
            "the half-open connections are never given up",
            edits.without_state("CLOSED", "server", since=CALM),
            kills=(all_is_calm,),
        ),
        *_flood.UNBOUNDED,
    )
