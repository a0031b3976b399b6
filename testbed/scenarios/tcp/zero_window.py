"""tcp.zero-window: how a slow reader slows its peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_some, expect_that
from testbed.evidence import Evidence, Frame, Segments, tcp_of
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9008
DATA = bytes(range(256)) * 64  # 16 KiB
ROOM = 4096  # bytes that the server's program wants its kernel to keep for it; Linux takes twice as many
PROBES = 2
STOPS = "the server's program does not read"
READS = "it reads on"


class TcpZeroWindow(Scenario):
    """A receiver that is full says so, and its peer waits: nothing is lost, nobody is overrun.

    What arrives is kept by the kernel until the program reads it, and there is room for so much and
    no more. So each segment tells the peer how much room there is left: the window. The peer
    never has more than that on its way. When the program stops reading, the window shrinks as the
    data comes in, down to nothing, and the sender must stop, however much it has to say.

    When the program reads again, the kernel announces the new window. But an announcement is an ACK
    without data, and such a segment, if lost, is not sent again: both sides would then wait for
    ever. So the sender asks from time to time, each time after a longer pause, with a segment that carries
    nothing new: "still nothing?" The answer tells the window. That is called a window probe.
    """

    id = "tcp.zero-window"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.8.6", "RFC 9293 §3.8.6.1", "RFC 1122 §4.2.2.17")
    claim = Claim("A receiver that cannot take more closes its window; the sender waits, and asks.")
    places = ACROSS

    stops_reading = True

    def act(self, lab: Lab) -> None:
        with lab.server.listen(PORT, SO_RCVBUF=ROOM) as listener:
            ours = lab.client.connect(lab.server, PORT)
            theirs = listener.accept()
        with lab.step(STOPS):
            if self.stops_reading:
                asked = lab.client.counters()["TcpExtTCPWinProbe"]
                ours.send(DATA)
                lab.client.await_counter("TcpExtTCPWinProbe", asked + PROBES)
            else:
                transfer(ours, theirs, DATA)
        with lab.step(READS):
            if self.stops_reading:
                theirs.recv_exactly(len(DATA))
        ours.reset()
        theirs.close()

    # -- the segments

    @staticmethod
    def segments(seen: Evidence) -> Segments:
        """What the client sees of its connection."""
        return seen.at("client:lan-a").tcp.of(seen.connection("client"))

    @classmethod
    def stopped(cls, seen: Evidence) -> Segments:
        """Those before the program reads."""
        return cls.segments(seen).before(seen.step(READS).begin_ns)

    @classmethod
    def closing(cls, seen: Evidence) -> Frame:
        """The first segment that closes the window."""
        closed = cls.stopped(seen).received.pure_acks.where(lambda f: tcp_of(f).window == 0, "window 0")
        return closed.first

    @classmethod
    def probes(cls, seen: Evidence) -> Segments:
        """The questions: without data, and with the number before the one that the server waits for."""
        expected = tcp_of(cls.closing(seen)).acknowledgment
        asked = cls.stopped(seen).sent.pure_acks
        return asked.where(lambda f: tcp_of(f).sequence == (expected - 1) % 2**32, "window probes:")

    @classmethod
    def reading(cls, seen: Evidence) -> Segments:
        """Those since the program reads."""
        return cls.segments(seen).after(seen.step(READS).begin_ns)

    # -- closed

    @check("when the server's kernel is full, it tells a window of 0")
    def window_closes(self, seen: Evidence) -> Finding:
        last = self.stopped(seen).received.last
        return expect(tcp_of(last).window, 0, cite=(self.closing(seen), last), what="the window told last")

    @check("the client never has more on its way than the window that it was told")
    def window_is_kept(self, seen: Evidence) -> Finding:
        segments = self.stopped(seen)
        base = tcp_of(segments.syns.first).sequence
        scale = tcp_of(segments.syn_acks.first).window_scale or 0
        edge, beyond = 0, []
        for frame in segments:
            tcp = tcp_of(frame)
            if frame.direction == "in":
                # A window in a SYN is not scaled (RFC 7323 §2.2).
                window = tcp.window << (0 if tcp.syn else scale)
                edge = max(edge, (tcp.acknowledgment - base) % 2**32 + window)
            elif frame.packet.payload:
                end = (tcp.sequence - base) % 2**32 + len(frame.packet.payload)
                beyond += [frame] if end > edge else []
        return expect(len(beyond), 0, cite=beyond or segments, what="segments beyond the window")

    @check("the client's kernel keeps the rest, and its program is not told", needs=[window_closes])
    def rest_is_kept(self, seen: Evidence) -> Finding:
        sent = seen.action("client", "send", STOPS)
        ends = seen.connection("client")
        waiting = seen.tcp_states("client", ends).at(seen.step(READS).begin_ns)
        arrived = len(self.stopped(seen).sent.payload)
        return expect(
            (sent.result, [one.send_queue for one in waiting]),
            (len(DATA), [len(DATA) - arrived]),
            cite=(sent, waiting),
            what="bytes that the program has sent, that wait in its kernel",
        )

    @check("the client asks again and again, with a segment that carries nothing", needs=[window_closes])
    def asks(self, seen: Evidence) -> Finding:
        asked = self.probes(seen)
        return expect_that(
            len(asked) >= PROBES, f"{PROBES} window probes or more", cite=asked, seen=len(asked)
        )

    @check("the answer is the number that the server waits for, and a window of 0", needs=[asks])
    def is_answered(self, seen: Evidence) -> Finding:
        closing = self.closing(seen)
        probe = self.probes(seen).first
        answer = self.stopped(seen).received.after(probe).first
        said = (tcp_of(answer).acknowledgment, tcp_of(answer).window)
        return expect(said, (tcp_of(closing).acknowledgment, 0), cite=(closing, probe, answer))

    # -- open again

    @check(
        "when the program reads, the server tells a new window, and then the data comes",
        needs=[window_closes],
    )
    def window_opens(self, seen: Evidence) -> Finding:
        reading = self.reading(seen)
        data = reading.sent.with_data.first
        told = reading.received.before(data).where(lambda f: tcp_of(f).window > 0, "with a window")
        return expect_some(told, cite=data)

    @check("all of it arrives, unchanged")
    def nothing_is_lost(self, seen: Evidence) -> Finding:
        read = seen.action("server", "recv_exactly")
        return expect(read.result, DATA, cite=read)

    mutants = (
        Mutant("the reader goes on", settings={"stops_reading": False}, kills=(window_closes,)),
        Edit(
            "the server had told no window",
            edits.rewritten(lambda seen: TcpZeroWindow.segments(seen).syn_acks, edits.TCP_WINDOW, b"\0\0"),
            kills=(window_is_kept,),
        ),
        Edit(
            "nothing is left to send",
            edits.with_queue("client", send_queue=0),
            kills=(rest_is_kept,),
        ),
        Edit(
            "the client does not ask", edits.dropped(lambda seen: TcpZeroWindow.probes(seen)), kills=(asks,)
        ),
        Edit(
            "the server waits for another number",
            edits.rewritten(
                lambda seen: TcpZeroWindow.stopped(seen).received.after(TcpZeroWindow.probes(seen).first),
                edits.TCP_ACKNOWLEDGMENT,
                b"\0\0\0\1",
            ),
            kills=(is_answered,),
        ),
        Edit(
            "the new window is told too late",
            edits.dropped(
                lambda seen: TcpZeroWindow.reading(seen).received.before(
                    TcpZeroWindow.reading(seen).sent.with_data.first
                )
            ),
            kills=(window_opens,),
        ),
        Edit(
            "a byte is lost",
            edits.with_result(lambda seen: seen.all_actions("server", "recv_exactly"), DATA[1:]),
            kills=(nothing_is_lost,),
        ),
    )
