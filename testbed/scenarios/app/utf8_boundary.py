"""app.utf8-boundary: a buffer may end inside a character."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Segments
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
BUFFER = 1024  # bytes that the lesson asks for at a time
TEXT = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 40  # 960 characters, 2880 bytes
EACH = "each read is decoded by itself"
WHOLE = "the stream is decoded"
ENOUGH = 60.0  # seconds for what ends by itself


class AppUtf8Boundary(Scenario):
    """A character may be longer than a byte, and a buffer may end in the middle of it.

    In UTF-8 a Chinese character is three bytes, an emoji four. Characters know nothing of buffers:
    1024 is not a multiple of three, so the 342nd character of a long Chinese text begins with the last
    byte of the first buffer, and ends with the first two bytes of the second.

    Whoever decodes each recv() by itself meets a byte that is no character, and dies of it, or
    shows `�`. Nothing was lost or changed on the way. A decoder that keeps the half character until its
    other half has come reads the text as it was written; so does one that decodes when all is there.
    """

    id = "app.utf8-boundary"
    layer = Layer.APPLICATION
    rfc = ("RFC 3629 §3", "RFC 9293 §3.8")
    claim = Claim(
        "What recv(1024) returns can be decoded as text.",
        Holds.QUALIFIED,
        "Only if it ends where a character ends. For texts of single bytes it always does; for any other it "
        "does by luck.",
    )
    places = ACROSS

    text = TEXT
    decodes = "whole"  # how the correct peer decodes

    def act(self, lab: Lab) -> None:
        for step, manner in ((EACH, "each"), (WHOLE, self.decodes)):
            with lab.step(step):
                lab.client.run(
                    program("decoding_client", lab.client.address_of(lab.server), str(PORT), manner),
                    input=self.text.encode(),
                    timeout=ENOUGH,
                )

    @staticmethod
    def heard(seen: Evidence, step: str) -> Segments:
        """What the server sends back in a step, as it reaches the client."""
        return seen.during(step).at("client:lan-a").tcp.port(PORT).received.with_data

    @check("the first 1024 bytes of what comes back end inside a character")
    def ends_inside_a_character(self, seen: Evidence) -> Finding:
        heard = self.heard(seen, WHOLE)
        rest = _unfinished(heard.payload[:BUFFER])
        return expect_that(
            0 < len(rest) < 4, "the last bytes are a part of a character", cite=heard[:2], seen=rest
        )

    @check("what comes back is what was said, byte for byte: nothing is wrong on the way")
    def bytes_unchanged(self, seen: Evidence) -> Finding:
        heard = self.heard(seen, WHOLE)
        said = seen.during(WHOLE).at("client:lan-a").tcp.port(PORT).sent.with_data
        return expect_that(
            heard.payload == said.payload != b"", "the same bytes", cite=(said, heard, heard.markers_cited)
        )

    @check("a client that decodes each read by itself meets half a character, and dies of it")
    def each_by_itself_fails(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "run", EACH)
        status, error = (ran.result["status"], ran.result["stderr"]) if ran.result else (None, b"")
        return expect(
            (status, b"UnicodeDecodeError" in error), (1, True), cite=ran, what="exit code; its error"
        )

    @check("a client that decodes the stream reads the whole text")
    def stream_is_decoded(self, seen: Evidence) -> Finding:
        ran = seen.action("client", "run", WHOLE)
        said = ran.result["stdout"] if ran.result else b""
        return expect_that(said == TEXT.encode(), "it prints the text as it was said", cite=ran)

    mutants = (
        Mutant(
            "the correct peer decodes each read by itself",
            settings={"decodes": "each"},
            kills=(stream_is_decoded,),
        ),
        Mutant(
            "a text whose characters are single bytes",
            settings={"text": "a" * len(TEXT.encode())},
            kills=(ends_inside_a_character, each_by_itself_fails, stream_is_decoded),
        ),
        Edit(
            "something is changed on the way",
            edits.rewritten(lambda seen: AppUtf8Boundary.heard(seen, WHOLE)[:1], edits.FIRST_DATA, b"???"),
            kills=(bytes_unchanged,),
        ),
    )


def _unfinished(data: bytes) -> bytes:
    """The bytes at the end that begin a character and do not finish it (RFC 3629 §3)."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    decoder.decode(data)
    rest, _ = decoder.getstate()
    return rest
