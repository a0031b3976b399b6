"""The docstring of a scenario as HTML: paragraphs, lists, code. What it says is escaped."""

from __future__ import annotations

import inspect
import re
from xml.sax.saxutils import escape

from testbed.report.markup import Markup, element, safe

_CODE = re.compile(r"``?([^`]+)``?")
_ITEM = re.compile(r"[-*] +(.*)", re.DOTALL)


def prose(text: str) -> Markup:
    """Return text as HTML: blocks part at empty lines; indented ones are code, `- ` begins an item."""
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", inspect.cleandoc(text)) if block.strip()]
    return Markup("\n".join(_block(block) for block in blocks))


def _block(block: str) -> Markup:
    if all(line.startswith("    ") for line in block.splitlines()):
        return element("pre", "\n".join(line[4:] for line in block.splitlines()))
    items = re.split(r"\n(?=[-*] )", block)
    if all(_ITEM.fullmatch(item) for item in items):
        return element("ul", *(element("li", *_inline(item[2:])) for item in items))
    return element("p", *_inline(block))


def inline(text: str) -> Markup:
    """Return one line of text as HTML, with what stands between backticks as code."""
    return Markup("".join(part if isinstance(part, Markup) else escape(safe(part)) for part in _inline(text)))


def _inline(text: str) -> list[str]:
    """Text and code by turns, with line ends as spaces."""
    parts = _CODE.split(" ".join(text.split()))
    return [element("code", part) if at % 2 else part for at, part in enumerate(parts)]
