"""How terminal reports are drawn: which characters, which colours, how wide. The caller decides.

Colours are those of the terminal's own palette (ECMA-48 SGR), so that they fit its background.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_SGR: Final = {
    "passed": "32",
    "failed": "1;31",
    "unknown": "33",
    "skipped": "2",
    "cited": "1;36",
    "lost": "1;31",
    "state": "35",
    "faint": "2",
    "strong": "1",
}

_ASCII: Final = str.maketrans(
    {
        "✓": "+", "✗": "x", "│": "|", "─": "-", "├": "|", "┤": "|", "┼": "+", "▶": ">", "◀": "<", "●": "*",
        "…": "~", "“": '"', "”": '"', "·": ".", "–": "-", "→": "->", "═": "=", "╪": "|", "×": "x", "▸": ">",
        "┌": "+", "└": "+", "┐": "+", "┘": "+", "┬": "+", "┴": "+", "⟲": "@", "≥": ">=", "≤": "<=", "’": "'",
        "⋮": ":",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """width: columns of the terminal. colour: use SGR sequences. ascii: use no character beyond ASCII."""

    width: int = 80
    colour: bool = False
    ascii: bool = False

    def paint(self, name: str, text: str) -> str:
        """Colour a text by the name of what it means; unchanged where there are no colours."""
        return f"\x1b[{_SGR[name]}m{text}\x1b[0m" if self.colour and text else text

    def glyphs(self, text: str) -> str:
        """Replace what a plain terminal cannot show, where it is to be plain; other letters become `?`."""
        if not self.ascii:
            return text
        return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def columns(text: str) -> int:
    """How many columns a text takes: wide letters (Unicode UAX #11) take two, combining ones none."""
    return len(text) if text.isascii() else sum(_width(letter) for letter in text)


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Cut a text to some columns, with `…` where something is missing."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        if used + _width(letter) > width - 1:
            break
        kept += letter
        used += _width(letter)
    return kept + "…" if width > 0 else ""
