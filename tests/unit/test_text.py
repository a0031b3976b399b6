"""What a node says is made safe where it comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.text import clean


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("line\r\nnext\ttab\n", "line\nnext\ttab\n"),
        (b"\xff caf\xc3\xa9 \x00", "� café "),
        ("abc\u202edcba", "abcdcba"),
        ("家族 👩‍👩‍👧", "家族 👩‍👩‍👧"),
        ("\x9b2J\x7f", "2J"),
    ],
)
def test_control_characters_go_and_words_stay(given: str | bytes, safe: str) -> None:
    """No terminal is steered by a node; its languages are left alone."""
    assert clean(given) == safe


@given(st.one_of(st.text(), st.binary()))
def test_no_control_character_is_left_of_anything(data: str | bytes) -> None:
    """Whatever comes, what is left can be printed and encoded."""
    left = clean(data)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in left)
    assert "\x7f" not in left
    left.encode("utf-8")
    assert clean(left) == left
