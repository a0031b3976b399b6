"""Every scenario is green on a healthy network; every mutant turns red what it says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.checks import Status
from testbed.evidence import Evidence
from testbed.scenario import Edit, Mutant, Scenario
from tests.scenarios.falsifying import SCENARIOS, Perform, assert_killed, mutants, told


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_is_green_on_a_healthy_network(
    scenario: type[Scenario], healthy: Callable[[type[Scenario]], Evidence]
) -> None:
    """What it says of networks is true of this one."""
    verdict = scenario().judge(healthy(scenario))
    assert verdict.status is Status.PASSED, told(verdict)


@pytest.mark.parametrize(("scenario", "mutant"), mutants(Mutant))
def test_a_broken_network_turns_red_what_it_must(
    scenario: type[Scenario], mutant: Mutant, perform: Perform
) -> None:
    """A check that a broken network leaves green would prove nothing on a healthy one."""
    assert_killed(scenario().judge(perform(scenario, mutant)), mutant)


@pytest.mark.parametrize(("scenario", "edit"), mutants(Edit))
def test_an_edited_recording_turns_red_what_it_must(
    scenario: type[Scenario], edit: Edit, healthy: Callable[[type[Scenario]], Evidence]
) -> None:
    """A check looks at what it says that it looks at: change that alone, and it alone is red."""
    assert_killed(scenario().judge(edit.edit(healthy(scenario))), edit)
