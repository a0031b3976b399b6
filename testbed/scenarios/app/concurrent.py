"""app.concurrent: serving many at once, in two manners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Frame, Segments, tcp_of
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9032
GUESTS = 200
PATIENCE = 15.0  # seconds until somebody who has not been answered breaks off; on a sound network: never
FAREWELL = b"q"
THREADS = "a server with a thread for each client"
LOOP = "a server with one loop for all"
ECHO = ("echo_server", "--port", str(PORT), "--backlog", str(GUESTS))
ASYNC = ("async_echo", str(PORT), str(GUESTS))


class AppConcurrent(Scenario):
    """A server that can wait for many clients at the same time serves them all at once.

    The lesson's server turns to the next client when it has said goodbye to the last. That is fine
    for three polite ones. Here two hundred come, each says something, and none says goodbye before all have
    been answered: served one after another, the second would wait for the first, and the
    first for the second, for ever.

    There are two cures, and the same crowd comes to each. A thread for each client: accept() in one
    thread, and a new one for each conversation. Each then waits in its own recv(), and whoever
    speaks is answered, in whatever order. Or one thread and a loop (asyncio): the loop asks the kernel
    which of all its sockets has something to read, and turns to those. Each conversation is written as if it
    were alone; where it says `await`, the others have their turn.
    """

    id = "app.concurrent"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.9.1",)
    claim = Claim("A server with a thread for each client, or with one loop for all, serves many at once.")
    places = ACROSS

    servers: Mapping[str, tuple[str, ...]] = MappingProxyType({THREADS: (*ECHO, "--concurrent"), LOOP: ASYNC})
    patience = PATIENCE

    def act(self, lab: Lab) -> None:
        host = lab.client.address_of(lab.server)
        crowd = program("crowd", host, str(PORT), str(GUESTS), str(self.patience))
        for manner, server in self.servers.items():
            with lab.server.spawn(program(*server)) as process, lab.step(manner):
                process.wait_output("listens", timeout=PATIENCE)
                lab.client.run(crowd, timeout=4 * PATIENCE)

    @staticmethod
    def by_client(seen: Evidence, manner: str) -> Mapping[int, tuple[Segments, Segments]]:
        """What each client of a crowd said and what it heard, by its port."""
        spoken = talk(seen, manner)
        said: dict[int, list[Frame]] = defaultdict(list)
        heard: dict[int, list[Frame]] = defaultdict(list)
        for frame in spoken.with_data:
            tcp = tcp_of(frame)
            if tcp.destination_port == PORT:
                said[tcp.source_port].append(frame)
            else:
                heard[tcp.destination_port].append(frame)
        return {
            port: (
                Segments(said[port], f"from {port} {spoken.what}", spoken.markers),
                Segments(heard[port], f"to {port} {spoken.what}", spoken.markers),
            )
            for port in said
        }

    @check(f"by threads, all {GUESTS} are answered, each with its own words")
    def threads_answer_all(self, seen: Evidence) -> Finding:
        return expect_all_answered(self.by_client(seen, THREADS))

    @check("with a thread for each none waits for another: the last is answered before the first goodbye")
    def threads_let_none_wait(self, seen: Evidence) -> Finding:
        return expect_none_waits(self.by_client(seen, THREADS), first_to_leave(seen, THREADS))

    @check(f"by one loop, all {GUESTS} are answered, each with its own words")
    def loop_answers_all(self, seen: Evidence) -> Finding:
        return expect_all_answered(self.by_client(seen, LOOP))

    @check("with one loop for all none waits for another either")
    def loop_lets_none_wait(self, seen: Evidence) -> Finding:
        return expect_none_waits(self.by_client(seen, LOOP), first_to_leave(seen, LOOP))

    mutants = (
        Mutant(
            "the sequential server, instead of both",
            settings={"servers": {THREADS: ECHO, LOOP: ECHO}, "patience": 2.0},
            kills=(threads_answer_all, threads_let_none_wait, loop_answers_all, loop_lets_none_wait),
        ),
        Edit(
            "one is answered by a thread with another's words",
            edits.rewritten(lambda seen: first_answer(seen, THREADS), edits.FIRST_DATA, b"???"),
            kills=(threads_answer_all,),
        ),
        Edit(
            "a thread answers one late",
            edits.moved(lambda seen: first_answer(seen, THREADS), THREADS),
            kills=(threads_let_none_wait,),
        ),
        Edit(
            "one is answered by the loop with another's words",
            edits.rewritten(lambda seen: first_answer(seen, LOOP), edits.FIRST_DATA, b"???"),
            kills=(loop_answers_all,),
        ),
        Edit(
            "the loop answers one late",
            edits.moved(lambda seen: first_answer(seen, LOOP), LOOP),
            kills=(loop_lets_none_wait,),
        ),
    )


def expect_all_answered(talks: Mapping[int, tuple[Segments, Segments]]) -> Finding:
    """Pass when as many clients as came said different things, and each heard its own and said goodbye.

    Who is answered only because those before it broke off has lost its patience too: it says no goodbye.
    """
    texts = {said.payload.removesuffix(FAREWELL) for said, _ in talks.values()}
    wrong = [said for said, heard in talks.values() if said.payload != heard.payload + FAREWELL]
    return expect(
        (len(texts), len(wrong)),
        (GUESTS, 0),
        cite=wrong or [said for said, _ in talks.values()],
        what="different texts; those that did not come back before a goodbye",
    )


def expect_none_waits(talks: Mapping[int, tuple[Segments, Segments]], leaving: Frame) -> Finding:
    """Pass when all were answered before the first of them left, with a goodbye or without."""
    answers = [heard.first for _, heard in talks.values()]
    last_answer = max(answers, key=lambda frame: frame.time_ns)
    return expect_that(
        len(answers) == GUESTS and last_answer.time_ns < leaving.time_ns,
        f"{GUESTS} answers before the first leaves",
        cite=(last_answer, leaving),
        seen=len([a for a in answers if a.time_ns < leaving.time_ns]),
    )


def first_answer(seen: Evidence, manner: str) -> Segments:
    """The first segment that the first of a crowd hears."""
    return next(iter(AppConcurrent.by_client(seen, manner).values()))[1][:1]


def first_to_leave(seen: Evidence, manner: str) -> Frame:
    """The segment with which the first of a crowd says goodbye, or breaks off."""
    return (
        talk(seen, manner)
        .sent.where(lambda f: f.packet.payload == FAREWELL or tcp_of(f).fin or tcp_of(f).rst, "leaving:")
        .first
    )


def talk(seen: Evidence, manner: str) -> Segments:
    """What a crowd and its server say, as the clients' host sees it."""
    return seen.during(manner).at("client:lan-a").tcp.port(PORT)
