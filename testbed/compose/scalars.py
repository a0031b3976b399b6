"""Plain YAML scalars as Compose reads them, and values as the text that Compose makes of them.

Compose decodes with yaml.v3: YAML 1.2 with some of 1.1 left. `on` and `yes` are text, `22:22` is
text (YAML 1.1 has it as the base-60 number 1342), `0777` is octal, `1_000` is a number.
Source: resolve.go of gopkg.in/yaml.v3.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

Scalar = str | int | float | bool | None

_FIXED: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER: Final = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_LARGEST: Final = 2**64 - 1
_LONGEST: Final = 400
"""A plain scalar longer than this, in characters, is text: no number that Compose takes is."""


def resolve(text: str) -> Scalar:
    """Return what a plain (unquoted, untagged) scalar stands for."""
    if text in _FIXED:
        return _FIXED[text]
    if len(text) > _LONGEST or text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        number = _integer(digits)
        return number if -(2**63) <= number <= _LARGEST else float(number)
    if _FLOAT.fullmatch(digits):
        return float(digits)
    return text


def _integer(digits: str) -> int:
    """Read an integer whose leading zero means octal, with or without the 'o'."""
    sign = -1 if digits.startswith("-") else 1
    bare = digits.lstrip("+-").lower()
    for prefix, base in (("0x", 16), ("0b", 2), ("0o", 8)):
        if bare.startswith(prefix):
            return sign * int(bare[2:], base)
    return sign * int(bare, 8 if bare.startswith("0") else 10)


def text_of(value: str | int | float | bool) -> str:
    """Return a value as Compose writes it into an environment."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return str(value)


def _float_text(value: float) -> str:
    """Go's `%g`: the shortest digits that are this number; an exponent below 1e-4 and from 1e6 on."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    digits = Decimal(repr(value))
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{digits:f}".removesuffix(".0")
    exponent = digits.adjusted()
    mantissa = f"{digits.scaleb(-exponent):f}"
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{exponent:+03d}"
