"""The HTML report in a real Chromium: it opens, answers, can be read by all, and runs nothing of a node's.

Screenshots are left in .testbed/artefacts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.report import html
from testbed.results import RunResult
from tests.frames_builder import ACK, PSH
from tests.report.browser import chromium, in_sight, page_of, violations
from tests.report.conftest import Handshake
from tests.report.story import Story

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HANDSHAKE = "[id='tcp.handshake']"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this file."""
    with chromium() as started:
        yield started


@pytest.fixture
def report(run: RunResult, tmp_path: Path) -> Path:
    """The report of a run, on disk."""
    path = tmp_path / "report.html"
    path.write_text(html.render(run, capture="capture.pcapng"), encoding="utf-8")
    return path


def visit(page: Page, scenario: str) -> None:
    """Follow the link of the front page to a scenario."""
    page.locator(f"a.tile[href='#{scenario}']").click()
    page.locator(f"[id='{scenario}']").wait_for(state="visible")


def test_every_page_opens(browser: Browser, report: Path, run: RunResult, artefacts: Path) -> None:
    """The front leads to every scenario, and each leads back; one is seen at a time."""
    with page_of(browser, report) as page:
        page.screenshot(path=artefacts / "front.png", full_page=True)
        for result in run.results:
            visit(page, result.id)
            assert page.locator("article:visible").count() == 1
            assert not page.locator("#front").is_visible()
            page.wait_for_function("id => document.title.startsWith(id)", arg=result.id)
            page.screenshot(path=artefacts / f"{result.id}.png")
            page.locator("article:visible nav a").first.click()
            page.locator("#front").wait_for(state="visible")


def test_frame_opens(browser: Browser, report: Path, artefacts: Path) -> None:
    """A click on a frame shows its bytes layer by layer, each in its layer's colour; Escape closes."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} .r.a").filter(has_text="SYN seq=0").first.click()
        panel = page.locator("#bytes")
        panel.wait_for(state="visible")
        assert panel.locator("h2").inner_text() == "Frame 7"
        heads = panel.locator(".part h3").all_inner_texts()
        assert [head.split(" · ")[0] for head in heads] == ["Ethernet", "IPv4", "TCP"]
        first, last = panel.locator(".hex b").first, panel.locator(".hex b.h-tcp").first
        colour = "element => getComputedStyle(element).color"
        assert first.evaluate(colour) != last.evaluate(colour)
        assert "02 42 ac 10 0a 01" in panel.locator(".hex").inner_text()
        page.screenshot(path=artefacts / "bytes.png")
        page.keyboard.press("Escape")
        assert panel.is_hidden()


def test_open_frame_stays_in_sight(browser: Browser, report: Path) -> None:
    """The panel with the bytes does not lie on the arrow that it is about."""
    with page_of(browser, report, height=700) as page:
        visit(page, "tcp.handshake")
        row = page.locator(f"{HANDSHAKE} .r.a").nth(8)
        row.click()
        page.locator("#bytes").wait_for(state="visible")
        covered = "row => row.getBoundingClientRect().bottom > document.querySelector('#bytes').offsetTop"
        assert not row.evaluate(covered)


def test_check_leads_to_what_it_stands_on(browser: Browser, report: Path) -> None:
    """A click on a check, or Enter, brings the first row that it stands on into sight."""
    with page_of(browser, report, height=500) as page:
        visit(page, "tcp.handshake")
        row = page.locator(f"{HANDSHAKE} .r[data-c='f11 f12']")
        box = page.locator(f"{HANDSHAKE} .picture")
        for act in ("click", "Enter"):
            box.evaluate("box => { box.scrollTop = box.scrollHeight }")
            assert not in_sight(row)
            check = page.locator(f"{HANDSHAKE} .check").nth(1)
            if act == "click":
                check.locator(".title").click()
            else:
                check.press(act)
            assert in_sight(row)


def test_links_into_a_page(browser: Browser, report: Path) -> None:
    """Who follows a link to the ladder, or to a check, goes on by Tab from there."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} nav").get_by_text("What was recorded").click()
        page.wait_for_function("document.activeElement !== document.body")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('.ladder') !== null")
        page.evaluate("location.hash = 'tcp.handshake.numbers'")
        page.locator(f"{HANDSHAKE} .r.lit").first.wait_for()


def test_copies_of_a_frame(browser: Browser, report: Path) -> None:
    """The copies that other vantage points made of it are one button away, with their own numbers."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} .r.a").filter(has_text="SYN seq=0").first.click()
        page.locator("#bytes button", has_text="8 received at router:lan-a").click()
        assert page.locator("#bytes h2").inner_text() == "Frame 8"


def test_checks_and_frames_light_each_other(browser: Browser, report: Path) -> None:
    """A pointer on a check lights what it cites; on a frame, the checks that cite it."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} .check").nth(0).hover()
        lit = page.locator(f"{HANDSHAKE} .r.lit").evaluate_all("rows => rows.map(row => row.dataset.c)")
        assert lit == ["f7 f8", "f11 f12", "f15 f16"]
        row = page.locator(f"{HANDSHAKE} .r[data-c='f11 f12']")
        row.scroll_into_view_if_needed()
        row.hover()
        titles = page.locator(f"{HANDSHAKE} .check.lit .title").all_inner_texts()
        assert len(titles) == 2


def test_citation_leads_to_its_frame(browser: Browser, report: Path) -> None:
    """A click on a citation brings the frame into sight and opens it."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} button[data-open='f12']").click()
        page.locator("#bytes").wait_for(state="visible")
        assert page.locator("#bytes h2").inner_text() == "Frame 12"
        assert page.locator(f"{HANDSHAKE} .r.open").get_attribute("data-c") == "f11 f12"


def shown(page: Page) -> int:
    """How many arrows are seen."""
    count: int = page.locator(f"{HANDSHAKE} .r.a:not(.off)").count()
    return count


def test_filters(browser: Browser, report: Path) -> None:
    """Nodes and protocols can be left out; the rest moves together, and comes back."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        everything = shown(page)
        height = page.locator(f"{HANDSHAKE} .picture > svg").evaluate("svg => svg.clientHeight")
        form = page.locator(f"{HANDSHAKE} .filters")
        form.get_by_label("ARP").uncheck()
        assert shown(page) == everything - 2
        assert page.locator(f"{HANDSHAKE} .picture > svg").evaluate("svg => svg.clientHeight") < height
        form.get_by_label("server").uncheck()
        assert 0 < shown(page) < everything - 2
        form.get_by_label("ARP").check()
        form.get_by_label("server").check()
        assert shown(page) == everything
        form.get_by_label("only what is cited").check()
        assert shown(page) == 3


def test_keyboard(browser: Browser, report: Path) -> None:
    """All of it works without a pointer: Tab to the ladder, arrows along it, Enter opens, Escape returns."""
    with page_of(browser, report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        visit(page, "tcp.handshake")
        first = page.locator(f"{HANDSHAKE} .r.a[tabindex='0']")
        first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator("#bytes").wait_for(state="visible")
        assert page.locator("#bytes h2").inner_text() == "Frame 7"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.c") == "f7 f8"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1500, 390], ids=["wide", "phone"])
def test_accessible(browser: Browser, report: Path, artefacts: Path, *, dark: bool, width: int) -> None:
    """Contrast, names, roles and landmarks pass axe-core, and nothing but pictures is wider than a phone."""
    with page_of(browser, report, width=width, dark=dark) as page:
        assert violations(page) == []
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} .r.a").first.click()
        page.locator("#bytes").wait_for(state="visible")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")
        page.screenshot(path=artefacts / f"{'dark' if dark else 'light'}-{width}.png", full_page=True)


def test_mutant(browser: Browser, mutated: RunResult, tmp_path: Path, artefacts: Path) -> None:
    """The front leads to each broken network; its page says what was broken, and leads to what fell."""
    path = tmp_path / "mutated.html"
    path.write_text(html.render(mutated), encoding="utf-8")
    with page_of(browser, path) as page:
        assert violations(page) == []
        page.get_by_role("link", name="tcp.handshake: nobody listens").click()
        article = page.locator("article:visible")
        assert "Broken on purpose: nobody listens" in article.inner_text()
        assert violations(page) == []
        page.screenshot(path=artefacts / "mutant.png")
        article.locator(".mutant a", has_text="numbers").click()
        article.locator(".check:focus.failed").wait_for()
        article.locator(".r.lit").first.wait_for()


def test_print(browser: Browser, report: Path, artefacts: Path) -> None:
    """On paper all of the ladder is seen, and no button."""
    with page_of(browser, report) as page:
        visit(page, "tcp.handshake")
        page.emulate_media(media="print")
        box = page.locator(f"{HANDSHAKE} .picture")
        assert box.evaluate("box => box.scrollHeight <= box.clientHeight + 1")
        assert not page.locator(f"{HANDSHAKE} .filters").is_visible()
        page.pdf(path=artefacts / "scenario.pdf")


def test_without_script(browser: Browser, report: Path) -> None:
    """Where no script runs, every scenario can still be read."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{report.as_uri()}#tcp.handshake")
    assert page.locator(f"{HANDSHAKE} .r.a").first.is_visible()
    assert not page.locator("#front").is_visible()
    context.close()


def test_policy(browser: Browser, report: Path) -> None:
    """Even a script that got into the page would not run: the page's policy names the one that may."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    with pytest.raises(Exception, match="Content Security Policy"):
        page.add_script_tag(content="window.owned = 1")
    assert page.evaluate("window.owned") is None
    context.close()


def test_hostile_banner(browser: Browser, run: RunResult, tmp_path: Path) -> None:
    """What a server says cannot run as a script, neither in the page nor in the bytes of its frame."""
    story = Story()
    story.handshake()
    banner = b"</script><script>window.owned=1</script><img src=x onerror=window.owned=1>\x1b[2J"
    story.segment(PSH | ACK, home=True, seq=9001, ack=1001, data=banner)
    result = replace(run.results[0], scenario=Handshake, evidence=story.evidence())
    path = tmp_path / "hostile.html"
    path.write_text(html.render(replace(run, results=(result,))), encoding="utf-8")
    with page_of(browser, path) as page:
        visit(page, "tcp.handshake")
        page.locator(f"{HANDSHAKE} .r.a").filter(has_text="script").first.click()
        page.locator("#bytes").wait_for(state="visible")
        assert "<script>" in page.locator("#bytes").inner_text()
        assert page.evaluate("window.owned") is None
        assert page.locator("script:not([type])").count() == 1
        assert page.locator("#bytes img").count() == 0
