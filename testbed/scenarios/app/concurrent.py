"""app.concurrent: serving many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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


class AppConcurrent(Scenario):
    """A server that gives each client a thread of its own serves them all at once.

    The lesson's server turns to the next client when it has said goodbye to the last. That is fine
    for three polite ones. Here two hundred come, each says something, and none says goodbye before all have
    been answered: served one after another, the second would wait for the first, and the
    first for the second, for ever.

    The cure: accept() in one thread, and a thread for each conversation. Each then waits in
    its own recv(), and whoever speaks is answered, in whatever order. A loop that asks the kernel which
    of its sockets has something to read (select, epoll, asyncio) does the same with one thread.
    """

    id = "app.concurrent"
    layer = Layer.APPLICATION
    rfc = ("RFC 9293 §3.9.1",)
    claim = Claim("A server with a thread for each client serves many at once.")
    places = ACROSS

    manner: tuple[str, ...] = ("--concurrent",)
    patience = PATIENCE

    def act(self, lab: Lab) -> None:
        server = program("echo_server", "--port", str(PORT), "--backlog", str(GUESTS), *self.manner)
        with lab.server.spawn(server) as process:
            process.wait_output("listens", timeout=PATIENCE)
            host = lab.client.address_of(lab.server)
            crowd = program("crowd", host, str(PORT), str(GUESTS), str(self.patience))
            lab.client.run(crowd, timeout=4 * PATIENCE)

    @staticmethod
    def by_client(seen: Evidence) -> Mapping[int, tuple[Segments, Segments]]:
        """What each client said and what it heard, by its port, as the client's host sees it."""
        talk = seen.at("client:lan-a").tcp.port(PORT)
        said: dict[int, list[Frame]] = defaultdict(list)
        heard: dict[int, list[Frame]] = defaultdict(list)
        for frame in talk.with_data:
            tcp = tcp_of(frame)
            if tcp.destination_port == PORT:
                said[tcp.source_port].append(frame)
            else:
                heard[tcp.destination_port].append(frame)
        return {
            port: (
                Segments(said[port], f"from {port} {talk.what}", talk.markers),
                Segments(heard[port], f"to {port} {talk.what}", talk.markers),
            )
            for port in said
        }

    @check(f"all {GUESTS} are answered, each with its own words")
    def all_answered(self, seen: Evidence) -> Finding:
        talks = self.by_client(seen)
        texts = {said.payload.removesuffix(FAREWELL) for said, _ in talks.values()}
        wrong = [
            said for said, heard in talks.values() if heard.payload != said.payload.removesuffix(FAREWELL)
        ]
        return expect(
            (len(texts), len(wrong)),
            (GUESTS, 0),
            cite=wrong or [said for said, _ in talks.values()],
            what="different texts; those that did not come back",
        )

    @check("none waits for another: the last is answered before the first says goodbye")
    def none_waits(self, seen: Evidence) -> Finding:
        talks = self.by_client(seen).values()
        answers = [heard.first for _, heard in talks]
        last_answer = max(answers, key=lambda frame: frame.time_ns)
        goodbyes = [said.last for said, _ in talks if said.last.packet.payload == FAREWELL]
        first_goodbye = min(goodbyes, key=lambda frame: frame.time_ns)
        return expect_that(
            len(answers) == GUESTS and last_answer.time_ns < first_goodbye.time_ns,
            f"{GUESTS} answers before the first goodbye",
            cite=(last_answer, first_goodbye),
            seen=len([a for a in answers if a.time_ns < first_goodbye.time_ns]),
        )

    mutants = (
        Mutant(
            "the sequential server",
            settings={"manner": (), "patience": 2.0},
            kills=(all_answered, none_waits),
        ),
        Edit(
            "one is answered with another's words",
            edits.rewritten(
                lambda seen: next(iter(AppConcurrent.by_client(seen).values()))[1][:1],
                edits.FIRST_DATA,
                b"???",
            ),
            kills=(all_answered,),
        ),
        Edit(
            "one is answered late",
            edits.delayed(lambda seen: next(iter(AppConcurrent.by_client(seen).values()))[1][:1], 3600),
            kills=(none_waits,),
        ),
    )
