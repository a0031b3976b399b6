"""ip.nat: one address for many."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_none, expect_some
from testbed.evidence import Connection, Evidence, Segments, receiver, sender
from testbed.faults import Match
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import forwards_port, loses_every

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7074
GUESTS = ("client", "neighbour")
REPLY = b"to you, "
CALLED = 7999  # the client listens there
BY_ROUTER, BY_HOST = "the server calls the router's address", "the server calls the client's address"
PATIENCE = 3.0  # seconds


class IpNat(Scenario):
    """One address for many: the router puts its own in the place of theirs, and remembers.

    Home routers have one address of the Internet, and a dozen hosts behind them. When a packet leaves,
    the router writes its own address into it as the source. Two hosts may use the same port; behind
    the router they would be the same then, so it gives one of them another port. It keeps a table of
    who is who. When an answer comes for its own address, it looks up the port, and puts the address and the
    port of the real host back in.

    Neither side notices: the host believes that it talks to the server under its own address, the
    server believes that it talks to the router. And who knows no other address than the router's cannot
    call a host behind it first: for such a packet there is no line in the table, so it is the router's
    own, and nobody listens there.

    That is no wall. Who knows a host's own address and has a way there, as the server has here, gets
    in: the router passes on what needs no translating. At home two other things stand in the way: from
    the Internet no way leads to such addresses, and most routers filter besides.
    """

    id = "ip.nat"
    layer = Layer.NETWORK
    rfc = ("RFC 3022 §2.2", "RFC 2663 §4.1.2", "RFC 4787", "RFC 4864 §2.2")
    claim = Claim("A router that translates lets many hosts share its one address, told apart by ports.")
    places = ("client:lan-a", "neighbour:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")

    translates = True
    same_port = True

    def act(self, lab: Lab) -> None:
        if self.translates:
            lab.router.masquerade("lan-b")
        port = 0  # the kernel chooses the first one's, the second takes the same
        with lab.server.listen(PORT) as listener:
            for name in GUESTS:
                with (
                    lab[name].connect(lab.server, PORT, source_port=port) as ours,
                    listener.accept() as theirs,
                ):
                    port = ours.local.port if self.same_port else 0
                    ours.send(name.encode())
                    theirs.send(REPLY + theirs.recv_exactly(len(name)))
                    ours.recv_exactly(len(REPLY) + len(name))
        with lab.client.listen(CALLED):
            for step, address in ((BY_ROUTER, lab.router.address_on("lan-b")), (BY_HOST, lab.client)):
                with lab.step(step), contextlib.suppress(OSError):
                    lab.server.connect(address, CALLED, timeout=PATIENCE).close()

    @staticmethod
    def conversation(seen: Evidence, guest: str) -> tuple[Connection, Segments]:
        """A host's connection as the host knows it, and its segments at the host."""
        connection = seen.connection(guest)
        return connection, seen.at(f"{guest}:lan-a").tcp.of(connection)

    @staticmethod
    def at_server(seen: Evidence) -> Segments:
        """All segments of the conversations, as the server sees them."""
        return seen.at("server:lan-b").tcp.port(PORT)

    @check("both hosts use the same port, and see themselves talk to the server under their own address")
    def hosts_notice_nothing(self, seen: Evidence) -> Finding:
        ours = {guest: seen.connection(guest) for guest in GUESTS}
        addresses = [one.client.address for one in ours.values()]
        ports = {one.client.port for one in ours.values()}
        cite = [self.conversation(seen, guest)[1].syns.first for guest in GUESTS]
        return expect(
            addresses, [seen.client.ip, seen.neighbour.ip], cite=cite, what="their own addresses"
        ) & expect(len(ports), 1, cite=cite, what="ports that they use")

    @check("the server sees no other address than the router's")
    def server_sees_the_router(self, seen: Evidence) -> Finding:
        came = self.at_server(seen).received
        sources = {sender(frame).address for frame in came}
        return expect(sources, {seen.router["lan-b"].ip}, cite=(came, came.markers_cited))

    @check("behind the router the two are told apart by their ports")
    def ports_differ(self, seen: Evidence) -> Finding:
        came = self.at_server(seen).received.syns
        ports = {sender(frame).port for frame in came}
        return expect(len(ports), len(GUESTS), cite=(came, came.markers_cited), what="different ports")

    @check("the server answers the router's address; the router puts the host's own address and port back")
    def answers_are_translated_back(self, seen: Evidence) -> Finding:
        at_router = seen.at("router:lan-b").tcp.port(PORT).received
        addressed = {receiver(frame).address for frame in at_router}
        back = [self.conversation(seen, guest)[1].received.syn_acks.first for guest in GUESTS]
        homes = [seen.connection(guest).client for guest in GUESTS]
        return expect(
            addressed, {seen.router["lan-b"].ip}, cite=(at_router, at_router.markers_cited)
        ) & expect([receiver(frame) for frame in back], homes, cite=back)

    @check("each host hears the answer to its own words")
    def each_hears_its_own(self, seen: Evidence) -> Finding:
        findings = []
        for guest in GUESTS:
            connection, segments = self.conversation(seen, guest)
            heard = segments.from_end(connection.server)
            findings.append(
                expect(
                    heard.payload,
                    REPLY + guest.encode(),
                    cite=(heard, heard.markers_cited),
                    what=f"what {guest} hears",
                )
            )
        return expect_all(findings, "answers")

    # -- calls from outside

    @check("called by the router's address, nobody behind it hears anything: the router itself refuses")
    def no_line_no_way(self, seen: Evidence) -> Finding:
        call = seen.action("server", "connect", BY_ROUTER)
        refusals = seen.during(BY_ROUTER).at("router:lan-b").tcp.sent.port(CALLED).resets
        inside = seen.during(BY_ROUTER).at("router:lan-a").tcp.port(CALLED)
        return (
            expect(call.error, "ECONNREFUSED", cite=call, what="the error of connect()")
            & expect_some(refusals)
            & expect_none(inside)
        )

    @check("called by its own address, a host answers: translating is no filter")
    def no_filter(self, seen: Evidence) -> Finding:
        call = seen.action("server", "connect", BY_HOST)
        answers = seen.during(BY_HOST).at("client:lan-a").tcp.sent.port(CALLED).syn_acks
        return expect(call.error, None, cite=call, what="the error of connect()") & expect_some(answers)

    mutants = (
        Mutant(
            "the router does not translate",
            settings={"translates": False},
            kills=(server_sees_the_router, ports_differ, answers_are_translated_back),
        ),
        Mutant(
            "each host uses a port of its own", settings={"same_port": False}, kills=(hosts_notice_nothing,)
        ),
        Mutant(
            "the router forwards the port: a line that somebody wrote by hand",
            forwards_port(CALLED, "client"),
            kills=(no_line_no_way,),
        ),
        Mutant(
            "the router filters what comes from outside first",
            loses_every(Match(destination_port=CALLED), where="forward"),
            kills=(no_filter,),
        ),
        Edit(
            "another answer comes to the client",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").tcp.received.with_data,
                edits.FIRST_DATA,
                b"not",
            ),
            kills=(each_hears_its_own,),
        ),
    )
