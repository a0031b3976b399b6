"""tcp.reliable: what is lost is sent again, and when nothing helps the sender is told."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Evidence, Segments, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9013
DATA = b"".join(number.to_bytes(4, "big") for number in range(4096))  # 16 KiB: a dozen segments
WORDS = b"is anybody there?"
LOST = 3  # which of the data segments is lost
ONCE = "one segment is lost once"
ALWAYS = "every copy is lost"
GIVES_UP = 0.8  # seconds without an acknowledgment that the sender bears (TCP_USER_TIMEOUT)
SLACK = 4.0  # seconds by which the kernel's timers may be late, and we in seeing it


class TcpReliable(Scenario):
    """What is lost is sent again, so what is read is what was written.

    Every byte has a number, and the receiver says which one it expects next. When a segment is
    lost, those behind it arrive too early. The receiver keeps them, but its acknowledgments stay
    where they were, and say in an option (SACK) which later bytes it has. The sender concludes that
    the one in between is lost, and sends just that one again. The programs notice nothing.

    TCP does not work wonders. When every copy is lost, the sender repeats it, waiting longer each time,
    and in the end gives up: its program's next call fails with an error. Left to itself, Linux tries
    for about a quarter of an hour; a program may ask for less (TCP_USER_TIMEOUT), as ours does. What was
    not acknowledged may or may not have arrived; but nothing else than what was sent ever does.
    """

    id = "tcp.reliable"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.8", "RFC 5681 §3.2", "RFC 2018", "Linux: TCP_USER_TIMEOUT in tcp(7)")
    claim = Claim(
        "TCP is reliable: what is lost is sent again, and what arrives is what was sent.",
        Holds.QUALIFIED,
        "As long as any copy comes through. When none does, the sender gives up after a time, and says so.",
    )
    places = ACROSS

    losses: int | None = 1  # how many copies of the segment are lost, at first; None for every copy
    breaks = True  # whether then every copy is lost

    def act(self, lab: Lab) -> None:
        patience = int(GIVES_UP * 1000)
        data = Match(destination_port=PORT, payload=True)
        with lab.server.listen(PORT) as listener:
            with lab.step(ONCE), lab.client.connect(lab.server, PORT, TCP_USER_TIMEOUT=patience) as ours:
                theirs = listener.accept()
                if self.losses is None:
                    lab.router.drop(data)
                elif self.losses:
                    lab.router.lose(data, nth=LOST, times=self.losses)
                with contextlib.suppress(OSError):
                    transfer(ours, theirs, DATA, timeout=GIVES_UP + SLACK)
            theirs.close()
            with lab.step(ALWAYS), lab.client.connect(lab.server, PORT, TCP_USER_TIMEOUT=patience) as ours:
                theirs = listener.accept()
                with lab.router.drop(data) if self.breaks else contextlib.nullcontext():
                    ours.send(WORDS)
                    with contextlib.suppress(OSError):
                        ours.recv(timeout=GIVES_UP + SLACK)
                    with contextlib.suppress(DeadlinePassed):
                        lab.client.await_tcp_state(ours, "CLOSED", timeout=1)
            theirs.reset()

    @staticmethod
    def data(seen: Evidence, vantage: str, step: str = ONCE) -> Segments:
        """What the client says in a step, as one place sees it."""
        connection = seen.connection("client", step)
        return seen.at(vantage).tcp.of(connection).from_end(connection.client).with_data

    # -- one segment is lost once

    @check("a segment that was lost is sent again: the same numbers, the same bytes")
    def sent_again(self, seen: Evidence) -> Finding:
        lost, again = self.data(seen, "client:lan-a").sent_twice
        arrived = self.data(seen, "server:lan-b")
        copies = [f for f in arrived if tcp_of(f).sequence == tcp_of(lost).sequence]
        return expect(len(copies), 1, cite=(lost, again, copies), what="of two copies sent, arrived")

    @check("in between, the receiver's acknowledgments stay at the gap and tell what lies behind it")
    def gap_is_told(self, seen: Evidence) -> Finding:
        lost, again = self.data(seen, "client:lan-a").sent_twice
        acks = seen.at("client:lan-a").tcp.of(seen.connection()).received.after(lost).before(again)
        told = acks.where(
            lambda f: tcp_of(f).acknowledgment == tcp_of(lost).sequence and bool(tcp_of(f).sacks),
            "SACK at the gap",
        )
        return expect_that(
            tcp_of(told.first).acknowledgment == tcp_of(lost).sequence, "at the gap", cite=(lost, told)
        )

    @check("the server reads all that the client wrote, in order, and nothing else")
    def whole(self, seen: Evidence) -> Finding:
        read = seen.action("server", "recv_exactly")
        return expect(read.result, DATA, cite=(read, self.data(seen, "server:lan-b")))

    # -- every copy is lost

    @check("when every copy is lost, the sender goes on: the same bytes, again and again")
    def keeps_trying(self, seen: Evidence) -> Finding:
        copies = self.data(seen, "client:lan-a", ALWAYS).sent
        arrived = self.data(seen, "server:lan-b", ALWAYS)
        first = copies.first
        same = [
            f for f in copies if (tcp_of(f).sequence, f.packet.payload) == (tcp_of(first).sequence, WORDS)
        ]
        waits = [f"{(later.time_ns - sooner.time_ns) / 1e9:.2f} s" for sooner, later in pairwise(copies)]
        return expect_that(
            len(same) == len(copies) >= 3 and not arrived,
            "it is sent again, more than once, and nothing arrives",
            cite=(copies, arrived, arrived.markers_cited),
            seen=f"sent again after {', then '.join(waits) or 'nothing'}; {len(arrived)} arrived",
        )

    @check("it gives up in bounded time: its program's read fails, connection timed out")
    def gives_up(self, seen: Evidence) -> Finding:
        first, read = self.data(seen, "client:lan-a", ALWAYS).first, seen.action("client", "recv", ALWAYS)
        took = (read.end_ns - first.time_ns) / 1e9
        return expect(read.error, "ETIMEDOUT", cite=(first, read), what="the error of recv()") & expect_that(
            took <= GIVES_UP + SLACK,
            f"{GIVES_UP:g} s, and {SLACK:g} to spare",
            cite=read,
            seen=f"{took:.2f} s",
        )

    @check("then its kernel has no such connection any more, before the program closes anything")
    def nothing_is_left(self, seen: Evidence) -> Finding:
        gone = seen.tcp_states("client", seen.connection("client", ALWAYS)).held("CLOSED")
        closed = seen.action("client", "close", ALWAYS)
        return expect_that(gone.begin_ns < closed.begin_ns, "CLOSED before close()", cite=(gone, closed))

    mutants = (
        Mutant(
            "every copy is lost, from the beginning: the connection gives up",
            settings={"losses": None},
            kills=(sent_again, gap_is_told, whole),
        ),
        Mutant(
            "nothing is lost",
            settings={"losses": 0, "breaks": False},
            kills=(sent_again, gap_is_told, keeps_trying, gives_up, nothing_is_left),
        ),
        Edit(
            "the receiver tells nothing",
            edits.dropped(lambda seen: seen.at("client:lan-a").tcp.received.pure_acks),
            kills=(gap_is_told,),
        ),
        Edit(
            "the sender has not given up when we stop waiting for it",
            edits.with_error(lambda seen: seen.all_actions("client", "recv", ALWAYS), "deadline"),
            kills=(gives_up,),
        ),
        Edit(
            "the connection is kept for ever",
            edits.without_state("CLOSED", "client"),
            kills=(nothing_is_left,),
        ),
    )
