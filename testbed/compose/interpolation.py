"""Variables in a Compose file's values, exactly as Compose substitutes them.

====================  ==============================================================
``$VAR``, ``${VAR}``  the value; empty where it is not set
``${VAR:-word}``      the value; `word` where it is not set or empty
``${VAR-word}``       the value; `word` where it is not set
``${VAR:?word}``      the value; an error that says `word` where it is not set or empty
``${VAR?word}``       the value; an error that says `word` where it is not set
``${VAR:+word}``      `word` where it is set and not empty; else nothing
``${VAR+word}``       `word` where it is set; else nothing
``$$``                a dollar sign
====================  ==============================================================

A `word` may itself hold variables, and what is wrong in it is wrong even where it is not needed.
A dollar sign before anything else stands for itself. Keys are not substituted, only values.
Source: compose-spec, 12-interpolation.md; compose-go, template/template.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from testbed.compose.document import shown

Lookup = Callable[[str], str | None]
"""From a variable's name to its value, None where it is not set."""

DEEPEST: Final = 32
"""Words in words."""

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR: Final = re.compile(r":?[-+?]")


class BadInterpolation(ValueError):
    """A value that cannot be substituted: `given` and `allowed` as a mistake has them."""

    def __init__(self, given: str, allowed: str) -> None:
        super().__init__(f"{given}; {allowed}")
        self.given = given
        self.allowed = allowed


def substitute(template: str, lookup: Lookup) -> str:
    """Return a text with its variables replaced; raise BadInterpolation where that cannot be."""
    return _substitute(template, lookup, 0)


def _substitute(template: str, lookup: Lookup, depth: int) -> str:
    if depth > DEEPEST:
        raise BadInterpolation(f"more than {DEEPEST} variables in one another", "a simpler value")
    done: list[str] = []
    at = 0
    while (dollar := template.find("$", at)) >= 0:
        done.append(template[at:dollar])
        following = template[dollar + 1 : dollar + 2]
        if following == "$":
            done.append("$")
            at = dollar + 2
        elif following == "{":
            end = _closing_brace(template, dollar + 1)
            done.append(_braced(template[dollar + 2 : end], lookup, depth))
            at = end + 1
        elif name := _NAME.match(template, dollar + 1):
            done.append(lookup(name.group()) or "")
            at = name.end()
        else:
            done.append("$")
            at = dollar + 1
    done.append(template[at:])
    return "".join(done)


def _closing_brace(template: str, opening: int) -> int:
    """Return where the brace that opens at `opening` is closed."""
    depth = 0
    for at in range(opening, len(template)):
        depth += {"{": 1, "}": -1}.get(template[at], 0)
        if depth == 0:
            return at
    raise _malformed(template)


def _braced(body: str, lookup: Lookup, depth: int) -> str:
    """Return what ``${body}`` stands for."""
    name = _NAME.match(body)
    if name is None:
        raise _malformed("${" + body + "}")
    value = lookup(name.group())
    if name.end() == len(body):
        return value or ""
    operator = _OPERATOR.match(body, name.end())
    if operator is None:
        raise _malformed("${" + body + "}")
    kind = operator.group()
    absent = value is None or (kind.startswith(":") and not value)
    word = _substitute(body[operator.end() :], lookup, depth + 1)  # even where it is not needed
    if kind.endswith("+"):
        return "" if absent else word
    if not absent:
        return value or ""
    if kind.endswith("?"):
        what = "set" if kind == "?" else "set and not empty"
        reason = f": {word}" if word else ""
        raise BadInterpolation(f"variable {name.group()} is missing{reason}", f"{name.group()} {what}")
    return word


def _malformed(template: str) -> BadInterpolation:
    return BadInterpolation(
        f"{shown(template)} is no variable", "${NAME}, ${NAME:-word}, …; $$ for a dollar sign"
    )
