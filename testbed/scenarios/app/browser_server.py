"""app.browser-server: nothing to install at the client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Segments
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import nobody_listens

if TYPE_CHECKING:
    from testbed.lab import Lab

HTTP, ECHO = 80, 8888
BROWSER = "the text as a web page, by a browser"
DOWN = "the web server is down"
CLIENT = "the same text by the echo client"
TEXT = "你好 from the other network."
PAGE = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title><style>p {{ color: green }}</style></head>
<body><p>{TEXT}</p></body></html>
"""
ENOUGH = 60.0  # seconds for what ends by itself


@dataclass(frozen=True, slots=True)
class Cost:
    """What a connection costs on the wire. size: bytes, Ethernet headers included."""

    frames: int
    size: int

    def __str__(self) -> str:
        return f"{self.frames} frames, {self.size} bytes"


class AppBrowserServer(Scenario):
    """A browser speaks to every web server; an echo client speaks to its own server alone.

    With client and server (C/S), somebody writes both, and installs the client at each user's. With
    browser and server (B/S) the user has the client already: it asks in HTTP, which every
    web server understands, gets a page in HTML, and shows it. What is new at the server is
    new for everybody at once.

    That both work for everyone has its price: the question says what the browser is and what it can read, the
    answer says what it holds and how long it is, and the page says how it is to look. A
    program of its own sends just the text.

    When the web server is down, nobody is there to send a page that says so. What the user then
    reads comes from the browser itself: its host was told by RST that nobody listens.
    """

    id = "app.browser-server"
    layer = Layer.APPLICATION
    rfc = ("RFC 9110 §9.3.1", "RFC 9112 §2", "RFC 9110 §15.3.1")
    claim = Claim(
        "With browser and server there is nothing to install at the client.",
        Holds.QUALIFIED,
        "Nothing but the browser, which is a large program that has to be kept up to date; and each message "
        "carries what a program of its own need not say.",
    )
    places = ACROSS
    topology = "web.yaml"

    echoed = TEXT
    goes_down = True

    def act(self, lab: Lab) -> None:
        visit = ["w3m", "-dump", f"http://{lab.client.address_of(lab.server)}/"]
        with lab.server.spawn(program("web_server", str(HTTP), json.dumps(PAGE))) as server:
            server.wait_output("listens", timeout=ENOUGH)
            with lab.step(BROWSER):
                lab.client.exec(visit, timeout=ENOUGH)
            if self.goes_down:
                server.terminate()
            with lab.step(DOWN):
                lab.client.exec(visit, timeout=ENOUGH)
        with lab.step(CLIENT), lab.client.connect(lab.server, ECHO) as stream:
            stream.send(self.echoed.encode())
            stream.recv_exactly(len(self.echoed.encode()), timeout=ENOUGH)
            stream.shutdown("write")
            stream.recv_end(timeout=ENOUGH)

    @staticmethod
    def segments(seen: Evidence, step: str, port: int) -> Segments:
        return seen.during(step).at("client:lan-a").tcp.port(port)

    @check("the browser asks in HTTP, with a line and headers that anybody can read")
    def browser_asks(self, seen: Evidence) -> Finding:
        asked = self.segments(seen, BROWSER, HTTP).sent.with_data
        line, _, headers = asked[:1].payload.partition(b"\r\n")
        return expect_that(
            line.startswith(b"GET / HTTP/1.") and b"\r\nHost: " in b"\r\n" + headers,
            "GET, the path and the version, and for which host",
            cite=asked or asked.first,
            seen=line,
        )

    @check("the server answers 200, says what follows, and sends the page")
    def server_answers(self, seen: Evidence) -> Finding:
        answered = self.segments(seen, BROWSER, HTTP).received.with_data
        head, _, body = answered.payload.partition(b"\r\n\r\n")
        status, _, headers = head.partition(b"\r\n")
        said = (status, b"Content-Type: text/html; charset=utf-8" in headers, body.decode(errors="replace"))
        return expect(
            said, (b"HTTP/1.1 200 OK", True, PAGE), cite=answered or answered.first, what="status, type, page"
        )

    @check("the browser shows the text, and none of what surrounds it")
    def text_is_shown(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "exec", BROWSER)
        shown = ran.result["stdout"].decode(errors="replace").strip() if ran.result else None
        return expect(shown, TEXT, cite=ran)

    @check("when the server is down, the only word about it is the browser's own: nothing but a RST came")
    def error_is_its_own(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "exec", DOWN)
        told = ran.result["stderr"].decode(errors="replace").strip() if ran.result else None
        shown = ran.result["stdout"] if ran.result else None
        came = self.segments(seen, DOWN, HTTP).received
        return expect(
            (told, shown), (f"w3m: Can't load http://{seen.server.ip}/.", b""), cite=ran, what="error, page"
        ) & expect_that(
            len(came.resets) == len(came) > 0,
            "what came from there is RST",
            cite=(came, came.markers_cited),
            seen=f"{len(came.resets)} of {len(came)}",
        )

    @check("the echo client gets the text, and nothing else travels")
    def echo_is_bare(self, seen: Evidence) -> Finding:
        segments = self.segments(seen, CLIENT, ECHO)
        return expect(
            (segments.sent.payload.decode(), segments.received.payload.decode(errors="replace")),
            (TEXT, TEXT),
            cite=segments.with_data or segments.first,
        )

    @check("the browser's way costs more bytes for the same text", needs=[server_answers])
    def browser_costs_more(self, seen: Evidence) -> Finding:
        page, echo = self.segments(seen, BROWSER, HTTP), self.segments(seen, CLIENT, ECHO)
        return expect_that(
            cost(page).size > cost(echo).size > 0,
            f"{len(TEXT.encode())} bytes of text: as a page {cost(page)}; by the echo client {cost(echo)}",
            cite=(page, echo),
        )

    mutants = (
        Mutant(
            "the server is down: the browser says so itself",
            nobody_listens("server", HTTP),
            kills=(browser_asks, server_answers, text_is_shown),
        ),
        Mutant(
            "the server is up when it should be down",
            settings={"goes_down": False},
            kills=(error_is_its_own,),
        ),
        Mutant(
            "the echo client says more than the text",
            settings={"echoed": TEXT * 100},
            kills=(echo_is_bare, browser_costs_more),
        ),
        Edit(
            "the browser asks in another language",
            edits.rewritten(
                lambda seen: AppBrowserServer.segments(seen, BROWSER, HTTP).sent.with_data[:1],
                edits.FIRST_DATA,
                b"???",
            ),
            kills=(browser_asks,),
        ),
    )


def cost(frames: Segments) -> Cost:
    """What these segments cost on the wire, both ways."""
    return Cost(len(frames), sum(frame.original_length for frame in frames))
