"""Elements of XML and HTML as text, with everything escaped that is not an element itself."""

from __future__ import annotations

import re
from functools import cache
from xml.sax.saxutils import escape

_HARMLESS = re.compile("[ !#-%'-;=?-~]*")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """Text that is markup already; templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Tell a template engine that nothing is left to escape."""
        return str(self)


def safe(text: str) -> str:
    """Return a text without what no XML document may hold (XML 1.0 §2.2)."""
    return _NOT_XML.sub("", text)


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element. Children that are Markup stand as they are, all other text is escaped.

    Attributes: a `_` in a name stands for `-`, one at its end for nothing (`class_`); None leaves
    the attribute out; numbers are rounded to a tenth.
    """
    told = "".join(
        [f' {_attribute(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None]
    )
    inner = "".join([child if isinstance(child, Markup) else _escaped(child) for child in children])
    return Markup(f"<{name}{told}>{inner}</{name}>" if inner else f"<{name}{told}/>")


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return _escaped(str(value)).replace('"', "&quot;")


def _escaped(text: str) -> str:
    """A text in which nothing is an element; most hold nothing that could be one."""
    return text if _HARMLESS.fullmatch(text) else escape(safe(text))
