"""Captures whose every byte is known are written, and told, as they always were."""

from __future__ import annotations

import pytest

from tests.golden.build import CAPTURES, FOLDER, told


@pytest.mark.parametrize("name", CAPTURES)
def test_a_golden_capture_is_written_byte_by_byte_as_before(name: str) -> None:
    """What others have stored of ours stays readable, and the same run makes the same file."""
    assert CAPTURES[name]() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", CAPTURES)
def test_a_golden_capture_is_told_line_by_line_as_before(name: str) -> None:
    """After a change on purpose: `python -m tests.golden.build`, and look at the difference."""
    path = FOLDER / name
    assert told(path.read_bytes()) == path.with_suffix(".txt").read_text(encoding="utf-8")
