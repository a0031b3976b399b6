"""tcp.time-wait: the closer waits."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Action, Evidence, States, connection_of
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PLAIN = 9015  # its first listener does not set SO_REUSEADDR, as the lesson's does not
REUSING = 9016  # its first listener sets it
LASTS = 60.0  # seconds: TCP_TIMEWAIT_LEN of Linux, compiled in
SLACK = 6.0  # seconds by which the kernel's timer may be late, and we in seeing it
CLOCKS = 0.002  # by how much two clocks of a machine may differ in speed while it sets one of them
CLOSES = "the server closes first"
AGAIN = "the server is started again at once"


class TcpTimeWait(Scenario):
    """Who closes first waits: its kernel keeps the connection in TIME-WAIT for a minute.

    The standard says twice the longest time that a segment may live in the network, 2 MSL, so that
    no straggler of this connection can be taken for the next one's. The standard's MSL is two
    minutes; Linux waits sixty seconds, whatever the network. The other side waits for nothing.

    It is felt when a server closes first and is started again: "address already in use". The port is
    free for a listener only if both the old one and the new one set SO_REUSEADDR. The lesson's server
    does not, and so must wait.
    """

    id = "tcp.time-wait"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.6.1", "RFC 9293 §3.4.2", "Linux: TCP_TIMEWAIT_LEN in include/net/tcp.h")
    claim = Claim(
        "The closer waits 2 MSL in TIME-WAIT.",
        Holds.QUALIFIED,
        "It waits, but not by the standard's MSL: on Linux 60 seconds, compiled in. "
        "tcp_fin_timeout is about another state.",
    )
    places = ACROSS
    long: ClassVar[float] = LASTS

    resets = False  # the server resets instead of closing

    def act(self, lab: Lab) -> None:
        with lab.step(CLOSES):
            for port, reuse in ((REUSING, 1), (PLAIN, 0)):
                with lab.server.listen(port, SO_REUSEADDR=reuse) as listener:
                    ours = lab.client.connect(lab.server, port)
                    theirs = listener.accept()
                if self.resets:
                    theirs.reset()
                    continue
                theirs.close()
                ours.recv_end()
                ours.close()
                lab.server.await_tcp_state(theirs, "TIME-WAIT")
                lab.client.await_tcp_state(ours, "CLOSED")
        with lab.step(AGAIN):
            for port in (PLAIN, REUSING):
                for reuse in (0, 1):
                    with contextlib.suppress(OSError):
                        lab.server.listen(port, SO_REUSEADDR=reuse).close()
        if not self.resets:
            lab.server.await_tcp_state(theirs, "CLOSED", timeout=LASTS + SLACK, every=0.1)

    @staticmethod
    def last(seen: Evidence, node: str) -> States:
        """The states of a node's socket of the connection that is watched to its end."""
        return seen.tcp_states(node, connection_of(seen.all_actions("client", "connect", CLOSES)[-1]))

    @staticmethod
    def starts(seen: Evidence) -> tuple[Action, ...]:
        """The four tries to listen again: PLAIN without and with the option, REUSING without and with."""
        return seen.all_actions("server", "listen", AGAIN)

    @check(f"the side that closed first is in TIME-WAIT for {LASTS:g} to {LASTS + SLACK:g} s")
    def closer_waits(self, seen: Evidence) -> Finding:
        held = self.last(seen, "server").held("TIME-WAIT")
        ended = self.last(seen, "server").names[-1] == "CLOSED"
        ends = connection_of(seen.all_actions("client", "connect", CLOSES)[-1])
        fin = seen.at("server:lan-b").tcp.of(ends).received.fins.first  # with it the wait begins
        took = (held.end_ns - fin.time_ns) / 1e9
        return expect_that(
            ended and LASTS * (1 - CLOCKS) <= took <= LASTS + SLACK,
            "it waits a minute, and then is gone",
            cite=(fin, held),
            seen=f"{took:.1f} s",
        )

    @check("the other side waits for nothing: its socket is gone while the first still waits")
    def other_is_done(self, seen: Evidence) -> Finding:
        gone = seen.all_actions("client", "await_tcp_state", CLOSES)[-1:]
        waits = self.last(seen, "server").held("TIME-WAIT")
        never = "TIME-WAIT" not in self.last(seen, "client").names
        return expect_that(
            bool(gone) and gone[0].error is None and gone[0].end_ns < waits.end_ns and never,
            "it has no socket any more before the other's wait is over, and was never in TIME-WAIT",
            cite=(gone, waits),
        )

    @check("without SO_REUSEADDR the port cannot be bound again, and with it only if the old listener had it")
    def port_is_kept(self, seen: Evidence) -> Finding:
        tries = self.starts(seen)
        expected = ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", None]
        return expect([action.error for action in tries], expected, cite=tries)

    mutants = (
        Mutant(
            "the server resets: no TIME-WAIT",
            settings={"resets": True},
            kills=(closer_waits, other_is_done, port_is_kept),
        ),
        Edit(
            "the other side waits too",
            edits.with_error(lambda seen: seen.all_actions("client", "await_tcp_state", CLOSES), "deadline"),
            kills=(other_is_done,),
        ),
    )
