"""app.client-server: the lesson's own program, and who is served when."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.evidence import Connection, Evidence, Segments
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import replaces_server

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Stream

PORT = 8888
FAREWELL = "q"
TEXTS = (
    "hello",
    "你好，世界",
    "日本語も、한국어도",
    "🙂 🚀 a rocket is four bytes long",
    "語" * 341 + "!",  # 1024 bytes: the most that the server asks for at a time
)
TOGETHER = "three clients come at once"
OWN_PROGRAM = "the lesson's own client"
PATIENCE = 15.0  # seconds to wait for an answer that should be there in milliseconds
GUESTS = ("client", "neighbour", "bystander")


class AppClientServer(Scenario):
    """A client says lines, the server sends them back, `q` ends it; who comes second waits.

    Client and server are roles, not machines: the server waits at a known address and
    port, the client comes and speaks first. The lesson's server holds one conversation at a
    time. A second client is nevertheless connected at once: that is the kernel's doing,
    which completes the handshake and keeps what the client says until the program asks for it. The
    program asks when it has said goodbye to the first.

    So "connected" does not mean "served". From outside the two are told apart by one thing only:
    whether an answer comes.
    """

    id = "app.client-server"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.9.1", "RFC 862")
    claim = Claim(
        "The server sends back what a client says; `q` ends it; clients are served one after another."
    )
    places = (
        "client:lan-a",
        "neighbour:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    patience = PATIENCE

    def act(self, lab: Lab) -> None:
        with lab.step(TOGETHER):
            guests = []
            for name in GUESTS:
                stream = lab[name].connect(lab.server, PORT)
                stream.send(TEXTS[0].encode())  # the first hears it back at once, the others must wait
                guests.append(stream)
            for stream in guests:  # see them connected, before the first is through
                stream.node.await_tcp_state(stream, "ESTABLISHED")
            for stream in guests:
                converse(stream, self.patience)
        with lab.step(OWN_PROGRAM):
            lab.client.exec(["echo_client.py", "talk", "--timeout", str(self.patience)])

    @staticmethod
    def conversation(seen: Evidence, guest: str) -> tuple[Connection, Segments]:
        connection = seen.connection(guest, TOGETHER)
        return connection, seen.at(f"{guest}:lan-a").tcp.of(connection)

    @check("every text comes back unchanged, to each of the three clients")
    def texts_unchanged(self, seen: Evidence) -> Finding:
        findings = []
        for guest in GUESTS:
            connection, segments = self.conversation(seen, guest)
            said = segments.from_end(connection.client).payload.decode()
            heard = segments.from_end(connection.server).payload.decode(errors="replace")
            findings.append(expect(heard + FAREWELL, said, cite=segments.with_data or segments, what=guest))
        return expect_all(findings, "what was said and what came back")

    @check("the lesson's own client, in its own container, hears every line unchanged")
    def own_client_content(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "exec", OWN_PROGRAM)
        status = None if ran.result is None else ran.result["status"]
        return expect(status, 0, cite=ran, what="its exit code")

    @check("the second and the third client are connected while the first still talks")
    def connected_while_waiting(self, seen: Evidence) -> Finding:
        end = self.end_of(seen, "client")
        held = [
            seen.tcp_states(guest, self.conversation(seen, guest)[0]).held("ESTABLISHED")
            for guest in GUESTS[1:]
        ]
        return expect_that(
            all(h.begin_ns < end for h in held), "both are ESTABLISHED before the first has ended", cite=held
        )

    @check("each of them is answered only when the one before it has ended, and then it is")
    def served_in_turn(self, seen: Evidence) -> Finding:
        findings = []
        for before, guest in pairwise(GUESTS):
            connection, segments = self.conversation(seen, guest)
            answer = segments.from_end(connection.server).with_data.first
            findings.append(
                expect_that(
                    answer.time_ns > self.end_of(seen, before),
                    f"{guest} is answered after {before} has ended",
                    cite=answer,
                )
            )
        return expect_all(findings, "order of service")

    @check("`q` makes the server close the connection")
    def q_ends_it(self, seen: Evidence) -> Finding:
        findings = []
        for guest in GUESTS:
            connection, segments = self.conversation(seen, guest)
            farewell = segments.from_end(connection.client).with_data.last
            end = segments.from_end(connection.server).fins.first
            findings.append(
                expect_that(
                    farewell.packet.payload == FAREWELL.encode() and end.time_ns > farewell.time_ns,
                    "the server's FIN follows `q`",
                    cite=(farewell, end),
                )
            )
        return expect_all(findings, "ends")

    def end_of(self, seen: Evidence, guest: str) -> int:
        """When a guest said goodbye: the time of the segment that carried `q`."""
        connection, segments = self.conversation(seen, guest)
        return segments.from_end(connection.client).with_data.last.time_ns

    mutants = (
        Mutant(
            "the server answers in upper case",
            replaces_server("server", PORT, "shouting_server"),
            kills=(texts_unchanged, own_client_content),
        ),
        Mutant(
            "the server drops one text",
            replaces_server("server", PORT, "forgetful_server"),
            settings={"patience": 1.0},
            kills=(texts_unchanged, own_client_content),
        ),
        Mutant(
            "many are served at once",
            replaces_server("server", PORT, "echo_server", "--concurrent", "--port", "{port}"),
            kills=(served_in_turn,),
        ),
        Edit(
            "the neighbour is not connected while it waits",
            edits.without_state("ESTABLISHED", "neighbour"),
            kills=(connected_while_waiting,),
        ),
        Edit(
            "the server never closes",
            edits.dropped(lambda seen: seen.at("client:lan-a").tcp.received.fins),
            kills=(q_ends_it,),
        ),
    )


def converse(stream: Stream, patience: float) -> None:
    """Hear the first text back, say the others and hear each, then say goodbye and see the server close.

    patience: seconds that each may take.
    """
    hear(stream, TEXTS[0], patience)
    for text in TEXTS[1:]:
        stream.send(text.encode())
        hear(stream, text, patience)
    stream.send(FAREWELL.encode())
    with contextlib.suppress(TimeoutError):
        stream.recv_end(timeout=patience)
    stream.close()


def hear(stream: Stream, text: str, patience: float) -> None:
    """Wait for as many bytes as were said; a text that never comes back is seen by the check."""
    with contextlib.suppress(TimeoutError):
        stream.recv_exactly(len(text.encode()), timeout=patience)
