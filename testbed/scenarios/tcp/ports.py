"""tcp.ports: which program on a host is meant, and which conversation."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all
from testbed.evidence import Action, Connection, Evidence, NothingSeen, connection_of
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import swaps_ports

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Stream

POST, NEWS = 9025, 9119
NAMES = {POST: "post", NEWS: "news"}
TALKS = "three conversations"
TWIN = "a fourth that would be the same as the first"


class TcpPorts(Scenario):
    """The port tells which program of a host is meant; four numbers tell one connection from all others.

    An IP address leads to a host. Many programs run there, so each segment also bears a port,
    a number of 16 bits: the server's kernel looks which program listens on it, and hands the
    segment to that one. Two servers on one host never hear each other's words.

    The client has a port too, as a rule one that its kernel picks. It is needed when two
    clients, or one client twice, talk to the same server. A connection is named by all four
    together: the client's address and port, the server's address and port. It is enough that one of
    the four differs; if all four are the same, it is the same connection, and the kernel
    refuses to begin it twice.
    """

    id = "tcp.ports"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.3.1", "RFC 9293 §3.4", "RFC 6056 §2.2")
    claim = Claim("The IP address tells which host is meant, the port which of its programs.")
    places = ACROSS

    third_to = POST  # whom the client talks to from its second port
    shares_port = True  # the second conversation and the twin are from the first one's port

    def act(self, lab: Lab) -> None:
        for port, name in NAMES.items():
            lab.server.spawn(program("named_server", str(port), name)).wait_output("listens")
        own = lab.client.addresses[0]
        with lab.step(TALKS):
            first = lab.client.connect(lab.server, POST, source=str(own))
            again = first.local.port if self.shares_port else 0
            second = lab.client.connect(lab.server, NEWS, source=str(own), source_port=again)
            third = lab.client.connect(lab.server, self.third_to, source=str(own))
            talk(first, "a letter")
            talk(second, "an article")
            talk(third, "a parcel")
            lab.server.await_sockets(least=3, state="ESTABLISHED", local_port=[POST, NEWS])
        with lab.step(TWIN), contextlib.suppress(OSError):
            lab.client.connect(lab.server, POST, source=str(own), source_port=again).reset()
        for stream in (first, second, third):
            stream.reset()

    @staticmethod
    def talks(seen: Evidence) -> tuple[tuple[Action, ...], list[Connection]]:
        """The three conversations, in order."""
        calls = seen.all_actions("client", "connect", TALKS)
        if len(calls) < 3:
            raise NothingSeen(
                f"a third conversation: there are {len(calls)}", [one.citation for one in calls]
            )
        return calls, [connection_of(call) for call in calls]

    @check("each program hears what was said to its port, and nothing else")
    def each_hears_its_own(self, seen: Evidence) -> Finding:
        said_to: dict[int, list[str]] = {port: [] for port in NAMES}
        findings = []
        for ends in self.talks(seen)[1]:
            segments = seen.at("client:lan-a").tcp.of(ends)
            port = ends.server.port
            said_to[port].append(segments.from_end(ends.client).payload.decode())
            answer = segments.from_end(ends.server).payload.decode()
            expected = f"{NAMES[port]} heard {', '.join(said_to[port])}"
            findings.append(
                expect(answer, expected, cite=segments.with_data or segments, what=f"port {port}")
            )
        return expect_all(findings, "answers")

    @check("two conversations with two programs differ in the server's port alone")
    def programs_differ_by_server_port(self, seen: Evidence) -> Finding:
        calls, (first, second, _) = self.talks(seen)
        return expect(differences(first, second), ["server port"], cite=calls[:2])

    @check("two conversations with one program differ in the client's port alone")
    def conversations_differ_by_client_port(self, seen: Evidence) -> Finding:
        calls, (first, _, third) = self.talks(seen)
        return expect(differences(first, third), ["client port"], cite=(calls[0], calls[2]))

    @check("the server's kernel has a socket for each, known by the same four numbers")
    def server_has_a_socket_for_each(self, seen: Evidence) -> Finding:
        held = [seen.tcp_states("server", ends).held("ESTABLISHED") for ends in self.talks(seen)[1]]
        return expect([one.state for one in held], ["ESTABLISHED"] * 3, cite=held)

    @check("a connection with all four numbers the same cannot be opened a second time")
    def no_two_are_the_same(self, seen: Evidence) -> Finding:
        tried = seen.action("client", "connect", TWIN)
        return expect(tried.error, "EADDRNOTAVAIL", cite=tried, what="the error of connect()")

    mutants = (
        Mutant(
            "the two ports lead to each other's program",
            swaps_ports("server", POST, NEWS),
            kills=(each_hears_its_own, server_has_a_socket_for_each),
        ),
        Mutant(
            "the client takes another port of its own for each",
            settings={"shares_port": False},
            kills=(programs_differ_by_server_port, no_two_are_the_same),
        ),
        Mutant(
            "from its other port the client talks to the other program",
            settings={"third_to": NEWS},
            kills=(conversations_differ_by_client_port,),
        ),
        Edit(
            "the server's kernel never gets there",
            edits.without_state("ESTABLISHED", "server"),
            kills=(server_has_a_socket_for_each,),
        ),
    )


def talk(stream: Stream, words: str) -> None:
    """Say one thing and hear the answer."""
    stream.send(words.encode())
    stream.recv()


def differences(one: Connection, other: Connection) -> list[str]:
    """Which of the four numbers of two connections are not the same."""
    pairs = {
        "client address": (one.client.address, other.client.address),
        "client port": (one.client.port, other.client.port),
        "server address": (one.server.address, other.server.address),
        "server port": (one.server.port, other.server.port),
    }
    return [name for name, (a, b) in pairs.items() if a != b]
