"""tcp.close: each direction of a connection ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_held_until
from testbed.evidence import Evidence, Segments, States, spoken, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9009
CLEAN = "one clean connection"
LOST_FIN = "the client's FIN is lost"
LOST_WORDS = "what the server has left to say is lost"
LOST_LAST_ACK = "the last ACK is lost"
WORDS = b"one more thing"
CLIENTS_FIN = Match(flags="FIN,ACK", destination_port=PORT)
CLIENTS_ACK = Match(flags="ACK", destination_port=PORT, payload=False)
SERVERS_WORDS = Match(source_port=PORT, payload=True)


class TcpClose(Scenario):
    """FIN, ACK, FIN, ACK: each direction of a connection ends by itself.

    FIN says "I have nothing more to say", and counts as one byte, so its acknowledgment is
    one more: u, u+1. It ends one direction only. The other side may finish what it was
    doing, and then says the same: w, w+1. That makes four segments.

    On the side that closes first, the kernel goes from ESTABLISHED through FIN-WAIT-1 (my FIN
    is not acknowledged yet) and FIN-WAIT-2 (it is, the other's has not come) to TIME-WAIT. On
    the other side it goes through CLOSE-WAIT (the other has finished, my program has not) and
    LAST-ACK (my FIN is not acknowledged yet) to nothing. Most of these last for microseconds.
    To see them, we lose the very segment that would end them, until the kernel has told its state. Its
    sender, not hearing that it came, repeats it: Linux after 200 ms, though the standard asks for a
    second at least, and then after twice as long each time.
    """

    id = "tcp.close"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.6", "RFC 9293 §3.3.2", "RFC 6298 §2.4", "Linux: TCP_RTO_MIN in include/net/tcp.h")
    claim = Claim(
        "Closing takes four segments: FIN, ACK, FIN, ACK.",
        Holds.QUALIFIED,
        "Four when the other side has something left to do. When it closes at once, its ACK and its FIN "
        "travel together, and three are enough (tcp.close-in-three).",
    )
    places = ACROSS

    server_closes = True
    client_resets = False
    loses = True  # the segments in question

    def act(self, lab: Lab) -> None:
        with lab.step(CLEAN):
            self.open_and_close(lab)
        for step in (LOST_FIN, LOST_WORDS, LOST_LAST_ACK):
            with lab.step(step):
                self.open_and_close(lab, loses=step if self.loses else CLEAN)

    def open_and_close(self, lab: Lab, loses: str = CLEAN) -> None:
        """Open a connection and close it from the client's side, until both kernels are done."""
        with lab.server.listen(PORT) as listener:
            ours = lab.client.connect(lab.server, PORT)
            theirs = listener.accept()
        if self.client_resets:
            lab.server.await_tcp_state(theirs, "ESTABLISHED")
            ours.reset()
            lab.server.await_tcp_state(theirs, "CLOSED")
            return
        fin = lab.router.drop(CLIENTS_FIN) if loses == LOST_FIN else None
        ours.shutdown("write")
        if fin:
            lab.client.await_tcp_state(ours, "FIN-WAIT-1")
            fin.undo()
        theirs.recv_end()
        # The FIN is acknowledged now: what the server says next is a segment of its own.
        lab.client.await_tcp_state(ours, "FIN-WAIT-2")
        lab.server.await_tcp_state(theirs, "CLOSE-WAIT")
        if loses == LOST_WORDS:
            lab.router.lose(SERVERS_WORDS)
            theirs.send(WORDS)
            ours.recv_exactly(len(WORDS))
        if not self.server_closes:
            return
        last_ack = lab.router.drop(CLIENTS_ACK) if loses == LOST_LAST_ACK else None
        theirs.close()
        lab.client.await_tcp_state(ours, "TIME-WAIT")
        if last_ack:
            lab.server.await_tcp_state(theirs, "LAST-ACK")
            last_ack.undo()
        lab.server.await_tcp_state(theirs, "CLOSED")
        ours.close()

    # -- the segments

    @staticmethod
    def segments(seen: Evidence, step: str, vantage: str) -> Segments:
        """The connection of a step, as one place sees it."""
        return seen.at(vantage).tcp.of(seen.connection("client", step))

    @classmethod
    def closing(cls, seen: Evidence) -> Segments:
        """The clean connection without the three segments that opened it."""
        return cls.segments(seen, CLEAN, "client:lan-a")[3:]

    @check("a connection is closed by just four segments: FIN, ACK, FIN, ACK")
    def four_segments(self, seen: Evidence) -> Finding:
        closing, ends = self.closing(seen), seen.connection("client", CLEAN)
        said = [spoken(frame, ends) for frame in closing]
        return expect(said, ["client FIN,ACK", "server ACK", "server FIN,ACK", "client ACK"], cite=closing)

    @check("the numbers are u, u+1, w, w+1", needs=[four_segments])
    def numbers_acknowledged(self, seen: Evidence) -> Finding:
        closing = self.closing(seen)
        fin, ack, other_fin, other_ack = (tcp_of(frame) for frame in closing)
        u, w = fin.sequence, other_fin.sequence
        return expect(
            (ack.acknowledgment, other_ack.acknowledgment),
            ((u + 1) % 2**32, (w + 1) % 2**32),
            cite=closing,
            what=f"u = {u}, w = {w}",
        )

    # -- the states of the side that closes first

    @check("while its FIN is lost, the client is in FIN-WAIT-1")
    def client_waits_in_fin_wait_1(self, seen: Evidence) -> Finding:
        copies = self.segments(seen, LOST_FIN, "client:lan-a").sent.fins.copies
        states = socket(seen, "client", LOST_FIN)
        return expect_held_until(states, "FIN-WAIT-1", copies.first, copies.last)

    @check("while the server still has something to say, the client is in FIN-WAIT-2")
    def client_waits_in_fin_wait_2(self, seen: Evidence) -> Finding:
        copies = self.segments(seen, LOST_WORDS, "server:lan-b").sent.with_data.copies
        states = socket(seen, "client", LOST_WORDS)
        return expect_held_until(states, "FIN-WAIT-2", copies.first, copies.last)

    @check("when the server has closed too, the client is in TIME-WAIT")
    def client_ends_in_time_wait(self, seen: Evidence) -> Finding:
        states = socket(seen, "client", LOST_LAST_ACK)
        held = states.held("TIME-WAIT")
        return expect(states.names[-1], "TIME-WAIT", cite=held, what="the last state seen")

    # -- the states of the other side

    @check("while its program is not done, the server is in CLOSE-WAIT")
    def server_waits_in_close_wait(self, seen: Evidence) -> Finding:
        copies = self.segments(seen, LOST_WORDS, "server:lan-b").sent.with_data.copies
        states = socket(seen, "server", LOST_WORDS)
        return expect_held_until(states, "CLOSE-WAIT", copies.first, copies.last)

    @check("while the last ACK is lost, the server is in LAST-ACK")
    def server_waits_in_last_ack(self, seen: Evidence) -> Finding:
        copies = self.segments(seen, LOST_LAST_ACK, "client:lan-a").sent.pure_acks.copies
        states = socket(seen, "server", LOST_LAST_ACK)
        return expect_held_until(states, "LAST-ACK", copies.first, copies.last)

    @check("when it is acknowledged, the server has no socket left")
    def server_ends_closed(self, seen: Evidence) -> Finding:
        states = socket(seen, "server", LOST_LAST_ACK)
        return expect(states.names[-1:], ("CLOSED",), cite=states, what="the last state seen")

    mutants = (
        Mutant(
            "the server never closes",
            settings={"server_closes": False},
            kills=(four_segments, client_ends_in_time_wait, server_waits_in_last_ack, server_ends_closed),
        ),
        Mutant(
            "the client resets instead of closing",
            settings={"client_resets": True},
            kills=(
                four_segments,
                client_waits_in_fin_wait_1,
                client_waits_in_fin_wait_2,
                client_ends_in_time_wait,
                server_waits_in_close_wait,
                server_waits_in_last_ack,
            ),
        ),
        Mutant(
            "nothing is lost",
            settings={"loses": False},
            kills=(
                client_waits_in_fin_wait_1,
                client_waits_in_fin_wait_2,
                server_waits_in_close_wait,
                server_waits_in_last_ack,
            ),
        ),
        Edit(
            "the client acknowledges another number",
            edits.rewritten(lambda seen: TcpClose.closing(seen)[3:], edits.TCP_ACKNOWLEDGMENT, b"\0\0\0\1"),
            kills=(numbers_acknowledged,),
        ),
    )


def socket(seen: Evidence, node: str, step: str) -> States:
    """What a node's kernel says of the connection of a step."""
    return seen.tcp_states(node, seen.connection("client", step))
