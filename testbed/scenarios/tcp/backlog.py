"""tcp.backlog: what listen(5) lets wait, and what becomes of the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import Evidence, Segments, States, connection_of, receiver, sender
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Stream

PORT = 9005
BACKLOG = 5
CLIENTS = 10
MAY_WAIT = BACKLOG + 1
COME = "ten clients come, and nobody accepts"
ACCEPT = "the server accepts"
ACCEPTS = 2
APART = 0.2  # seconds between two clients that come too late
LET_IN = 10.0  # seconds: a SYN is repeated after 1, 2, 3, 4, 5, 7, 11 s, on older kernels after 1, 3, 7, 15 s


class TcpBacklog(Scenario):
    """listen(5): the kernel completes six connections before the program has accepted one.

    A server says listen(n), and then accept() for each client. What if it is busy and does not
    come to accept()? The kernel does the handshake all the same, and puts the finished connection
    in a queue. For those clients the connection is open; they may already send. The n of
    listen(n) says how long that queue may become, and Linux lets in one more: it asks whether
    there are more than n, not whether there are n.

    Who comes when the queue is full is not refused. Linux throws the SYN away and says nothing,
    in the hope that there will be room when the client repeats it. So the client waits in
    SYN-SENT. Each accept() takes one connection out of the queue and lets in one more.
    """

    id = "tcp.backlog"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.9.1", "RFC 9293 §3.10.7.2")
    claim = Claim(
        "listen(5) makes a pool of five half-open connections.",
        Holds.WRONG,
        "Those that wait are not half-open but ESTABLISHED, and they are six. Half-open connections have "
        "a queue of their own (tcp.syn-flood).",
    )
    places = ACROSS

    backlog = BACKLOG
    accepts = ACCEPTS

    def act(self, lab: Lab) -> None:
        with lab.server.listen(PORT, backlog=self.backlog) as listener:
            with lab.step(COME):
                streams = [lab.client.connect(lab.server, PORT) for _ in range(MAY_WAIT)]
                lab.server.await_sockets(least=MAY_WAIT, state="ESTABLISHED", local_port=PORT)
                heard = lab.server.counters()["TcpInSegs"]
                late = [self.come_late(lab) for _ in range(CLIENTS - MAY_WAIT)]
                lab.server.await_counter("TcpInSegs", heard + len(late))
                lab.client.await_sockets(least=CLIENTS, state=["SYN-SENT", "ESTABLISHED"], remote_port=PORT)
            with lab.step(ACCEPT):
                for number in range(1, self.accepts + 1):
                    streams.append(listener.accept())
                    lab.server.await_sockets(
                        least=MAY_WAIT + number, state="ESTABLISHED", local_port=PORT, timeout=LET_IN
                    )
        for stream in (*late, *streams):
            stream.reset()

    @staticmethod
    def come_late(lab: Lab) -> Stream:
        """Come, a moment after who came before: so their SYNs are repeated one after another, too."""
        time.sleep(APART)
        return lab.client.connect(lab.server, PORT, wait=False)

    # -- what is asked of the recording

    @staticmethod
    def sockets(seen: Evidence, node: str, state: str, time_ns: int | None = None) -> States:
        """A node's sockets of these connections in a state: when all have come, or at another time."""
        moment = seen.step(COME).end_ns if time_ns is None else time_ns
        ends = seen.sockets(node).where(lambda one: PORT in (one.local.port, one.remote.port), f"port {PORT}")
        return ends.at(moment).where(lambda one: one.state == state, state)

    @staticmethod
    def late(seen: Evidence) -> Segments:
        """The segments of those who come too late, as the server sees them before the first accept()."""
        calls = seen.all_actions("client", "connect", COME)[MAY_WAIT:]
        ends = {connection_of(call).client for call in calls}
        before = seen.at("server:lan-b").tcp.port(PORT).before(seen.step(COME).end_ns)
        return before.where(lambda f: bool(ends & {sender(f), receiver(f)}), "of those who come too late,")

    # -- those who wait

    @check(f"{MAY_WAIT} finished connections wait for accept(), where the program asked for {BACKLOG}")
    def one_more_than_asked(self, seen: Evidence) -> Finding:
        listener = self.sockets(seen, "server", "LISTEN")
        queue = [(one.send_queue, one.receive_queue) for one in listener]
        return expect(queue, [(BACKLOG, MAY_WAIT)], cite=listener, what="asked for, waiting")

    @check("for both kernels they are ESTABLISHED; none is half-open")
    def those_who_wait_are_established(self, seen: Evidence) -> Finding:
        here, there = (self.sockets(seen, node, "ESTABLISHED") for node in ("client", "server"))
        half_open = self.sockets(seen, "server", "SYN-RECV")
        return expect(
            (len(here), len(there), len(half_open)),
            (MAY_WAIT, MAY_WAIT, 0),
            cite=(here, there, half_open),
            what="ESTABLISHED at the clients, at the server, and half-open",
        )

    # -- those who come too late

    @check(f"the other {CLIENTS - MAY_WAIT} clients are in SYN-SENT")
    def the_others_are_in_syn_sent(self, seen: Evidence) -> Finding:
        waiting = self.sockets(seen, "client", "SYN-SENT")
        return expect(len(waiting), CLIENTS - MAY_WAIT, cite=waiting, what="clients in SYN-SENT")

    @check("the server drops their SYNs, and answers nothing: no refusal either")
    def the_server_says_nothing(self, seen: Evidence) -> Finding:
        late = self.late(seen)
        said = expect_none(late.sent)
        dropped = seen.counter("server", "TcpExtListenOverflows")
        return said & expect_that(
            len(late.received.syns) >= CLIENTS - MAY_WAIT <= dropped,
            "as many SYNs as clients come, and the kernel counts them as dropped",
            cite=late.received.syns,
            seen=f"{len(late.received.syns)} came, {dropped} dropped in all",
        )

    # -- accept()

    @check("each accept() makes room for one more of them")
    def each_accept_lets_one_in(self, seen: Evidence) -> Finding:
        accepts = seen.all_actions("server", "accept", ACCEPT)
        moments = [*(call.begin_ns for call in accepts), seen.step(ACCEPT).end_ns]
        there = [self.sockets(seen, "server", "ESTABLISHED", moment) for moment in moments]
        before, *after = (len(sockets) for sockets in there)
        # Two that come at the same instant, on two CPUs, may both find the one place free.
        return expect_that(
            before == MAY_WAIT
            and len(after) == ACCEPTS
            and all(count >= MAY_WAIT + number for number, count in enumerate(after, 1)),
            f"{MAY_WAIT} are ESTABLISHED at the server, and one more after each of {ACCEPTS} accepts",
            cite=(accepts, there),
            seen=[before, *after],
        )

    mutants = (
        Mutant(
            "a larger backlog",
            settings={"backlog": CLIENTS},
            kills=(
                one_more_than_asked,
                those_who_wait_are_established,
                the_others_are_in_syn_sent,
                the_server_says_nothing,
                each_accept_lets_one_in,
            ),
        ),
        Mutant("nobody accepts", settings={"accepts": 0}, kills=(each_accept_lets_one_in,)),
        Edit(
            "the clients' connections are not open",
            edits.other_state("ESTABLISHED", "client", "CLOSED"),
            kills=(those_who_wait_are_established,),
        ),
        Edit(
            "the clients do not wait",
            edits.without_state("SYN-SENT", "client"),
            kills=(the_others_are_in_syn_sent,),
        ),
        Edit(
            "the server answers those who come too late",
            edits.changed(
                lambda seen: TcpBacklog.late(seen).received[1:], lambda frame: frame.replaced(direction="out")
            ),
            kills=(the_server_says_nothing,),
        ),
    )
