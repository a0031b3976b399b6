"""tcp.close-in-three: when nothing is left to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all
from testbed.evidence import Connection, Evidence, Segments, connection_of, receiver, sender, spoken, tcp_of
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import replaces_server

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
WORDS = b"hello"
CONVERSATIONS = 8


class TcpCloseInThree(Scenario):
    """When nothing is left to say, the middle two of the four closing segments travel together.

    The other side acknowledges the FIN, and sends a FIN of its own. A program that has
    nothing more to say closes as soon as it reads the end of the stream. The kernel does not
    hurry with an acknowledgment in a conversation that goes to and fro: it waits some 40 ms
    for something to send it with. What comes first is the server's own FIN, and one segment
    carries both: FIN; FIN and ACK; ACK.

    Whether the program is faster than the kernel's patience is a race. So there are several
    conversations, and it is enough that one of them closes in three.
    """

    id = "tcp.close-in-three"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.6", "RFC 9293 §3.8.6.3")
    claim = Claim(
        "Closing takes four segments.",
        Holds.QUALIFIED,
        "Three are enough when the other side has nothing left to say: its ACK and its FIN are one segment.",
    )

    def act(self, lab: Lab) -> None:
        for _ in range(CONVERSATIONS):
            with lab.client.connect(lab.server, PORT) as stream:
                stream.send(WORDS)
                stream.recv_exactly(len(WORDS))
                stream.shutdown("write")
                stream.recv_end()
                lab.server.await_tcp_state(stream, "CLOSED")

    @staticmethod
    def closings(seen: Evidence) -> list[Segments]:
        """Each conversation from the client's FIN on."""
        found = []
        for action in seen.all_actions("client", "connect"):
            segments = seen.at("client:lan-a").tcp.of(connection_of(action))
            begin = segments.sent.fins.first
            found.append(segments.after(begin.time_ns - 1))
        return found

    @classmethod
    def in_three(cls, seen: Evidence) -> Segments:
        """The first conversation that closes in three segments, or else the first of all."""
        closings = cls.closings(seen)
        return next((closing for closing in closings if len(closing) == 3), closings[0])

    @check("a connection whose server has nothing left to say is closed by three segments: FIN, FIN, ACK")
    def three_segments(self, seen: Evidence) -> Finding:
        closing = self.in_three(seen)
        ends = Connection(sender(closing.first), receiver(closing.first))
        said = [spoken(frame, ends) for frame in closing]
        return expect(said, ["client FIN,ACK", "server FIN,ACK", "client ACK"], cite=closing)

    @check("the middle one acknowledges the client's FIN and is the server's own", needs=[three_segments])
    def middle_is_both(self, seen: Evidence) -> Finding:
        fin, both, last = (tcp_of(frame) for frame in self.in_three(seen))
        return expect(
            (both.acknowledgment, both.fin, last.acknowledgment),
            ((fin.sequence + 1) % 2**32, True, (both.sequence + 1) % 2**32),
            cite=self.in_three(seen),
            what=f"u = {fin.sequence}, w = {both.sequence}",
        )

    @check("every conversation ends whole: no reset, and as much came back as was said")
    def ends_whole(self, seen: Evidence) -> Finding:
        findings = []
        for action in seen.all_actions("client", "connect"):
            segments = seen.at("client:lan-a").tcp.of(connection_of(action))
            heard = segments.received.payload
            findings.append(
                expect(
                    (heard[: len(WORDS)], len(segments.resets)),
                    (WORDS, 0),
                    cite=segments,
                    what="heard; resets",
                )
            )
        return expect_all(findings, "conversations")

    mutants = (
        Mutant(
            "the server still has something to say",
            replaces_server("server", PORT, "talkative_server"),
            kills=(three_segments,),
        ),
        Edit(
            "the middle one acknowledges another number",
            edits.rewritten(
                lambda seen: TcpCloseInThree.in_three(seen)[1:2], edits.TCP_ACKNOWLEDGMENT, b"\0\0\0\1"
            ),
            kills=(middle_is_both,),
        ),
        Edit(
            "the server's answers are lost from the recording",
            edits.dropped(lambda seen: seen.at("client:lan-a").tcp.received.with_data),
            kills=(ends_whole,),
        ),
    )
