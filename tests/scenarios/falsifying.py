"""The shipped scenarios and their mutants, and what it means that a mutant does what it says."""

from __future__ import annotations

from typing import Protocol

import pytest

from testbed.checks import Status, Verdict
from testbed.evidence import Evidence
from testbed.scenario import Edit, Mutant, Scenario, builtin_ids, load

SCENARIOS = {name: load(name) for name in builtin_ids()}


class Perform(Protocol):
    """Let a scenario act on a network that a mutant breaks; give what was recorded, also when it failed."""

    def __call__(self, scenario: type[Scenario], mutant: Mutant) -> Evidence:
        """Raise only what is no failure of the network's."""


def mutants(kind: type[Mutant] | type[Edit]) -> list[object]:
    """All mutants of a kind, each with its scenario, as parameters of a test.

    Those of one scenario are a group of xdist's, for they share a recording.
    """
    return [
        pytest.param(scenario, mutant, id=f"{name}-{mutant.name}", marks=pytest.mark.xdist_group(name))
        for name, scenario in SCENARIOS.items()
        for mutant in scenario.mutants
        if isinstance(mutant, kind)
    ]


def told(verdict: Verdict) -> str:
    """What a verdict's checks said, for who reads that a test failed."""
    lines = (f"{one.check.name}: {one.status.value}: {one.finding.reason}" for one in verdict.checks)
    return "\n".join(("", *lines))


def assert_killed(verdict: Verdict, mutant: Mutant | Edit) -> None:
    """The red checks are those that the mutant declares; one that is unknown rests on a red one."""
    assert verdict.failed == mutant.kills, told(verdict)
    for one in verdict.checks:
        if one.status is Status.UNKNOWN:
            assert one.finding.reason.startswith("rests on "), told(verdict)
