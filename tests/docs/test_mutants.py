"""docs/mutants.md is the matrix of all scenarios, as they are now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.scenario import Scenario, builtin_ids, load

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
ANEW = "make it anew: testbed mutate --jobs 2 --format markdown > docs/mutants.md"


def sections() -> dict[str, str]:
    """Scenario -> its part of the page."""
    _, *parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def red(scenario: type[Scenario], section: str) -> dict[str, set[str]]:
    """Mutant -> the checks that the page shows as turned red by it."""
    names = re.findall(r"^\d+\. (.+) \((?:network|recording)\)$", section, flags=re.MULTILINE)
    found: dict[str, set[str]] = {name: set() for name in names}
    for check in scenario.checks():
        (row,) = re.findall(rf"^\| {check.name} \| (.+) \|$", section, flags=re.MULTILINE)
        for name, mark in zip(names, row.split(" | "), strict=True):
            if mark == "✗":
                found[name].add(check.name)
    return found


def test_every_scenario_is_on_the_page() -> None:
    """In the order of the list, and all their mutants did what they declare."""
    assert tuple(sections()) == builtin_ids(), ANEW
    good, total = re.findall(r"^(\d+) of (\d+) mutants", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert good == total


@pytest.mark.parametrize("name", builtin_ids())
def test_the_page_shows_what_the_scenario_declares(name: str) -> None:
    """Every check has a row, every mutant a column, and red is what the mutant declares.

    That they do turn red is held by tests/scenarios.
    """
    scenario = load(name)
    declared = {mutant.name: set(mutant.kills) for mutant in scenario.mutants}
    assert red(scenario, sections()[name]) == declared, ANEW
