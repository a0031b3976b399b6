"""tcp.reset: there is no such connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import Evidence, Segments, tcp_of
from testbed.faults import Match
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

CLOSED_PORT = 8889
DEAF_PORT = 8890
REFUSED = "a port where nobody listens"
BROKEN_OFF = "a server is killed with data unread"
WORDS = b"is anybody reading this?"
AT_ONCE = 0.5  # seconds: well under the 1 s after which a client repeats its SYN (RFC 6298 §2.1)


class TcpReset(Scenario):
    """RST says: there is no such connection. It refuses one, and it breaks one off.

    A SYN to a port where nobody listens is answered with RST at once, and connect() fails
    with "connection refused". That is an answer: the host is there, the program is not.
    Silence would mean something else: a filter on the way, or no host.

    A connection ends with FIN when all that was sent has also been read. When a program dies
    with data unread, its kernel cannot promise that, so it sends RST instead, and the
    peer's next read fails with "connection reset by peer".
    """

    id = "tcp.reset"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.5.2", "RFC 9293 §3.10.7.1", "RFC 2525 §2.17")
    claim = Claim("A connection to a closed port is refused at once; one whose program dies is reset.")
    places = ACROSS

    deaf_server_reads = ""  # anything: it does

    def act(self, lab: Lab) -> None:
        with lab.step(REFUSED), contextlib.suppress(OSError):
            lab.client.connect(lab.server, CLOSED_PORT, timeout=3)
        with lab.step(BROKEN_OFF):
            server = lab.server.spawn(program("deaf_server", str(DEAF_PORT), self.deaf_server_reads))
            server.wait_output("listens")
            stream = lab.client.connect(lab.server, DEAF_PORT)
            server.wait_output("accepted")
            stream.send(WORDS)
            if self.deaf_server_reads:
                server.wait_output("heard")
            else:
                lab.server.await_queue(stream, unread=len(WORDS))
            server.kill()
            with contextlib.suppress(OSError):
                stream.recv(timeout=3)

    @staticmethod
    def segments(seen: Evidence, step: str) -> Segments:
        """What the client sees of the connection of a step."""
        return seen.at("client:lan-a").tcp.of(seen.connection("client", step))

    # -- refused

    @check("the SYN to a closed port is answered with RST, which acknowledges it")
    def refused_with_reset(self, seen: Evidence) -> Finding:
        segments = self.segments(seen, REFUSED)
        syn, answer = segments.syns.first, segments.received.first
        said = (tcp_of(answer).flag_names, tcp_of(answer).acknowledgment)
        return expect(said, ("RST,ACK", (tcp_of(syn).sequence + 1) % 2**32), cite=(syn, answer))

    @check("connect() fails at once, with 'connection refused'")
    def refused_at_once(self, seen: Evidence) -> Finding:
        tried = seen.action("client", "connect", REFUSED)
        segments = self.segments(seen, REFUSED)
        answer, syn = segments.received.first, segments.syns.only
        took = (answer.time_ns - syn.time_ns) / 1e9
        return expect(tried.error, "ECONNREFUSED", cite=tried) & expect_that(
            took < AT_ONCE, f"answered within {AT_ONCE} s", cite=(syn, answer), seen=f"{took:.3f} s"
        )

    # -- broken off

    @check("when the server dies with data unread, its kernel sends RST, and no FIN")
    def broken_off_with_reset(self, seen: Evidence) -> Finding:
        segments = self.segments(seen, BROKEN_OFF)
        said = segments.with_data.first
        reset = segments.received.resets.after(said).first
        return expect_that(tcp_of(reset).rst, "RST from the server", cite=(said, reset)) & expect_none(
            segments.received.fins
        )

    @check("the client's next read fails with 'connection reset'")
    def client_is_told(self, seen: Evidence) -> Finding:
        read = seen.action("client", "recv", BROKEN_OFF)
        return expect(read.error, "ECONNRESET", cite=read, what="the error of recv()")

    mutants = (
        Mutant(
            "the port is filtered: silence",
            loses_every(Match(destination_port=CLOSED_PORT)),
            kills=(refused_with_reset, refused_at_once),
        ),
        Mutant(
            "the server has read everything when it is killed",
            settings={"deaf_server_reads": "reads"},
            kills=(broken_off_with_reset, client_is_told),
        ),
        Edit(
            "the refusal acknowledges another number",
            edits.rewritten(
                lambda seen: TcpReset.segments(seen, REFUSED).resets, edits.TCP_ACKNOWLEDGMENT, b"\0\0\0\1"
            ),
            kills=(refused_with_reset,),
        ),
    )
