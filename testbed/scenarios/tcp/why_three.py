"""tcp.why-three: a SYN that comes too late."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed import packets
from testbed.checks import Finding, check, expect, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Action, Evidence, Frame, NothingSeen, Segments, flags_of, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every
from testbed.scenarios.crafted import overheard, syn_again

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Stream

PORT = 9003
NOBODY_WAITS = "nothing is left of the old connection"
SERVER_WAITS = "the server is in TIME-WAIT"
CLIENT_WAITS = "the client is in TIME-WAIT"
STEPS = (NOBODY_WAITS, SERVER_WAITS, CLIENT_WAITS)
REPEATED = 2.5  # seconds: a SYN-ACK that nobody acknowledges is repeated after one
MOMENT = 0.3  # seconds that accept() waits for what must never come
IGNORES = "net.ipv4.tcp_rfc1337"  # whether a RST is ignored in TIME-WAIT


class TcpWhyThree(Scenario):
    """The third segment is there so that a SYN from the past opens nothing.

    A segment may be held up on its way and arrive when its connection is long over. If that
    segment is a SYN, the server cannot know: it looks like every other. Were two segments enough,
    the server would now have an open connection that nobody else knows of, and wait on it for ever. So
    it asks back: its SYN-ACK says "you begin at x, right?" The client has no such connection, and
    says RST. The server forgets the matter; its program never hears of it.

    We record the SYN of a connection, end the connection, and put the same SYN on the wire again. The
    connection was broken off, so nothing was left of it. Had it been closed, one side would be in
    TIME-WAIT, and would still know what was said last. It answers the old SYN by repeating that, and
    the other side, which knows no such thing, says RST. Again nothing is opened; but look what
    the RST does to the TIME-WAIT: it ends it, long before its minute is over. RFC 1337 asks kernels to
    ignore a RST there. Linux does so where net.ipv4.tcp_rfc1337 is 1; we leave it at 0, its default.
    """

    id = "tcp.why-three"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.5", "RFC 9293 §3.5.2", "RFC 1337 §2", "RFC 6191 §2")
    claim = Claim("Opening a connection takes three segments, so that a SYN that comes late opens none.")
    places = ACROSS

    ignores_resets = 0  # in TIME-WAIT

    def act(self, lab: Lab) -> None:
        for node in (lab.client, lab.server):
            node.sysctl(IGNORES, self.ignores_resets)
        for step in STEPS:
            with lab.step(step), lab.server.listen(PORT) as listener:
                with overheard(lab, "client:lan-a", is_syn) as syn:
                    ours = lab.client.connect(lab.server, PORT)
                    theirs = listener.accept()
                    again = syn_again(syn.result(timeout=5))
                end(ours, theirs, step)
                heard = lab.server.counters()["TcpInSegs"]
                lab.client.send_frame("lan-a", again)
                lab.server.await_counter("TcpInSegs", heard + 1)
                with contextlib.suppress(DeadlinePassed):
                    lab.server.await_sockets(
                        most=0, state="SYN-RECV", local_port=PORT, timeout=REPEATED, every=0.02
                    )
                with contextlib.suppress(TimeoutError):
                    listener.accept(timeout=MOMENT)

    @staticmethod
    def segments(seen: Evidence, step: str) -> tuple[Segments, Segments]:
        """What the client sees of a step's connection: before it was over, and from the late SYN on."""
        late = seen.action("client", "send_frame", step)
        segments = seen.at("client:lan-a").tcp.of(seen.connection("client", step))
        return segments.before(late.begin_ns), segments.after(late.begin_ns)

    @classmethod
    def after(cls, seen: Evidence, step: str) -> Segments:
        """From the late SYN on."""
        return cls.segments(seen, step)[1]

    # -- nothing is left of the old connection

    @check("the server takes the late SYN for a new one, and answers SYN-ACK")
    def server_is_taken_in(self, seen: Evidence) -> Finding:
        after = self.after(seen, NOBODY_WAITS)
        syn, answer = after.syns.first, after.received.first
        said = (flags_of(answer), tcp_of(answer).acknowledgment)
        return expect(said, ({"SYN", "ACK"}, next_number(tcp_of(syn).sequence)), cite=(syn, answer))

    @check("the client, asked back, says RST", needs=[server_is_taken_in])
    def client_says_no(self, seen: Evidence) -> Finding:
        after = self.after(seen, NOBODY_WAITS)
        question, answer = after.syn_acks.first, after.sent.resets.first
        return expect(
            tcp_of(answer).sequence,
            tcp_of(question).acknowledgment,
            cite=(question, answer),
            what="its number",
        )

    @check("the server forgets it: it does not ask again, and listens", needs=[server_is_taken_in])
    def server_is_back_at_listen(self, seen: Evidence) -> Finding:
        asked = self.after(seen, NOBODY_WAITS).syn_acks
        return expect(len(asked), 1, cite=asked, what="SYN-ACKs") & nothing_half_open(seen, NOBODY_WAITS)

    # -- one side is in TIME-WAIT

    @check("a server in TIME-WAIT repeats its last ACK")
    def server_repeats_its_last_words(self, seen: Evidence) -> Finding:
        before, after = self.segments(seen, SERVER_WAITS)
        last, answer = before.received.last, after.received.first
        return expect(said_by(answer), said_by(last), cite=(last, answer), what="flags, number, ACK of")

    @check("the client's RST to that ends the server's TIME-WAIT", needs=[server_repeats_its_last_words])
    def server_stops_waiting(self, seen: Evidence) -> Finding:
        return ended_by_reset(seen, "server", SERVER_WAITS, self.after(seen, SERVER_WAITS).sent)

    @check("a client in TIME-WAIT answers the server's SYN-ACK with its own last ACK")
    def client_repeats_its_last_words(self, seen: Evidence) -> Finding:
        before, after = self.segments(seen, CLIENT_WAITS)
        last, question = before.sent.last, after.received.first
        answer = after.sent.after(question).first
        return expect(flags_of(question), {"SYN", "ACK"}, cite=question) & expect(
            said_by(answer), said_by(last), cite=(last, answer), what="flags, number, ACK of"
        )

    @check("the server's RST to that ends the client's TIME-WAIT", needs=[client_repeats_its_last_words])
    def client_stops_waiting(self, seen: Evidence) -> Finding:
        return ended_by_reset(seen, "client", CLIENT_WAITS, self.after(seen, CLIENT_WAITS).received)

    @check("the server asks once more, and then the client says RST", needs=[client_repeats_its_last_words])
    def server_is_told_in_the_end(self, seen: Evidence) -> Finding:
        after = self.after(seen, CLIENT_WAITS)
        asked = after.syn_acks
        reset = after.sent.resets.after(asked.last).first
        return expect(len(asked), 2, cite=(asked, reset), what="SYN-ACKs") & nothing_half_open(
            seen, CLIENT_WAITS
        )

    # -- whichever way

    @check("accept() never returns: no program hears of it")
    def nothing_to_accept(self, seen: Evidence) -> Finding:
        calls = [late_accept(seen, step) for step in STEPS]
        return expect([call.error for call in calls], ["deadline"] * len(STEPS), cite=calls)

    mutants = (
        Mutant(
            "the client's RST is lost",
            loses_every(Match(flags="RST", destination_port=PORT)),
            kills=(server_is_back_at_listen, server_stops_waiting, server_is_told_in_the_end),
        ),
        Mutant(
            "in TIME-WAIT the kernels ignore a RST",
            settings={"ignores_resets": 1},
            kills=(server_stops_waiting, client_stops_waiting, server_is_told_in_the_end),
        ),
        Edit(
            "the server acknowledges another number",
            edits.rewritten(
                lambda seen: TcpWhyThree.after(seen, NOBODY_WAITS).syn_acks,
                edits.TCP_ACKNOWLEDGMENT,
                b"\0\0\0\1",
            ),
            kills=(server_is_taken_in,),
        ),
        Edit(
            "the client says nothing",
            edits.dropped(lambda seen: TcpWhyThree.after(seen, NOBODY_WAITS).sent.resets),
            kills=(client_says_no,),
        ),
        Edit(
            "the server in TIME-WAIT opens a connection",
            edits.rewritten(
                lambda seen: TcpWhyThree.after(seen, SERVER_WAITS).received[:1], edits.TCP_FLAGS, b"\x12"
            ),
            kills=(server_repeats_its_last_words,),
        ),
        Edit(
            "the client in TIME-WAIT agrees",
            edits.rewritten(
                lambda seen: TcpWhyThree.after(seen, CLIENT_WAITS).sent.pure_acks,
                edits.TCP_ACKNOWLEDGMENT,
                b"\0\0\0\1",
            ),
            kills=(client_repeats_its_last_words,),
        ),
        Edit(
            "the client goes on waiting",
            edits.other_state("CLOSED", "client", "TIME-WAIT"),
            kills=(client_stops_waiting,),
        ),
        Edit(
            "a program is given the connection",
            edits.with_error(lambda seen: [late_accept(seen, NOBODY_WAITS)], None),
            kills=(nothing_to_accept,),
        ),
    )


def is_syn(packet: packets.Packet) -> bool:
    """Whether it is a SYN to the server's port."""
    return packet.tcp is not None and packet.tcp.flag_names == "SYN" and packet.tcp.destination_port == PORT


def end(ours: Stream, theirs: Stream, step: str) -> None:
    """End a connection so that none, or the one side that the step says, is left in TIME-WAIT."""
    if step == NOBODY_WAITS:
        ours.reset()
        theirs.node.await_tcp_state(theirs, "CLOSED")
        return
    first, second = (ours, theirs) if step == CLIENT_WAITS else (theirs, ours)
    first.shutdown("write")
    second.recv_end()
    second.close()
    first.node.await_tcp_state(first, "TIME-WAIT")
    first.close()


def late_accept(seen: Evidence, step: str) -> Action:
    """The accept() that begins when the late SYN has come; the one before took the first connection."""
    calls = seen.all_actions("server", "accept", step)
    if len(calls) < 2:
        raise NothingSeen(f"a second accept() in step {step!r}")
    return calls[1]


def said_by(frame: Frame) -> tuple[frozenset[str], int, int]:
    """What a segment without data says: flags and both numbers."""
    tcp = tcp_of(frame)
    return flags_of(frame), tcp.sequence, tcp.acknowledgment


def next_number(number: int) -> int:
    """Sequence numbers are 32 bits long and wrap (RFC 9293 §3.4)."""
    return (number + 1) % 2**32


def nothing_half_open(seen: Evidence, step: str) -> Finding:
    """Pass when the server has only its listening socket left by the time when it asks for a connection."""
    ends = seen.connection("client", step)
    sockets = seen.sockets("server").where(
        lambda one: one.local.port == PORT and one.remote.port in (0, ends.client.port), f"port {PORT}"
    )
    there = sockets.at(late_accept(seen, step).begin_ns).where(lambda one: one.state != "CLOSED", "open")
    return expect([one.state for one in there], ["LISTEN"], cite=there, what="the server's sockets")


def ended_by_reset(seen: Evidence, node: str, step: str, said: Segments) -> Finding:
    """Pass when a node's TIME-WAIT, which lasts a minute, is over with an RST that its peer said."""
    reset = said.resets.first
    states = seen.tcp_states(node, seen.connection("client", step))
    held = states.held("TIME-WAIT")
    return expect_that(
        states.names[-2:] == ("TIME-WAIT", "CLOSED") and held.end_ns > reset.time_ns,
        f"{node} is in TIME-WAIT, and no longer after the RST",
        cite=(reset, held, states[-1:]),
        seen=states.names,
    )
