"""tcp.reliable: what is lost is sent again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Segments, tcp_of
from testbed.faults import Match
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9013
DATA = b"".join(number.to_bytes(4, "big") for number in range(4096))  # 16 KiB: a dozen segments
LOST = 3  # which of the data segments is lost
GIVES_UP = 2.0  # seconds of silence that the sender bears


class TcpReliable(Scenario):
    """What is lost is sent again, so what is read is what was written.

    Every byte has a number, and the receiver says which one it expects next. When a segment is
    lost, those behind it arrive too early. The receiver keeps them, but its acknowledgments stay
    where they were, and say in an option (SACK) which later bytes it has. The sender concludes that
    the one in between is lost, and sends just that one again. The programs notice nothing.

    TCP does not work wonders. When every copy is lost, the sender repeats it ever more slowly, and in
    the end gives up with an error. It never delivers anything else than what was sent.
    """

    id = "tcp.reliable"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.8", "RFC 5681 §3.2", "RFC 2018")
    claim = Claim("TCP is reliable: what is lost is sent again, and what arrives is what was sent.")
    places = ACROSS

    losses: int | None = 1  # how many copies of the segment are lost; None for every copy

    def act(self, lab: Lab) -> None:
        patience = int(GIVES_UP * 1000)
        with (
            lab.server.listen(PORT) as listener,
            lab.client.connect(lab.server, PORT, TCP_USER_TIMEOUT=patience) as ours,
        ):
            theirs = listener.accept()
            data = Match(destination_port=PORT, payload=True)
            if self.losses is None:
                lab.router.drop(data)
            elif self.losses:
                lab.router.lose(data, nth=LOST, times=self.losses)
            with contextlib.suppress(OSError):
                transfer(ours, theirs, DATA, timeout=3 * GIVES_UP)

    @staticmethod
    def data(seen: Evidence, vantage: str) -> Segments:
        """What the client says, as one place sees it."""
        connection = seen.connection()
        return seen.at(vantage).tcp.of(connection).from_end(connection.client).with_data

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

    mutants = (
        Mutant(
            "every copy is lost: the connection gives up",
            settings={"losses": None},
            kills=(sent_again, gap_is_told, whole),
        ),
        Mutant("nothing is lost", settings={"losses": 0}, kills=(sent_again, gap_is_told)),
        Edit(
            "the receiver tells nothing",
            edits.dropped(lambda seen: seen.at("client:lan-a").tcp.received.pure_acks),
            kills=(gap_is_told,),
        ),
    )
