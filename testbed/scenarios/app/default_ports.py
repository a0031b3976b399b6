"""app.default-ports: where a server is to be found."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, Status, check, citations_of, expect, expect_all, expect_that
from testbed.evidence import Evidence, Segments, ttl_of
from testbed.programs import program
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import nobody_listens

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.stream import Stream

UNUSED = 6380
REFUSED = "a port that nobody uses"
GREETING = "你好"
ENOUGH = 60.0  # seconds for an answer: the first page of a server may take it a while


def ask_redis(stream: Stream) -> None:
    """Keep a value under a name and ask for it, in RESP: words with their lengths before them."""
    for words in (("SET", "lesson", GREETING), ("GET", "lesson")):
        encoded = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
        stream.send(b"".join(parts))
        stream.recv(timeout=ENOUGH)


def ask_mariadb(stream: Stream) -> None:
    """Hear the greeting, log in as `lab` without a password, and have something computed."""
    read_packet(stream)
    long_password, protocol_41, secure_connection, plugin_auth = 1, 0x200, 0x8000, 0x80000
    capabilities = long_password | protocol_41 | secure_connection | plugin_auth
    login = struct.pack("<IIB23x", capabilities, 1 << 24, 45) + b"lab\0" + b"\0" + b"mysql_native_password\0"
    send_packet(stream, login, 1)
    read_packet(stream)
    send_packet(stream, b"\x03SELECT 6 * 7", 0)
    ends = 0
    while ends < 2:  # one behind the columns, one behind the rows
        packet = read_packet(stream)
        if packet[:1] in (b"\xff", b""):
            return
        ends += packet[:1] == b"\xfe" and len(packet) < 9


def read_packet(stream: Stream) -> bytes:
    """Read one packet of MySQL's protocol: three bytes of length, a number, then so many bytes."""
    head = stream.recv_exactly(4, timeout=ENOUGH)
    return stream.recv_exactly(int.from_bytes(head[:3], "little"), timeout=ENOUGH)


def send_packet(stream: Stream, data: bytes, number: int) -> None:
    """Send one packet of MySQL's protocol."""
    stream.send(len(data).to_bytes(3, "little") + bytes([number]) + data)


def ask_web(stream: Stream) -> None:
    """Ask for the first page, by HTTP."""
    host = f"{stream.remote.address}:{stream.remote.port}"
    stream.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    stream.recv_end(timeout=ENOUGH)


def ask_mongodb(stream: Stream) -> None:
    """Say hello in MongoDB's protocol: an OP_MSG with one BSON document."""
    body = b"\x10hello\0\x01\0\0\0" + b"\x02$db\0\x06\0\0\0admin\0"
    document = struct.pack("<I", len(body) + 5) + body + b"\0"
    message = struct.pack("<IB", 0, 0) + document
    stream.send(struct.pack("<4I", 16 + len(message), 1, 0, 2013) + message)
    stream.recv(timeout=ENOUGH)


@dataclass(frozen=True, slots=True)
class Server:
    """A server, the port that it is known for, and how it is asked."""

    node: str
    port: int
    ask: Callable[[Stream], None]


REDIS = Server("redis", 6379, ask_redis)
MARIADB = Server("mariadb", 3306, ask_mariadb)
FLASK = Server("flask", 5000, ask_web)
DJANGO = Server("django", 8000, ask_web)
TOMCAT = Server("tomcat", 8080, ask_web)
MONGODB = Server("mongodb", 27017, ask_mongodb)
SERVERS = (REDIS, MARIADB, FLASK, DJANGO, TOMCAT, MONGODB)


def meet(lab: Lab, server: Server) -> None:
    """Connect to a server's port, and ask it something."""
    with lab.client.connect(lab[server.node], server.port) as stream:
        server.ask(stream)


class AppDefaultPorts(Scenario):
    """A server listens where its clients look for it: each kind has a port that it is known for.

    A client must know the port before it can ask anything. Nobody tells it: each program comes
    with one that its clients try unless they are told another. Redis takes 6379, MySQL and MariaDB
    3306, MongoDB 27017, Flask 5000, Django 8000, Tomcat 8080. It is a habit and no law, and a
    line in a configuration changes it.

    The port says where a program is, not what it speaks. So each is asked here in its own language:
    Redis by words with lengths, MariaDB by numbered packets, the other three by HTTP. And a port that
    nobody uses is refused, at once, by the host itself.
    """

    id = "app.default-ports"
    layer = Layer.APPLICATION
    rfc = ("RFC 6335 §6", "RFC 9293 §3.10.7.1", "RFC 9112 §3")
    claim = Claim(
        "Redis is on port 6379, MySQL 3306, MongoDB 27017, Flask 5000, Django 8000, Tomcat 8080.",
        Holds.QUALIFIED,
        "Unless they are told another. And as shipped most of them listen on 127.0.0.1 only: nobody from "
        "outside gets in before that is changed.",
    )
    places = (
        "client:lan-a",
        "router:lan-a",
        "router:lan-b",
        *(f"{server.node}:lan-b" for server in SERVERS),
    )
    topology = "servers.yaml"
    gains: ClassVar = {"image mongo:8": "MongoDB"}

    def act(self, lab: Lab) -> None:
        for server in SERVERS:
            with lab.step(server.node), contextlib.suppress(OSError):
                meet(lab, server)
        with lab.step(REFUSED), contextlib.suppress(OSError):
            lab.client.connect(lab["redis"], UNUSED).close()

    @staticmethod
    def answer(seen: Evidence, server: Server) -> Segments:
        """What a server says, as it reaches the client."""
        connection = seen.connection("client", server.node)
        return seen.at("client:lan-a").tcp.of(connection).from_end(connection.server).with_data

    def page(self, seen: Evidence, server: Server, words: bytes) -> Finding:
        """A web server answers 200, with a page that holds some words of its own."""
        answer = self.answer(seen, server)
        status, _, rest = answer.payload.partition(b"\r\n")
        return expect_that(
            status.split(b" ")[1:2] == [b"200"] and words in rest,
            f"port {server.port} answers 200, and says {words.decode()!r}",
            cite=answer or answer.first,
            seen=status,
        )

    @check("what each says leaves the server's card, and reaches the client one hop on")
    def across_the_router(self, seen: Evidence) -> Finding:
        findings = []
        for server in SERVERS:
            said = seen.at(f"{server.node}:lan-b").tcp.port(server.port).sent.with_data
            heard = seen.at("client:lan-a").tcp.port(server.port).received.with_data
            if said:
                here = heard.payload, {ttl_of(frame) for frame in heard}
                there = said.payload, {ttl_of(frame) - 1 for frame in said}
                findings.append(expect(here, there, cite=(said, heard), what=f"{server.node}: text, TTL"))
        return expect_all(findings, "servers that said something")

    @check("Redis answers on port 6379, in RESP: it gives back what it was told to keep")
    def redis_answers(self, seen: Evidence) -> Finding:
        answer = self.answer(seen, REDIS)
        kept = GREETING.encode()
        return expect(
            answer.payload, b"+OK\r\n$%d\r\n%s\r\n" % (len(kept), kept), cite=answer or answer.first
        )

    @check("MariaDB answers on port 3306, in MySQL's protocol: 6 * 7 is 42")
    def mariadb_answers(self, seen: Evidence) -> Finding:
        answer = self.answer(seen, MARIADB)
        greeting, said = answer[:1].payload, answer.payload
        return expect_that(
            b"MariaDB" in greeting and b"\x0242" in said,
            "it greets with its name, and answers 42",
            cite=answer or answer.first,
            seen=greeting[5:32],
        )

    @check("Flask answers on port 5000, in HTTP")
    def flask_answers(self, seen: Evidence) -> Finding:
        return self.page(seen, FLASK, b"Hello from Flask")

    @check("Django answers on port 8000, in HTTP")
    def django_answers(self, seen: Evidence) -> Finding:
        return self.page(seen, DJANGO, b"The install worked successfully!")

    @check("Tomcat answers on port 8080, in HTTP")
    def tomcat_answers(self, seen: Evidence) -> Finding:
        return self.page(seen, TOMCAT, b"It works !")

    @check("MongoDB answers on port 27017, in its own protocol")
    def mongodb_answers(self, seen: Evidence) -> Finding:
        if seen.topology.node(MONGODB.node).image.startswith("testbed/"):
            return Finding(
                Status.SKIPPED,
                "not seen here: MongoDB is in neither Debian nor PyPI, and no registry gave mongo:8 "
                "(docker pull mongo:8 says why; or docker load it)",
                citations_of(seen.action("client", "connect", MONGODB.node)),
            )
        answer = self.answer(seen, MONGODB)
        return expect_that(b"maxWireVersion" in answer.payload, "it says hello", cite=answer or answer.first)

    @check("a port that nobody uses is refused")
    def unused_port_is_refused(self, seen: Evidence) -> Finding:
        tried = seen.action("client", "connect", REFUSED)
        reset = seen.during(REFUSED).at("client:lan-a").tcp.port(UNUSED).received.resets.first
        return expect(tried.error, "ECONNREFUSED", cite=(tried, reset))

    mutants = (
        Mutant(
            "Redis is on another port",
            nobody_listens(REDIS.node, REDIS.port),
            kills=(redis_answers,),
        ),
        Mutant(
            "MariaDB is on another port",
            nobody_listens(MARIADB.node, MARIADB.port),
            kills=(mariadb_answers,),
        ),
        Mutant(
            "Flask and Tomcat are on other ports",
            lambda lab: [nobody_listens(one.node, one.port)(lab) for one in (FLASK, TOMCAT)],
            kills=(flask_answers, tomcat_answers),
        ),
        Mutant(
            "Django is on another port, and somebody is on the one that nobody uses",
            lambda lab: moved_in(lab),
            kills=(django_answers, unused_port_is_refused),
        ),
        Edit(
            "Redis sits beside the client, on its LAN",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").tcp.port(REDIS.port).received, edits.IP_TTL, b"\x40"
            ),
            kills=(across_the_router,),
        ),
        Edit(
            "MongoDB is there, and says nothing",
            lambda seen: with_silent_mongodb(seen),
            kills=(mongodb_answers,),
        ),
    )


def moved_in(lab: Lab) -> None:
    """Django has gone from its port, and a server has come to one that was free."""
    nobody_listens(DJANGO.node, DJANGO.port)(lab)
    lab["redis"].spawn(program("shouting_server", str(UNUSED))).wait_output("listens", timeout=ENOUGH)


def with_silent_mongodb(seen: Evidence) -> Evidence:
    """Let the node of MongoDB have been one, and nothing have come from it."""
    nodes = (
        replace(node, image="mongo:8") if node.name == MONGODB.node else node for node in seen.topology.nodes
    )
    numbers = {
        frame.number
        for place in ("client:lan-a", f"{MONGODB.node}:lan-b")
        for frame in seen.at(place).tcp.port(MONGODB.port)
    }
    silent = seen.map_frames(lambda frame: None if frame.number in numbers else frame)
    return silent.edited(topology=replace(seen.topology, nodes=tuple(nodes)))
