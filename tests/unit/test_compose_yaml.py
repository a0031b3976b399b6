"""YAML as Compose reads it, with lines, and within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.compose import scalars
from testbed.compose.yaml_lines import DEEPEST, Unreadable, parse
from tests.compose_oracle import config

SCALARS = """
    22:22 190:20:30 on yes off no y N true True TRUE tRUE false False 0777 0o17 08 09 -012 +5 -5 0x1F 0b101
    -0x10 1_000 _1 1_ 1e3 1E3 1.50 1. .5 -.5 +.5 1.0 100.0 0.0 -0.0 1e5 1e6 1e20 1e21 123456789.5 999999.5
    1000000.5 -2500000.0 0.0001 0.00001 3.0e-7 1e100 1.5e-9 12345678901234567890 18446744073709551615
    18446744073709551616 9223372036854775807 -9223372036854775808 -9223372036854775809 0 00 0o8 0b2 0xg + .
    1.2.3 v1 1s 172.16.10.1 172.16.10.0/24 0_7 0x_1F 1__0 e3 1e 1e+ 02:42:ac:10:0a:0a 1.7976931348623157e308
""".split()


def test_plain_scalars_become_the_text_that_compose_makes_of_them(tmp_path: Path) -> None:
    """A port pair is no base-60 number, `on` is no truth, and a number is written as Compose writes it."""
    lines = "".join(f"      V{at}: {text}\n" for at, text in enumerate(SCALARS))
    source = f"services:\n  a:\n    image: i\n    environment:\n{lines}"
    (tmp_path / "compose.yaml").write_text(source)
    answer = config(tmp_path / "compose.yaml", {})
    assert answer is not None
    theirs = answer["services"]["a"]["environment"]
    document, _ = parse(source, "compose.yaml")
    ours = {name: scalars.text_of(v) for name, v in document.value["services"]["a"]["environment"].items()}
    written = {f"V{at}": text for at, text in enumerate(SCALARS)}
    assert {written[name]: ours[name] for name in ours} == {written[name]: theirs[name] for name in theirs}


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing_has_five_spellings(text: str) -> None:
    """An empty value and a null are one."""
    assert scalars.resolve(text) is None


LINED = """\
x-base: &base
  image: i
  list: [a,
    b]
services:
  one:
    <<: *base
    own: 1
  two: *base
"""


def test_every_entry_knows_its_line() -> None:
    """Keys and list items; those that an alias or a merge brings in, where they are written."""
    document, mistakes = parse(LINED, "f")
    assert not mistakes
    for path, line in (
        (("services",), 5),
        (("services", "one"), 6),
        (("services", "one", "image"), 2),
        (("services", "one", "own"), 8),
        (("services", "one", "list", 1), 4),
        (("services", "two", "image"), 2),
        (("services", "one", "absent", "deeper"), 6),
        (("nowhere",), None),
    ):
        assert document.line_of(path) == line, path


def test_what_a_mapping_says_itself_wins_over_what_is_merged_in() -> None:
    """Also where the merge stands below; of several merged mappings the first wins."""
    document, _ = parse("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  y: 3\n  <<: [*a, *b]\n", "f")
    assert document.value["c"] == {"x": 1, "y": 3, "z": 2}


def test_a_quoted_scalar_is_text() -> None:
    """As is one in a block, or with the tag for text."""
    document, _ = parse("a: '5'\nb: \"true\"\nc: |-\n  5\nd: !!str 5\ne: !!int '5'\n'<<': 6\n", "f")
    assert document.value == {"a": "5", "b": "true", "c": "5", "d": "5", "e": 5, "<<": 6}


@pytest.mark.parametrize(
    "text",
    [
        "[" * (DEEPEST + 2),
        "{a: " * (DEEPEST + 2),
        "[" * 200_000,
        "- " * 5000,
        "a: &a [" + "x, " * 400 + "]\nb: &b [" + "*a, " * 400 + "]\n",
        "\n".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 1}]" for n in range(DEEPEST + 2)),
        "a: &a {b: *a}",
        "a: *nothing",
        "a: [1",
        "\t- a",
        "a: b: c",
        "\ud800",
        "%YAML 9\n---\na",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_too_large_too_deep_or_no_yaml_is_refused(text: str) -> None:
    """And at once: neither memory nor the stack is filled first."""
    with pytest.raises(Unreadable):
        parse(text, "f")


def test_an_alias_may_repeat_what_is_small() -> None:
    """Anchors are for use."""
    document, mistakes = parse("a: &a {x: [1, 2]}\nb: [*a, *a]\n", "f")
    assert document.value["b"] == [{"x": [1, 2]}] * 2
    assert not mistakes
