"""A real Chromium for tests, by Playwright, without a network."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request

ARGUMENTS = [
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@contextmanager
def chromium(within: Sequence[str] = ()) -> Iterator[Browser]:
    """Start the machine's Chromium; skip, aloud, where it or Playwright is missing.

    within: the command that runs it, `nsenter …`: it then sees another network.
    """
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (extra `test`)"
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium (apt-get install chromium)")
    with playwright.sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        if within:  # Playwright gives a program's own arguments last, so one command it must be
            script = Path(folder, "chromium")
            script.write_text(f'#!/bin/sh\nexec {shlex.join([*within, program])} "$@"\n')
            script.chmod(0o755)
            program = str(script)
        browser = started.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=180_000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(
    browser: Browser, path: Path, *, width: int = 1500, height: int = 950, dark: bool = False
) -> Iterator[Page]:
    """Open a file, offline; fail at the end if it was not quiet."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, offline=True, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    try:
        with quiet(page):
            page.goto(path.as_uri())
            yield page
    finally:
        context.close()


@contextmanager
def quiet(page: Page) -> Iterator[None]:
    """Fail if meanwhile the console shows an error, or anything but a file is asked for, or in vain."""
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    def raised(error: Error) -> None:
        wrong.append(str(error))

    def asked(request: Request) -> None:
        if not request.url.startswith("file:"):
            wrong.append(request.url)

    def missed(request: Request) -> None:
        wrong.append(f"not found: {request.url}")

    heard = {"console": said, "pageerror": raised, "request": asked, "requestfailed": missed}
    for event, listener in heard.items():
        page.on(event, listener)  # type: ignore[call-overload]
    try:
        yield
    finally:
        for event, listener in heard.items():
            page.remove_listener(event, listener)
    assert wrong == []


class Rules(TypedDict, total=False):
    """Which of axe-core's rules are asked: only these, or all but these; all, where neither is said."""

    only: list[str]
    but: list[str]


def violations(page: Page, **rules: Unpack[Rules]) -> list[str]:
    """What axe-core objects to on a page, with where."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is not installed")
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.AXE_SCRIPT)
    options: dict[str, object] = {"resultTypes": ["violations"], "iframes": False, "preload": False}
    if "only" in rules:
        options["runOnly"] = rules["only"]
    options["rules"] = {name: {"enabled": False} for name in rules.get("but", ())}
    found = page.evaluate("options => axe.run(options).then((found) => found.violations)", options)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for one in found
        for node in one["nodes"][:3]
    ]


def in_sight(row: Locator) -> bool:
    """Whether a row is seen in the box that it scrolls in."""
    seen: bool = row.evaluate(
        """row => {
          const own = row.getBoundingClientRect(), box = row.closest(".picture").getBoundingClientRect();
          return own.top >= box.top && own.top < box.bottom;
        }"""
    )
    return seen
