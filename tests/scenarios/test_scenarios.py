"""On a network that is broken in one way, just the checks that must be are red.

That each scenario is green on a healthy network, and red on an edited recording, is test_catalogue.py's.
"""

from __future__ import annotations

import pytest

from testbed.scenario import Mutant, Scenario
from tests.scenarios.falsifying import Perform, assert_killed, mutants


@pytest.mark.parametrize(("scenario", "mutant"), mutants(Mutant))
def test_a_broken_network_turns_red_what_it_must(
    scenario: type[Scenario], mutant: Mutant, perform: Perform
) -> None:
    """A check that a broken network leaves green would prove nothing on a healthy one."""
    assert_killed(scenario().judge(perform(scenario, mutant)), mutant)
