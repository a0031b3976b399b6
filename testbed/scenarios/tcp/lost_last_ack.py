"""tcp.lost-last-ack: why the closer waits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_held_until, expect_none
from testbed.evidence import Evidence, Segments, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9012


class TcpLostLastAck(Scenario):
    """The last ACK has no ACK of its own. If it is lost, somebody must be there to send it again.

    The side that closes first sends the last segment of the connection. It cannot know whether
    it arrives: nobody acknowledges an acknowledgment. If it is lost, the other side, in LAST-ACK,
    repeats its FIN. So the closer keeps the connection in mind for a while, in TIME-WAIT, and
    acknowledges the FIN once more. Now the other side is done, and has no socket left. The closer
    stays in TIME-WAIT, in case this ACK is lost too; a minute later it is done as well (tcp.time-wait
    watches one to its end).

    A closer that forgets at once would answer the repeated FIN with RST, "there is no such
    connection", and the other side would take a clean end for a broken one.
    """

    id = "tcp.lost-last-ack"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.6.1", "RFC 9293 §3.10.7.4", "RFC 1337")
    claim = Claim("The closer waits in TIME-WAIT so that a lost last ACK can be sent again.")
    places = ACROSS

    forgets = False  # the closer's TIME-WAIT is killed before the FIN comes again

    def act(self, lab: Lab) -> None:
        with lab.server.listen(PORT) as listener:
            ours = lab.client.connect(lab.server, PORT)
            theirs = listener.accept()
        ours.shutdown("write")
        theirs.recv_end()
        lab.client.await_tcp_state(ours, "FIN-WAIT-2")
        lost = lab.router.drop(Match(flags="ACK", destination_port=PORT, payload=False))
        theirs.close()
        lab.client.await_tcp_state(ours, "TIME-WAIT")
        lab.server.await_tcp_state(theirs, "LAST-ACK")
        if self.forgets:
            ends = ["src", str(ours.local), "dst", str(ours.remote)]
            lab.client.run(["ss", "--kill", "state", "time-wait", *ends], check=True)
        lost.undo()  # before a copy comes, as a rule: the server waits 200 ms
        with contextlib.suppress(OSError):
            lab.server.await_tcp_state(theirs, "CLOSED")
        ours.close()

    @staticmethod
    def segments(seen: Evidence, vantage: str) -> Segments:
        """The connection, as one place sees it."""
        return seen.at(vantage).tcp.of(seen.connection())

    @check("the server's FIN is sent again, with the same number")
    def fin_comes_again(self, seen: Evidence) -> Finding:
        first, again = self.segments(seen, "server:lan-b").sent.fins.sent_twice
        return expect(tcp_of(again).sequence, tcp_of(first).sequence, cite=(first, again))

    @check("until its FIN is acknowledged, the server is in LAST-ACK", needs=[fin_comes_again])
    def server_waits(self, seen: Evidence) -> Finding:
        states = seen.tcp_states("server", seen.connection())
        copies = self.segments(seen, "server:lan-b").sent.fins.copies
        return expect_held_until(states, "LAST-ACK", copies.first, copies.last)

    @check("the client, in TIME-WAIT, acknowledges the repeated FIN once more", needs=[fin_comes_again])
    def acknowledged_again(self, seen: Evidence) -> Finding:
        _, fin = self.segments(seen, "client:lan-a").received.fins.sent_twice
        answer = self.segments(seen, "server:lan-b").received.pure_acks.after(fin).first
        return expect(tcp_of(answer).acknowledgment, (tcp_of(fin).sequence + 1) % 2**32, cite=(fin, answer))

    @check("nobody resets the connection")
    def no_reset(self, seen: Evidence) -> Finding:
        return expect_none(self.segments(seen, "client:lan-a").resets)

    @check("the server ends closed; the client stays in TIME-WAIT, in case this ACK is lost too")
    def both_end(self, seen: Evidence) -> Finding:
        states = [seen.tcp_states(node, seen.connection()) for node in ("client", "server")]
        last = [held.names[-1] for held in states if held]
        return expect(last, ["TIME-WAIT", "CLOSED"], cite=states)

    mutants = (
        Mutant(
            "the client has forgotten the connection when the FIN comes again",
            settings={"forgets": True},
            kills=(acknowledged_again, no_reset, both_end),
        ),
        Edit(
            "the server's FIN comes once only",
            lambda seen: edits.dropped(lambda e: TcpLostLastAck.segments(e, "server:lan-b").sent.fins[1:])(
                seen
            ),
            kills=(fin_comes_again,),
        ),
        Edit(
            "the server is never in LAST-ACK",
            edits.without_state("LAST-ACK", "server"),
            kills=(server_waits,),
        ),
    )
