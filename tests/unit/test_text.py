"""What a node says is made safe where it comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.text import clean


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("\x1b[1;38;5;9mbold\x1b[m and \x1b[2K\x1b[?25lplain", "bold and plain"),
        ("\x1b]0;title\x07named \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "named link"),
        ("broken off \x1b[31", "broken off "),
        ("\x1b]0;no end of it\nnext", "]0;no end of it\nnext"),
        ("no sequence: a[0m]", "no sequence: a[0m]"),
        ("line\r\nnext\ttab\n", "line\nnext\ttab\n"),
        (b"\xff caf\xc3\xa9 \x00", "� café "),
        ("abc\u202edcba", "abcdcba"),
        ("家族 👩‍👩‍👧", "家族 👩‍👩‍👧"),
        ("\x9b2J\x7f", ""),
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
