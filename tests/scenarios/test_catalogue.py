"""The whole catalogue, run once as a user runs it: its verdicts, edits of what it recorded, its report.

The report is looked at scenario by scenario in a real Chromium; screenshots are left in .testbed/artefacts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.checks import Status
from testbed.scenario import Edit, Scenario
from tests.report.browser import Rules, chromium, in_sight, page_of, quiet, violations
from tests.scenarios import looking
from tests.scenarios.catalogue import PATIENCE, Ran, run
from tests.scenarios.falsifying import SCENARIOS, assert_killed, mutants, told

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, ViewportSize

LARGEST = 5_000_000  # bytes of the report
WIDE: ViewportSize = {"width": 1500, "height": 950}
PHONE: ViewportSize = {"width": 390, "height": 850}

LOOKS: tuple[tuple[str, bool, ViewportSize, Rules], ...] = (
    ("light", False, WIDE, {}),
    ("dark", True, WIDE, {"only": ["color-contrast"]}),  # all the rest is as in the light
    ("phone", False, PHONE, {"but": ["color-contrast"]}),
)

pytestmark = pytest.mark.timeout(PATIENCE + 180)  # the first test waits for the run

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS, scope="module")


@pytest.fixture(scope="module")
def ran(engine: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of all scenarios that the chosen tests of this file are about."""
    chosen = [item for item in request.session.items if item.path == request.path]
    about = {item.callspec.params["scenario"].id for item in chosen if hasattr(item, "callspec")}
    return run(about or SCENARIOS, tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def front(ran: Ran) -> Iterator[Page]:
    """The report, opened once for all tests of it."""
    with chromium() as browser, page_of(browser, ran.report) as page:
        page.set_viewport_size(WIDE)
        page.set_default_timeout(60_000)
        yield page


@pytest.fixture(scope="module")
def visited(front: Page, scenario: type[Scenario]) -> Locator:
    """The page of a scenario, come to from the front, once for all tests of it."""
    front.evaluate("location.hash = 'front'")
    front.locator(f"a.tile[href='#{scenario.id}']").click()
    article = front.locator(f"[id='{scenario.id}']")
    article.wait_for(state="visible")
    return article


@pytest.fixture
def article(visited: Locator, front: Page) -> Iterator[Locator]:
    """The page of a scenario, with nothing open or pointed at; it has to be quiet meanwhile."""
    with quiet(front):
        front.mouse.move(0, 0)
        yield visited
        front.keyboard.press("Escape")


# -- what it said, and what it recorded


def test_it_ends_well(ran: Ran) -> None:
    """All that is green: exit 0. What could not be seen here is told, part by part."""
    assert ran.called.status == 0, ran.called.stderr
    skipped = [
        check for one in ran.verdicts.values() for check in one["checks"] if check["status"] == "skipped"
    ]
    assert all(check["reason"] for check in skipped)


@each_scenario
def test_a_scenario_is_green_on_a_healthy_network(scenario: type[Scenario], ran: Ran) -> None:
    """What it says of networks is true of this one, and judging its recording says so again."""
    said = ran.verdicts[scenario.id]
    assert said["status"] == "passed", said
    verdict = scenario().judge(ran.evidence[scenario.id])
    assert verdict.status is Status.PASSED, told(verdict)


@pytest.mark.parametrize(("scenario", "mutant"), mutants(Edit))
def test_an_edited_recording_turns_red_what_it_must(scenario: type[Scenario], mutant: Edit, ran: Ran) -> None:
    """A check looks at what it says that it looks at: change that alone, and it alone is red."""
    assert_killed(scenario().judge(mutant.edit(ran.evidence[scenario.id])), mutant)


# -- its report


def test_the_report_is_small(ran: Ran) -> None:
    """It can be sent by mail."""
    assert ran.report.stat().st_size <= LARGEST


def test_the_front_leads_to_all(front: Page, ran: Ran, artefacts: Path) -> None:
    """A tile for each scenario, with a mark for each check; nothing that a reader could not see or hear."""
    front.evaluate("location.hash = 'front'")
    tiles = front.locator("a.tile")
    assert tiles.count() == len(ran.verdicts)
    assert tiles.locator(".dot").count() == sum(len(one["checks"]) for one in ran.verdicts.values())
    with looking.alone(front, "front"):
        for dark in (True, False):
            front.emulate_media(color_scheme="dark" if dark else "light")
            assert violations(front) == []
            front.screenshot(path=artefacts / f"catalogue-{'dark' if dark else 'light'}.png", full_page=True)


@each_scenario
def test_page_opens(scenario: type[Scenario], article: Locator, front: Page, ran: Ran) -> None:
    """The front leads to it, nothing else is seen, and it tells every check; why, where one was skipped."""
    said = ran.verdicts[scenario.id]
    assert front.locator("article:visible").count() == 1
    assert not front.locator("#front").is_visible()
    assert front.title().startswith(scenario.id)
    assert "passed" in article.locator("h1").inner_text()
    checks = article.locator(".check")
    assert [one.split(":")[-1].strip() for one in checks.locator(".title").all_text_contents()] == [
        check["status"] for check in said["checks"]
    ]
    assert all(checks.locator(".found").all_text_contents())
    assert article.locator(".r.a").count() > 0


@each_scenario
def test_checks_and_frames_light_each_other(scenario: type[Scenario], article: Locator, front: Page) -> None:
    """Each check lights what it stands on, and what lights up leads back to it; a click leads there."""
    assert looking.dark_checks(article) == []
    chip = article.locator(".check button").first
    chip.hover()
    assert article.locator(".r.lit").count() > 0
    chip.click()
    key = chip.get_attribute("data-open") or ""
    assert in_sight(article.locator(f".r[data-c~='{key}']").first)
    if key.startswith("f"):
        front.locator("#bytes").wait_for(state="visible")
        assert front.locator("#bytes h2").inner_text() == f"Frame {key[1:]}"


@each_scenario
def test_frames_open(scenario: type[Scenario], article: Locator, front: Page, ran: Ran) -> None:
    """Every arrow has its bytes at hand; a click shows them, as the capture holds them, layer by layer."""
    assert looking.closed_arrows(article) == []
    arrow = article.locator(".r.a").first
    arrow.click()
    panel = front.locator("#bytes")
    panel.wait_for(state="visible")
    number = int(panel.locator("h2").inner_text().split()[1])
    assert f"f{number}" in (arrow.get_attribute("data-c") or "").split()
    assert looking.bytes_shown(panel)[:14] == ran.frames[number - 1][:14]
    assert panel.locator(".part h3").first.inner_text().startswith(("Ethernet", "Linux"))
    front.keyboard.press("Escape")
    assert panel.is_hidden()


@each_scenario
def test_filters(scenario: type[Scenario], article: Locator) -> None:
    """Without a node, or a protocol, its arrows are gone; all come back; or what is cited alone stays."""
    everything = looking.arrows(article)
    assert looking.misplaced(article) == []
    assert looking.arrows(article) == everything
    article.get_by_label("only what is cited").check()
    assert looking.uncited(article) == 0
    article.get_by_label("only what is cited").uncheck()


@each_scenario
def test_page_can_be_read(scenario: type[Scenario], article: Locator, front: Page, artefacts: Path) -> None:
    """By all, in light and dark and on a phone: axe-core finds nothing, no word is cut or lies on another."""
    assert looking.unreadable(article) == []
    with looking.alone(front, scenario.id):
        for name, dark, size, rules in LOOKS:
            front.emulate_media(color_scheme="dark" if dark else "light")
            front.set_viewport_size(size)
            assert violations(front, **rules) == []
            assert front.evaluate("document.documentElement.scrollWidth") <= size["width"]
            front.screenshot(path=artefacts / f"{scenario.id}-{name}.png")
        front.emulate_media(color_scheme="light")
        front.set_viewport_size(WIDE)
