"""What docs/pytest.md shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.conftest import Run

PAGE = Path(__file__).parents[2] / "docs" / "pytest.md"


@pytest.mark.usefixtures("engine")
def test_the_examples_of_the_page_pass(outer: Run, pytester: pytest.Pytester) -> None:
    """Each block is a file of tests; together they run on one lab."""
    first, second = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    pytester.makepyfile(test_nodes=second)
    outer(first).assert_outcomes(passed=8)


def test_the_page_names_every_option(outer: Run) -> None:
    """What `pytest --help` offers for labs is explained."""
    options = re.findall(r"--lab-\w+", outer("", "--help").stdout.str())
    assert options
    assert set(options) == set(re.findall(r"--lab-\w+", PAGE.read_text()))
