"""tcp.half-close: why closing takes four."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import Evidence, Segments
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import transfer

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9011
REQUEST = b"send me all of it"
SIZE = 1 << 20  # 1 MiB
ANSWER = bytes(i * i % 251 for i in range(SIZE))
DIGEST = hashlib.sha256(ANSWER).hexdigest()


class TcpHalfClose(Scenario):
    """One side may finish while the other goes on: a connection is two streams, one in each direction.

    shutdown() says "I have nothing more to say, but I listen". The FIN goes out, and the other
    side reads the end of the stream. Its own direction is still open. It sends a mebibyte, every
    byte arrives, and only then does it close too. That is why closing takes four segments: each
    direction is closed by who speaks in it.

    Who closes both ways at once does not listen any more. What still comes meets nobody, and is
    answered with RST.
    """

    id = "tcp.half-close"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.6", "RFC 1122 §4.2.2.13")
    claim = Claim("Closing takes four segments because the other side may still have something to say.")
    places = ACROSS

    listens_on = True  # the client closes only the direction in which it speaks

    def act(self, lab: Lab) -> None:
        with lab.server.listen(PORT) as listener, lab.client.connect(lab.server, PORT) as ours:
            theirs = listener.accept()
            ours.send(REQUEST)
            if self.listens_on:
                ours.shutdown("write")
                theirs.recv_end()
                transfer(theirs, ours, ANSWER)
            else:
                ours.close()
                theirs.recv_end()
                theirs.send(ANSWER)
            theirs.close()
            ours.recv_end()

    @staticmethod
    def segments(seen: Evidence) -> Segments:
        """The connection, as the client sees it."""
        return seen.at("client:lan-a").tcp.of(seen.connection())

    @check("the client's FIN comes before all of the server's data")
    def client_finishes_first(self, seen: Evidence) -> Finding:
        fin, data = self.segments(seen).sent.fins.first, self.segments(seen).received.with_data.first
        return expect_that(
            fin.time_ns < data.time_ns, "the FIN is sent before the data arrives", cite=(fin, data)
        )

    @check(f"after it, {SIZE} bytes arrive, and their SHA-256 is that of what was sent")
    def all_arrives(self, seen: Evidence) -> Finding:
        data = self.segments(seen).received.with_data
        whole = data.payload
        said = (len(whole), hashlib.sha256(whole).hexdigest())
        return expect(said, (SIZE, DIGEST), cite=(data, data.markers_cited), what="bytes, SHA-256")

    @check("the server's FIN comes last, behind all of its data", needs=[all_arrives])
    def server_finishes_last(self, seen: Evidence) -> Finding:
        segments = self.segments(seen).received
        fin, data = segments.fins.first, segments.with_data.last
        return expect_that(
            fin.time_ns >= data.time_ns, "the FIN comes with the last data or after it", cite=(fin, data)
        )

    @check("nobody resets the connection")
    def no_reset(self, seen: Evidence) -> Finding:
        return expect_none(self.segments(seen).resets)

    mutants = (
        Mutant(
            "the client closes both ways at once",
            settings={"listens_on": False},
            kills=(all_arrives, no_reset),
        ),
        Edit(
            "the client's FIN comes last",
            edits.delayed(lambda seen: TcpHalfClose.segments(seen).sent.fins, 3600),
            kills=(client_finishes_first,),
        ),
        Edit(
            "the server's FIN overtakes its data",
            edits.delayed(lambda seen: TcpHalfClose.segments(seen).received.fins, -3600),
            kills=(server_finishes_last,),
        ),
    )
