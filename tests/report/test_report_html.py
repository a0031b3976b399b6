"""The HTML report is one file that needs nothing else, holds all, and lets nothing of a node's run."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from ipaddress import IPv4Network

import pytest

from testbed.checks import Status, Verdict
from testbed.packets import decode
from testbed.report import html
from testbed.report.anatomy import anatomy
from testbed.report.labs import labs_of
from testbed.report.prose import prose
from testbed.results import Result, RunResult
from tests import frames_builder as build
from tests.frames_builder import ACK, PSH
from tests.report.conftest import Handshake, checked, frames
from tests.report.story import Story, default_topology

VOID = {"meta", "input", "br", "link", "img", "hr"}


class Whole(HTMLParser):
    """Holds that elements are closed in their order; gathers identifiers, links and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.handlers: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that begins."""
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        self.scripts += tag == "script" and "type" not in given
        self.handlers += [name for name in given if name.startswith("on")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element of SVG that is closed at once."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Hold that it is the one that was opened last."""
        assert self.open.pop() == tag


def page_frames(text: str, scenario: str) -> dict[int, dict[str, object]]:
    """The frames that a page can open."""
    found = re.search(rf'id="{re.escape(scenario)}\.frames">([^<]*)<', text)
    assert found is not None
    return {frame["n"]: frame for frame in json.loads(zlib.decompress(base64.b64decode(found[1])))}


def test_whole(run: RunResult) -> None:
    """The page is well-formed, its identifiers are unique, and it asks nobody for anything."""
    text = html.render(run, capture="capture.pcapng")
    page = Whole(text)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if not link.startswith("#")} == {"capture.pcapng"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert page.scripts == 1
    assert not page.handlers
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_deterministic(run: RunResult) -> None:
    """The same run makes the same bytes."""
    assert html.render(run) == html.render(run)


def test_says_all(run: RunResult) -> None:
    """Every scenario, check, reason and version stands in it; what was skipped says why."""
    text = html.render(run)
    for word in ("tcp.handshake", "tcp.green", "ip.elsewhere", "expected 1002, seen 1001", "28.5.2"):
        assert word in text
    assert "it needs a node &#39;moon&#39;" in text
    assert "The claim was not shown" in text
    assert "router: lose SYN,ACK from port 8888, once; struck 1 time" in text


def test_frames_can_be_opened(run: RunResult, story: Story) -> None:
    """Each frame in the ladder has its bytes and layers, each byte in just one, and Wireshark's number."""
    opened = page_frames(html.render(run), "tcp.handshake")
    assert set(opened) >= {7, 8, 11, 12, 15}
    for number, frame in opened.items():
        data = base64.b64decode(str(frame["b"]))
        assert data == story.frames[number - 1].data
        layers = frame["l"]
        assert isinstance(layers, list)
        assert [at for layer in layers for at in range(layer[3], layer[4])] == list(range(len(data)))


def test_hostile(run: RunResult) -> None:
    """Markup and control characters of a node's stay text, wherever they come in."""
    story = Story()
    story.handshake()
    banner = b"</script><script>document.title='owned'</script>\x1b[31m<img src=x onerror=alert(1)>"
    story.segment(PSH | ACK, seq=1001, ack=9001, data=banner)
    story.act("client", "recv</script>", error="<b>EVIL</b>")
    story.step("</svg><script>alert(2)</script>")
    bad = Verdict(
        "tcp.handshake",
        (
            checked(
                "evil", "<i>title</i>", run.results[0].status, "</p><script>alert(3)</script>\x00", *frames(1)
            ),
        ),
        reason="<script>alert(4)</script>",
    )
    broken = replace(
        run.results[0], verdict=bad, evidence=story.evidence(), trace="</pre><script>5</script>\x1b"
    )
    text = html.render(replace(run, results=(broken,), command="<script>6</script>", versions={"<b>": "<u>"}))
    page = Whole(text)
    assert page.scripts == 1
    assert not page.handlers
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)


def test_rounds(run: RunResult) -> None:
    """A scenario that was run several times has one page: its worst round, with the status of each."""
    good = replace(run.results[1], scenario=Handshake)
    repeated = replace(run, results=(good, replace(run.results[0], round=2)))
    text = html.render(repeated)
    assert text.count('<article class="scenario"') == 1
    assert '<span class="dot passed">passed</span> <span class="dot failed">failed</span>' in text
    assert "not the same in every round" in text


def test_nothing_ran(run: RunResult) -> None:
    """A run in which nothing ran is a page all the same."""
    Whole(html.render(replace(run, results=(), interrupted=True)))


def large(scenario: str) -> Story:
    """A busy scenario: several steps, a transfer, many frames."""
    story = Story()
    for step in range(6):
        story.step(f"step {step} of {scenario}")
        story.handshake(port=41000 + step)
        for at in range(60):
            story.segment(ACK, seq=1001 + at * 400, ack=9001, data=bytes(range(200)) * 2, port=41000 + step)
    return story


def test_size(run: RunResult) -> None:
    """Forty busy scenarios make at most 5 MB."""
    busy = large("busy").evidence()
    results = []
    for at in range(40):
        name = f"tcp.busy-{at}"
        named = type("Busy", (Handshake,), {"id": name, "__doc__": Handshake.__doc__})
        results.append(replace(run.results[1], scenario=named, evidence=busy))
    text = html.render(replace(run, results=tuple(results)))
    assert len(text.encode()) <= 5_000_000


def test_anatomy(story: Story) -> None:
    """A frame is told layer by layer, in plain words."""
    parts = anatomy(story.frames[6].packet)
    assert [(part.name, part.osi, part.start, part.end) for part in parts] == [
        ("Ethernet", 2, 0, 14),
        ("IPv4", 3, 14, 34),
        ("TCP", 4, 34, 54),
    ]
    assert ("TTL", "64") in parts[1].fields
    assert ("flags", "SYN") in parts[2].fields


@pytest.mark.parametrize(
    ("mac", "said"),
    [
        ("02:42:ac:10:0a:0a", " (chosen, no maker)"),
        ("00:1b:21:00:00:01", " (a number of Intel Corporate)"),
        ("33:33:00:00:00:16", " (a group)"),
        ("ff:ff:ff:ff:ff:ff", " (broadcast: to all on the LAN)"),
        ("00:00:00:00:00:00", ""),
    ],
)
def test_whose_number_a_frame_bears(mac: str, said: str) -> None:
    """Beside each MAC stands who gave it: its maker, or nobody."""
    fields = dict(anatomy(decode(build.ethernet(b"", destination=mac, source=mac)))[0].fields)
    assert (fields["destination"], fields["source"]) == (mac + said, mac + said)


def test_parts_that_were_skipped(run: RunResult) -> None:
    """The front says what could not be seen, and why, part by part."""
    reason = "its kernel lacks sch_netem"
    part = checked("slow", "a long line takes longer", Status.SKIPPED, reason)
    verdict = Verdict("tcp.green", (*run.results[1].verdict.checks, part))
    text = html.render(replace(run, results=(replace(run.results[1], verdict=verdict),)))
    front = text[: text.index('class="scenario"')]
    assert "What could not be seen here, and why" in front
    assert reason in front


def test_labs() -> None:
    """Labs of one shape are one picture, whatever their addresses are; one of another shape is another."""
    topology = default_topology()
    networks = [replace(one, subnet=IPv4Network("10.9.0.0/24")) for one in topology.networks]
    moved = replace(topology, networks=tuple(networks))
    smaller = replace(topology, nodes=topology.nodes[:-1])
    ran = []
    for at, shape in enumerate((smaller, topology, moved)):
        other = type("Other", (Handshake,), {"id": f"x.{at}"})
        ran.append(Result(other, Verdict(f"x.{at}", ()), Story(shape).evidence()))
    assert [(lab.told, lab.twins) for lab in labs_of(ran)] == [("x.1, x.2", 2), ("x.0", 1)]


def test_prose() -> None:
    """A docstring becomes paragraphs, lists and code; its markup does not."""
    assert prose("One\ntwo.\n\n- first\n- second `x<y`\n\n    code <b>\n") == (
        "<p>One two.</p>\n"
        "<ul><li>first</li><li>second <code>x&lt;y</code></li></ul>\n"
        "<pre>code &lt;b&gt;</pre>"
    )


def test_mutants(mutated: RunResult) -> None:
    """A broken network has a page of its own: what was broken, and whether just that fell which should."""
    text = html.render(mutated)
    Whole(text)
    text = re.sub(r"</?(a|span)\b[^>]*>", "", text)
    assert "testbed 20261123-061601-4f2a: passed" in text
    assert "Broken on purpose: nobody listens" in text
    assert "✓ turned red just what it is to: numbers" in text
    assert "✗ turned red numbers; it is to turn red segments" in text
