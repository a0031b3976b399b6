"""`-k EXPR`: words joined by and, or, not and brackets, as pytest has it.

    expression := term ("or" term)*
    term       := factor ("and" factor)*
    factor     := "not" factor | "(" expression ")" | word

A word is true of a text that holds it anywhere, upper and lower case alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from testbed.errors import UsageError

Predicate = Callable[[str], bool]

_TOKEN = re.compile(r"[()]|[^\s()]+")


def parse(expression: str) -> Predicate:
    """Return a function that says whether a text fits; raise UsageError for what is no expression."""
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens: list[str] = [*_TOKEN.findall(expression), ""]
        self._at = 0

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._next:
            raise self._refused(f"{self._next!r} where `and`, `or` or the end was expected")
        return predicate

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._next
        self._at += bool(token)
        return token

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._next.lower() == "or":
            self._take()
            parts.append(self._both())
        return lambda text: any(part(text) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._one()]
        while self._next.lower() == "and":
            self._take()
            parts.append(self._one())
        return lambda text: all(part(text) for part in parts)

    def _one(self) -> Predicate:
        word = self._take().lower()
        if word == "not":
            inner = self._one()
            return lambda text: not inner(text)
        if word == "(":
            inner = self._either()
            if self._take() != ")":
                raise self._refused("a bracket is not closed")
            return inner
        if word in ("", ")", "and", "or"):
            raise self._refused(f"{repr(word) if word else 'its end'} where a word was expected")
        return lambda text: word in text.lower()

    def _refused(self, seen: str) -> UsageError:
        return UsageError(f"read -k {self._expression!r}", seen, 'for example: -k "tcp and not close"')
