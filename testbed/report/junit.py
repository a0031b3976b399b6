"""Verdicts as JUnit XML: a suite for each scenario, a case for each check.

The shape is the one that Jenkins and GitLab read (jenkins-junit.xsd): failed is `failure`,
unknown is `error`, skipped is `skipped`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from testbed.checks import CheckVerdict, Status
from testbed.report.citing import cited
from testbed.report.markup import safe
from testbed.results import Result, RunResult
from testbed.text import clean


def render(run: RunResult) -> str:
    """Return a run as one XML document; equal runs give equal text."""
    suites = [_suite(run, result) for result in run.results]
    total = {"name": "testbed", **_sums(suites), "time": _seconds(run.seconds)}
    root = ElementTree.Element("testsuites", total)
    root.extend(suites)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(run: RunResult, result: Result) -> ElementTree.Element:
    name = result.id if result.round == 1 else f"{result.id} (round {result.round})"
    name += f" [{result.mutant}]" if result.mutant else ""
    cases = [_case(name, item) for item in result.verdict.checks] or [_whole(name, result)]
    begun = datetime.fromtimestamp(run.begun, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": name,
            "tests": str(len(cases)),
            "failures": str(sum(case.find("failure") is not None for case in cases)),
            "errors": str(sum(case.find("error") is not None for case in cases)),
            "skipped": str(sum(case.find("skipped") is not None for case in cases)),
            "time": _seconds(result.seconds),
            "timestamp": begun,
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    told = {"title": result.scenario.title(), "run": run.id, "seed": str(run.seed), "command": run.command}
    for key, value in {**told, **dict(sorted(run.versions.items()))}.items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": _safe(value)})
    suite.extend(cases)
    return suite


def _case(suite: str, item: CheckVerdict) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"classname": suite, "name": item.check.name, "time": "0.000"})
    kind = {Status.FAILED: "failure", Status.UNKNOWN: "error", Status.SKIPPED: "skipped"}.get(item.status)
    if kind is not None:
        _outcome(case, kind, item.finding.reason, f"{item.check.title}\n{cited(item.finding.cites)}")
    return case


def _whole(suite: str, result: Result) -> ElementTree.Element:
    """The one case of a scenario without checks: skipped, or ended before it could be judged."""
    case = ElementTree.Element("testcase", {"classname": suite, "name": "scenario", "time": "0.000"})
    kind = "skipped" if result.status is Status.SKIPPED else "error"
    _outcome(case, kind, result.verdict.reason or "nothing was judged", result.trace)
    return case


def _outcome(case: ElementTree.Element, kind: str, message: str, body: str) -> None:
    element = ElementTree.SubElement(case, kind, {"message": _safe(message)})
    if kind != "skipped":
        element.set("type", {"failure": "failed", "error": "unknown"}[kind])
    element.text = _safe(body.strip()) or None


def _sums(suites: list[ElementTree.Element]) -> dict[str, str]:
    names = ("tests", "failures", "errors")
    return {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in names}


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _safe(text: str) -> str:
    return safe(clean(text))
