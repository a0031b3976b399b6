"""A run as one self-contained HTML file: no network, works from file://, can be printed and read on a phone.

Nothing that came from a node can run in it: everything is escaped, and a content security policy
allows one script, by its hash.
"""

from __future__ import annotations

import base64
import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from testbed.checks import Status
from testbed.report import svg
from testbed.report.labs import labs_of
from testbed.report.markup import Markup, safe
from testbed.report.pages import LAYERS, pages_of
from testbed.results import RunResult

TEMPLATES: Final = Path(__file__).with_name("templates")


def get_ready() -> None:
    """Compile the templates, which the first page would wait for."""
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Put the collector of cycles off: what is made here lives until the page is written."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_uncollected()
def render(run: RunResult, *, capture: str = "") -> str:
    """Return the report of a run. capture: the capture file, relative to the report; empty: none to link."""
    pages = pages_of(run.results)
    sound = replace(run, results=tuple(result for result in run.results if not result.mutant))
    script = _part("report.js")
    text = _environment().get_template("report.html").render(
        run=run,
        pages=pages,
        layers=[(layer, [p for p in pages if p.layer == layer and not p.mutant]) for layer in LAYERS],
        counts=[(status.value, sound.count(status)) for status in Status if sound.count(status)],
        sound=sound,
        mutants=[page for page in pages if page.mutant],
        checks=sum(len(page.checks) for page in pages if not page.mutant),
        begun=datetime.fromtimestamp(run.begun, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        versions=sorted(run.versions.items()),
        labs=labs_of(run.results),
        troubled=[page for page in pages if page.status != Status.PASSED.value and not page.mutant],
        parts_skipped=[(page, check) for page in pages for check in page.checks if check.status == "skipped"],
        unstable=sound.unstable(),
        capture=capture,
        style=Markup(_style()),
        script=Markup(script),
        script_hash=_hash(script),
    )  # fmt: skip
    return safe(text)


def _style() -> str:
    """All of the page's style: colours by meaning, the shapes of the pictures, the page itself."""
    light, dark = svg.variables(svg.LIGHT), svg.variables(svg.DARK)
    colours = f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    return f"{colours}{svg.SHAPES}\n{_part('report.css')}"


@cache
def _part(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(script: str) -> str:
    """What a content security policy calls a script that stands in the page."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
