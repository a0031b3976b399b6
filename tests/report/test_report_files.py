"""Verdicts for other programs (JSON, JUnit) and pictures (Mermaid, SVG): well-formed, and always the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from typing import Final
from xml.etree import ElementTree

import pytest

from testbed.checks import Verdict
from testbed.report import as_json, junit, ladder_mermaid, ladder_svg, svg, topology, topology_svg
from testbed.report.build import ladder_of
from testbed.report.style import Style
from testbed.results import Result, RunResult
from testbed.topology import Interface, Network, Node, Topology
from tests.frames_builder import ACK
from tests.report.conftest import checked, frames
from tests.report.story import Story, default_topology

Golden = Callable[[str, str], None]
SVG = "{http://www.w3.org/2000/svg}"


def test_json(golden: Golden, run: RunResult) -> None:
    """A run as JSON: every verdict, reason and citation, with a schema_version."""
    drawn = as_json.render(run)
    golden("run.json", drawn)
    assert json.loads(drawn)["schema_version"] == as_json.SCHEMA_VERSION


SHAPE: Final[dict[str, tuple[set[str], set[str], list[str]]]] = {
    "testsuites": ({"name"}, {"tests", "failures", "errors", "time"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "time", "timestamp", "hostname", "id", "package"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), set(), ["property"]),
    "property": ({"name", "value"}, set(), []),
    "testcase": (
        {"name", "classname"},
        {"time"},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "failure": (set(), {"message", "type"}, []),
    "error": (set(), {"message", "type"}, []),
    "skipped": (set(), {"message"}, []),
}
"""What jenkins-junit.xsd allows: attributes that must be there, others that may, children in their order."""


def hold_against_shape(element: ElementTree.Element) -> None:
    """Fail where an element has what the schema does not allow, or lacks what it asks for."""
    needed, allowed, children = SHAPE[element.tag]
    assert needed <= set(element.attrib) <= needed | allowed, element.tag
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places), element.tag
    for child in element:
        hold_against_shape(child)


def test_junit(golden: Golden, run: RunResult) -> None:
    """A run as JUnit XML: a suite for each scenario, a case for each check, in the shape that CI reads."""
    drawn = junit.render(run)
    golden("junit.xml", drawn)
    root = ElementTree.fromstring(drawn.encode())
    hold_against_shape(root)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "1", "1")


def test_junit_of_a_scenario_that_raised(run: RunResult) -> None:
    """A scenario that was never judged is one case with an error, and its trace."""
    broken = replace(
        run.results[0], verdict=Verdict("x", reason="it raised"), trace="Traceback: \x1b[31mboom"
    )
    root = ElementTree.fromstring(junit.render(replace(run, results=(broken,))).encode())
    (case,) = root.iter("testcase")
    error = case.find("error")
    assert error is not None
    assert (error.get("message"), error.text) == ("it raised", "Traceback: boom")


def test_junit_of_hostile_text(run: RunResult, result: Result) -> None:
    """Characters that no XML document may hold do not get into one."""
    status = result.verdict.checks[0].status
    bad = Verdict("x", (checked("a", "t", status, "\x00\ufffe<&\ud800", *frames(1)),))
    ElementTree.fromstring(junit.render(replace(run, results=(replace(result, verdict=bad),))).encode())


def hostile() -> Story:
    """A story in which a node says what should become markup or syntax."""
    story = Story()
    story.handshake()
    story.segment(ACK, seq=1001, ack=9001, data=b"</text><script>alert(1)</script>;end#1")
    story.step("<b>step</b>; end")
    return story


def test_mermaid(golden: Golden, story: Story, verdict: Verdict) -> None:
    """The ladder as a Mermaid sequence diagram."""
    golden("ladder.mmd", ladder_mermaid.render(ladder_of(story.evidence(), verdict)))


def test_mermaid_of_hostile_text() -> None:
    """What a node says is no syntax of Mermaid's."""
    drawn = ladder_mermaid.render(ladder_of(hostile().evidence()))
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert not re.search(r";(?<!#\d\d;)(?<!#lt;)(?<!#gt;)(?<!quot;)", drawn)


def test_svg(golden: Golden, story: Story, verdict: Verdict) -> None:
    """The ladder as SVG: well-formed, titled for a screen reader, the same bytes each time."""
    drawn = ladder_svg.render(ladder_of(story.evidence(), verdict))
    golden("ladder.svg", drawn)
    root = ElementTree.fromstring(drawn.encode())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Ladder of tcp.handshake"
    assert "cited by checks, 1 lost" in (root.findtext(f"{SVG}desc") or "")


def test_svg_of_hostile_text() -> None:
    """What a node says is text, not markup."""
    root = ElementTree.fromstring(ladder_svg.render(ladder_of(hostile().evidence())).encode())
    assert not list(root.iter(f"{SVG}script"))
    assert any("</text><script>" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_svg_tells_what_belongs_together(story: Story, verdict: Verdict) -> None:
    """In a page, every arrow names its frames and nodes, and a screen reader hears who cites it."""
    drawn = ladder_svg.render_parts(ladder_of(story.evidence(), verdict), "here")[1]
    root = ElementTree.fromstring(drawn.encode())
    (arrow,) = [g for g in root.iter(f"{SVG}g") if g.get("data-c") == "f11 f12"]
    assert arrow.get("data-n") == "1 2"
    assert (arrow.get("aria-label") or "").endswith("cited by segments, numbers")
    assert "cited" in (arrow.get("class") or "")
    assert [g.get("tabindex") for g in root.iter(f"{SVG}g") if g.get("role") == "button"].count("0") == 1


@pytest.mark.parametrize("colours", [svg.LIGHT, svg.DARK], ids=["light", "dark"])
def test_contrast(colours: dict[str, str]) -> None:
    """Every colour that words are written in can be read: 4.5 to 1 at least (WCAG 2.2, 1.4.3).

    axe-core looks at no text in pictures.
    """

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for ground in ("paper", "panel"):
        for name in colours.keys() - {"paper", "panel", "rule"}:
            bright, dark = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, f"{name} on {ground}"


def test_topology(golden: Golden) -> None:
    """The shipped lab as text, Mermaid and SVG."""
    golden("topology.txt", topology.render(default_topology()))
    golden("topology.mmd", topology.mermaid(default_topology()))
    drawn = topology_svg.render(default_topology())
    golden("topology.svg", drawn)
    ElementTree.fromstring(drawn.encode())


def large(hosts: int = 50) -> Topology:
    """Many hosts on one network, and a second network that nothing joins to it."""
    network = Network("wide", IPv4Network("10.0.0.0/16"))
    nodes = tuple(
        Node(f"host-{at}", "x", (Interface("wide", IPv4Interface(f"10.0.0.{at}/16")),))
        for at in range(1, hosts)
    )
    return Topology("large", (network, Network("apart")), (*nodes, Node("alone", "x")))


def test_topology_of_many() -> None:
    """All are told in text; a picture counts those for which there is no room."""
    assert topology.render(large()).count("host-") == 49
    assert "on no network: alone" in topology.render(large())
    assert topology.render(large(), Style(ascii=True)).isascii()
    drawn = topology_svg.render(large())
    ElementTree.fromstring(drawn.encode())
    assert "and 42 more" in drawn
