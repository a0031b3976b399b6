"""ip.loopback: the address that leads back to oneself."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_none, expect_some
from testbed.evidence import LOOPBACK, Evidence, Frame, connection_of
from testbed.faults import Match
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7070
WORDS = b"talking to myself"
INSIDE = "the client talks to itself"
OUTSIDE = "the neighbour calls a server bound to 127.0.0.1"
BOUND_TO_ALL = "the neighbour calls a server bound to 0.0.0.0"
LOCAL_NAMES = ("127.0.0.1", "localhost")
LOCAL_ADDRESS = IPv4Address("127.0.0.1")


class IpLoopback(Scenario):
    """127.0.0.1 never leaves the host.

    Every host has an interface that leads back to itself, lo. What is sent to 127.0.0.1, or to
    its name localhost, comes out where it went in; no card and no wire sees it. So a server
    that is bound to 127.0.0.1 serves the programs of its own host and nobody else: a call
    from outside is refused, as if nobody listened. Bound to 0.0.0.0, which means "every
    address that I have", it is reached from outside as well.
    """

    id = "ip.loopback"
    layer = Layer.NETWORK
    rfc = ("RFC 1122 §3.2.1.3", "RFC 6890 §2.2.2", "RFC 6761 §6.3")
    claim = Claim("127.0.0.1 never leaves the host; a server bound to it cannot be reached from outside.")
    places = ("client:lan-a", "neighbour:lan-a")

    bound_to = "127.0.0.1"

    def act(self, lab: Lab) -> None:
        with lab.step(INSIDE), lab.client.listen(PORT, address=self.bound_to) as listener:
            for name in LOCAL_NAMES:
                with lab.client.connect(name, PORT) as ours, listener.accept() as theirs:
                    ours.send(WORDS)
                    theirs.recv_exactly(len(WORDS))
        with lab.step(OUTSIDE), lab.client.listen(PORT, address=self.bound_to):
            self.call(lab)
        with lab.step(BOUND_TO_ALL), lab.client.listen(PORT, address="0.0.0.0"):
            self.call(lab)

    @staticmethod
    def call(lab: Lab) -> None:
        """Call the client from outside."""
        with contextlib.suppress(OSError):
            lab.neighbour.connect(lab.client, PORT, timeout=3).close()

    # -- inside

    @check("both 127.0.0.1 and localhost lead to 127.0.0.1")
    def names_lead_home(self, seen: Evidence) -> Finding:
        calls = seen.all_actions("client", "connect", INSIDE)
        reached = [connection_of(call).server.address for call in calls]
        return expect(reached, [LOCAL_ADDRESS] * len(LOCAL_NAMES), cite=calls)

    @check("what the client says to itself passes lo", needs=[names_lead_home])
    def passes_lo(self, seen: Evidence) -> Finding:
        heard = seen.at("client:lo").tcp.port(PORT).with_data
        said = [frame.packet.payload for frame in heard]
        return expect(said, [WORDS] * len(LOCAL_NAMES), cite=(heard, heard.markers_cited))

    @check("no other interface of any node sees a packet from or to 127.0.0.0/8")
    def leaves_nothing(self, seen: Evidence) -> Finding:
        outside = [vantage.name for vantage in seen.vantages if vantage.network != LOOPBACK]
        return expect_all(
            (expect_none(seen.at(place).ip.where(is_local, "from or to 127.0.0.0/8")) for place in outside),
            "interfaces without a local packet",
        )

    # -- from outside

    @check("a call from outside to the server bound to 127.0.0.1 is refused with RST")
    def outside_is_refused(self, seen: Evidence) -> Finding:
        call = seen.action("neighbour", "connect", OUTSIDE)
        resets = seen.at("neighbour:lan-a").tcp.of(connection_of(call)).received.resets
        return expect(call.error, "ECONNREFUSED", cite=call) & expect_some(resets)

    @check("bound to 0.0.0.0 it answers the same call")
    def outside_is_answered(self, seen: Evidence) -> Finding:
        call = seen.action("neighbour", "connect", BOUND_TO_ALL)
        answers = seen.at("neighbour:lan-a").tcp.of(connection_of(call)).received.syn_acks
        return expect(call.error, None, cite=call, what="the error of connect()") & expect_some(answers)

    mutants = (
        Mutant(
            "the server is bound to 0.0.0.0 from the beginning",
            settings={"bound_to": "0.0.0.0"},
            kills=(outside_is_refused,),
        ),
        Mutant(
            "the client drops what comes for the port",
            loses_every(Match(destination_port=PORT, network="lan-a", direction="in"), node="client"),
            kills=(outside_is_refused, outside_is_answered),
        ),
        Edit(
            "localhost is the client's own address",
            edits.renamed_remote(
                lambda seen: seen.all_actions("client", "connect", INSIDE)[1:], "172.16.10.10"
            ),
            kills=(names_lead_home,),
        ),
        Edit(
            "lo is silent", edits.dropped(lambda seen: seen.at("client:lo").tcp.with_data), kills=(passes_lo,)
        ),
        Edit(
            "a local packet is seen on the wire",
            edits.leaked(lambda seen: seen.at("client:lo").tcp, "neighbour:lan-a"),
            kills=(leaves_nothing,),
        ),
    )


def is_local(frame: Frame) -> bool:
    """Whether a packet's source or destination is in 127.0.0.0/8 or is ::1."""
    ip = frame.packet.ip
    return ip is not None and (ip.source.is_loopback or ip.destination.is_loopback)
