"""Variables are replaced exactly as Compose replaces them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.compose.interpolation import BadInterpolation, substitute
from tests.compose_oracle import config

UNSET: dict[str, str] = {}
VARIABLES = {"A": "val", "E": "", "a": "low"}

TABLE = {
    "$A": "val", "${A}": "val", "$A-b": "val-b", "$A.b": "val.b", "$A$A": "valval", "${a}": "low", "${E}": "",
    "${A:-d}": "val", "${A-d}": "val", "${U:-d}": "d", "${U-d}": "d", "${E:-d}": "d", "${E-d}": "",
    "${A:+r}": "r", "${A+r}": "r", "${U:+r}": "", "${U+r}": "", "${E:+r}": "", "${E+r}": "r",
    "${A:?no}": "val", "${A?no}": "val", "${E?no}": "", "${U}": "", "$U": "",
    "$$": "$", "$$A": "$A", "$$$A": "$val", "${U:-$$}": "$", "${U:-a$$b}": "a$b", "${A:+$$}": "$",
    "${U:-${A}}": "val", "${U:-${V:-${A}}}": "val", "${U:-$A}": "val", "${A:+${A}!}": "val!",
    "${U:-a}b${A}": "abval", "${U:-a}${U:-b}": "ab", "${A}:-x": "val:-x", "x${U:-a b}y": "xa by",
    "${U:-a:-b}": "a:-b", "${U-b:-c}": "b:-c", "${U:-}": "", "${U:-#}": "#",
    "${U:-{x}}": "{x}", "${U:-{}}": "{}", "${A:-}}": "val}", "${U:-}}": "}", "${U:-'}'}": "''}",
    "$": "$", "a$": "a$", "$5": "$5", "$ A": "$ A", "$é": "$é", "${U:-$}": "$", "${U:-a}$": "a$",
    "${A:-x}\n${U:-y}": "val\ny",
}  # fmt: skip

REFUSED = (
    "${", "${}", "${A", "${A b}", "${A!x}", "${5}", "${-x}", "${ A}", "${A }", "${U:=x}", "${A=x}", "${A.b}",
    "${U:-${}}", "${U:?no}", "${E:?no}", "${U?no}", "${U:?${A}}", "${U:+${X?}}", "${A:-${X?}}",
)  # fmt: skip


@pytest.mark.parametrize(("template", "value"), TABLE.items())
def test_a_template_becomes_its_value(template: str, value: str) -> None:
    """The table of the specification, and what Compose does where that is silent."""
    assert substitute(template, VARIABLES.get) == value


@pytest.mark.parametrize("template", REFUSED)
def test_what_compose_refuses_is_refused(template: str) -> None:
    """A brace that starts no variable, and a variable that must be there and is not."""
    with pytest.raises(BadInterpolation):
        substitute(template, VARIABLES.get)


def ask_compose(templates: list[str], folder: Path) -> list[str] | None:
    """Return what Compose makes of templates; None where it refuses them."""
    labels = {f"L{at}": template for at, template in enumerate(templates)}
    file = folder / "compose.yaml"
    file.write_text(json.dumps({"services": {"s": {"image": "i", "labels": labels}}}))
    answer = config(file, VARIABLES)
    return None if answer is None else [answer["services"]["s"]["labels"][name] for name in labels]


def test_the_table_is_what_compose_does(tmp_path: Path) -> None:
    """The table above is no opinion of ours."""
    assert ask_compose(list(TABLE), tmp_path) == list(TABLE.values())


@pytest.mark.parametrize("template", REFUSED)
def test_the_refusals_are_those_of_compose(template: str, tmp_path: Path) -> None:
    """Nor are the refusals."""
    assert ask_compose([template], tmp_path) is None


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
PLAIN = st.text(st.characters(exclude_characters="${}", codec="utf-8"), max_size=10)
STATES = st.one_of(st.none(), st.just(""), PLAIN)


def by_the_table(operator: str, value: str | None, word: str) -> str | None:
    """The specification's table, row by row; None where it calls for an error."""
    unset, empty = value is None, not value
    return {
        ":-": word if empty else value,
        "-": word if unset else value,
        ":+": "" if empty else word,
        "+": "" if unset else word,
        ":?": None if empty else value,
        "?": None if unset else value,
    }[operator]


@given(NAMES, st.sampled_from([":-", "-", ":+", "+", ":?", "?"]), STATES, PLAIN, PLAIN, PLAIN)
def test_every_operator_does_what_the_table_says(
    name: str, operator: str, value: str | None, word: str, before: str, after: str
) -> None:
    """For every name, every state of the variable and every word, between any texts."""
    template = before + "${" + name + operator + word + "}" + after
    expected = by_the_table(operator, value, word)
    lookup = (UNSET if value is None else {name: value}).get
    if expected is None:
        with pytest.raises(BadInterpolation, match="is missing"):
            substitute(template, lookup)
    else:
        assert substitute(template, lookup) == before + expected + after


@given(st.recursive(PLAIN, lambda inner: st.builds("${{UNSET:-{}}}".format, inner), max_leaves=8))
def test_words_in_words_are_unwrapped(template: str) -> None:
    """The innermost word is what remains."""
    innermost = template.replace("${UNSET:-", "").replace("}", "")
    assert substitute(template, UNSET.get) == innermost


@given(st.text())
def test_dollars_survive_doubling(text: str) -> None:
    """Whatever a value is, written with each dollar sign twice it is itself."""
    assert substitute(text.replace("$", "$$"), UNSET.get) == text


@given(st.text("$${}AE:-+?x \n"))
def test_any_template_has_a_value_or_is_refused(template: str) -> None:
    """No template crashes the reader."""
    with contextlib.suppress(BadInterpolation):
        assert isinstance(substitute(template, VARIABLES.get), str)


def test_nesting_has_an_end() -> None:
    """A value that would exhaust the stack is refused."""
    with pytest.raises(BadInterpolation, match="in one another"):
        substitute("${A:-" * 2000 + "}" * 2000, UNSET.get)
