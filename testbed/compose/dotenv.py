"""Files of variables: the `.env` beside a Compose file, and a service's `env_file`.

``NAME=value``, ``export NAME=value`` and ``NAME: value``; ``NAME`` alone takes the value that the
environment has. A value is plain (up to `` #``), in '' (as it is) or in "" (with escapes); the
quoted ones may span lines. Variables are substituted in all but ''; the environment comes first,
then the lines above. Source: compose-go, dotenv/parser.go.
"""

from __future__ import annotations

import re
from typing import Final

from testbed.compose.interpolation import BadInterpolation, Lookup, substitute

_BLANK: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_KEY: Final = re.compile(r"(?:export[ \t]+)?([^\s=:]*)[ \t]*([=:]|(?=\n)|$)")
_NAME: Final = re.compile(r"[\w.\[\]-]+")
_ESCAPE: Final = re.compile(r'\\([abfnrtv$"\\]|0[0-7]{0,3})')
_PLAIN_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "$": "$$", '"': '"', "\\": "\\",
}  # fmt: skip


class BadLine(ValueError):
    """A line that is no assignment: its number, what it holds and what is allowed."""

    def __init__(self, line: int, given: str, allowed: str) -> None:
        super().__init__(f"line {line}: {given}; {allowed}")
        self.line = line
        self.given = given
        self.allowed = allowed


def parse(text: str, lookup: Lookup) -> dict[str, str]:
    """Return the variables of a file; raise BadLine at the first line that is none.

    lookup: the environment, which wins over the file inside values.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}

    def known(name: str) -> str | None:
        value = lookup(name)
        return values.get(name) if value is None else value

    at = _skip_blank(text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        key = _KEY.match(text, at)
        if key is None or not _NAME.fullmatch(key.group(1)):
            raise BadLine(line, repr(text[at:].partition("\n")[0][:60]), "NAME=value")
        try:
            if key.group(2):
                values[key.group(1)], at = _value(text, key.end(), line, known)
            else:
                at = key.end()
                inherited = lookup(key.group(1))
                if inherited is not None:
                    values[key.group(1)] = inherited
        except BadInterpolation as exc:
            raise BadLine(line, exc.given, exc.allowed) from exc
        at = _skip_blank(text, at)
    return values


def _skip_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _value(text: str, at: int, line: int, known: Lookup) -> tuple[str, int]:
    """Return the value that starts at `at`, and where the next line may."""
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    quote = text[at : at + 1]
    if quote not in ("'", '"') or not quote:
        plain, _, _ = text[at:].partition("\n")
        kept, _, _ = f" {plain}".partition(" #")
        return substitute(kept.strip(), known), at + len(plain)
    inside, end = _quoted(text, at, line)
    following = text.find("\n", end)
    following = len(text) if following < 0 else following
    if quote == "'":
        return inside.replace("\\'", "'"), following
    return substitute(_ESCAPE.sub(_unescaped, inside), known), following


def _quoted(text: str, at: int, line: int) -> tuple[str, int]:
    """Return what stands between the quote at `at` and the next one without a backslash."""
    end = at + 1
    while (end := text.find(text[at], end)) >= 0:
        if text[end - 1] != "\\":
            return text[at + 1 : end], end + 1
        end += 1
    raise BadLine(line, f"a value whose {text[at]} is not closed", f"a closing {text[at]}")


def _unescaped(escape: re.Match[str]) -> str:
    what = escape.group(1)
    return chr(int(what, 8) & 0xFF) if what.startswith("0") else _PLAIN_ESCAPES[what]
