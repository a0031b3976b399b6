"""A real Chromium for tests, by Playwright, without a network."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
        browser = started.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(
    browser: Browser, path: Path, *, width: int = 1500, height: int = 950, dark: bool = False
) -> Iterator[Page]:
    """Open a file, offline; fail at the end if the console showed an error, or anything was asked for."""
    wrong: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": height}, offline=True, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith("file:") else wrong.append(asked.url))
    try:
        page.goto(path.as_uri())
        yield page
        assert wrong == []
    finally:
        context.close()
