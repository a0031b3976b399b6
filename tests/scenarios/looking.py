"""What a reader of a scenario's page would stumble over, asked of the page in the browser.

Each question looks at all checks, rows or words of a page at once; what it finds is told, so that an empty
answer is a good one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@contextmanager
def alone(page: Page, scenario: str) -> Iterator[None]:
    """Take all other scenarios out of the page meanwhile: who looks through it is done fifty times sooner."""
    page.evaluate(
        """id => {
          window.whole = [...document.querySelector("main").children];
          for (const part of window.whole) if (part.id !== id) part.remove();
        }""",
        scenario,
    )
    try:
        yield
    finally:
        page.evaluate("document.querySelector('main').append(...window.whole)")


def dark_checks(article: Locator) -> list[str]:
    """The checks that light no row though they cite something, or that a row they light does not light."""
    return _ask(
        article,
        """page => {
          const all = (query) => [...page.querySelectorAll(query)];
          const point = (element, kind) => element.dispatchEvent(new MouseEvent(kind));
          return all(".check").filter((check) => check.dataset.k).filter((check) => {
            point(check, "mouseenter");
            const rows = all(".r.lit");
            point(check, "mouseleave");
            if (!rows.length || all(".r.lit").length) return true;
            const row = rows[0];
            point(row, "mouseenter");
            const back = check.matches(".lit");
            point(row, "mouseleave");
            return !back || check.matches(".lit");
          }).map((check) => check.id);
        }""",
    )


def closed_arrows(article: Locator) -> list[str]:
    """The arrows of whose frame the page does not hold the bytes."""
    return _ask(
        article,
        """async page => {
          const frames = await framesOf(page.querySelector(".picture").dataset.frames);
          return [...page.querySelectorAll(".r.a")].map((row) => row.dataset.c)
            .filter((keys) => !keys.split(" ").some((key) => frames.has(Number(key.slice(1)))));
        }""",
    )


def arrows(article: Locator) -> int:
    """How many arrows are to be seen."""
    return article.locator(".r.a:not(.off)").count()


def misplaced(article: Locator) -> list[str]:
    """What is still seen when a node, or a protocol, is filtered out: each in its turn, and then seen again.

    An arrow needs two ends; one that reached many loses those that are out.
    """
    return _ask(
        article,
        """page => {
          const found = [], boxes = [...page.querySelectorAll("input[data-node], input[data-protocol]")];
          const seen = () => [...page.querySelectorAll(".r.a:not(.off)")];
          const turn = (box, on) => {
            box.checked = on;
            box.dispatchEvent(new Event("change", { bubbles: true }));
          };
          for (const box of boxes) {
            const { node, protocol } = box.dataset;
            turn(box, false);
            for (const row of seen()) {
              const ends = row.dataset.n.split(" "), left = ends.filter((end) => end !== node);
              if (left.length < Math.min(2, ends.length) || row.matches(`.p-${protocol}`))
                found.push(row.getAttribute("aria-label"));
            }
            turn(box, true);
          }
          return found;
        }""",
    )


def uncited(article: Locator) -> int:
    """How many arrows and notes are seen that no check cites."""
    return article.locator(".r:not(.off):not(.step):not(:has(.pin))").count()


def unreadable(article: Locator) -> list[str]:
    """The words of the ladder that reach over its edge, or lie on others of their row."""
    return _ask(
        article,
        """page => {
          const found = [], shared = (one, other, from, to) =>
            Math.min(one[to], other[to]) - Math.max(one[from], other[from]);
          for (const picture of page.querySelectorAll(".picture svg")) {
            const edge = picture.getBoundingClientRect();
            for (const row of picture.querySelectorAll("g")) {
              const words = [...row.children].filter((part) => part.tagName === "text")
                .map((word) => ({ told: word.textContent, box: word.getBoundingClientRect() }));
              words.forEach(({ told, box }, at) => {
                if (box.left < edge.left - 1 || box.right > edge.right + 1) found.push(`cut: ${told}`);
                for (const other of words.slice(0, at))
                  if (shared(box, other.box, "left", "right") > 1)
                    if (shared(box, other.box, "top", "bottom") > 3) found.push(`${told} on ${other.told}`);
              });
            }
          }
          return found;
        }""",
    )


def bytes_shown(panel: Locator) -> bytes:
    """The bytes that the panel shows in its first line."""
    line = panel.locator(".hex").inner_text().splitlines()[0]
    return bytes.fromhex(line[6:54])


def _ask(article: Locator, question: str) -> list[Any]:
    answer: list[Any] = article.evaluate(question)
    return answer
