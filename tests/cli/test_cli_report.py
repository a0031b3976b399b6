"""`testbed run` leaves a report that a real browser can read: every page opens, and answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import call
from tests.report.browser import chromium, page_of

IDS = ("arp.same-lan", "tcp.reset", "ip.loopback")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run on a real lab."""
    folder = tmp_path_factory.mktemp("report")
    called = call("run", *IDS, cwd=folder)
    assert called.status == 0, called.stdout + called.stderr
    return folder / ".testbed/runs/latest/report.html"


def test_a_real_run_in_a_real_browser(report: Path) -> None:
    """Each scenario's page opens; a frame shows its bytes; a filter filters; the console stays silent."""
    with chromium() as browser, page_of(browser, report.resolve()) as page:
        for name in IDS:
            page.locator(f"a.tile[href='#{name}']").click()
            article = page.locator(f"[id='{name}']")
            arrows = article.locator(".r.a:not(.off)")
            everything = arrows.count()
            assert everything > 0
            arrows.first.click()
            page.locator("#bytes .hex b").first.wait_for(state="visible")
            page.keyboard.press("Escape")
            article.get_by_label("only what is cited").check()
            assert 0 < arrows.count() < everything
            article.locator("nav a").first.click()


def test_frames_have_wiresharks_numbers(report: Path) -> None:
    """The number at an arrow is the frame's place in the capture that lies beside the report."""
    from testbed.pcapng import read

    records = read(report.with_name("capture.pcapng")).records
    with chromium() as browser, page_of(browser, report.resolve()) as page:
        page.locator("a.tile[href='#tcp.reset']").click()
        page.locator("[id='tcp.reset'] .r.a").first.click()
        panel = page.locator("#bytes")
        panel.locator(".hex b").first.wait_for(state="visible")
        number = int(panel.locator("h2").inner_text().split()[1])
        shown = panel.locator(".hex").inner_text().splitlines()[0].split("  ")[1]
        assert records[number - 1].data[:8].hex(" ") == shown
