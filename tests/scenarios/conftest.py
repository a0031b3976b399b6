"""Scenarios act on the lab of the plugin; what a healthy one recorded is kept for the edits of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from testbed.errors import DeadlinePassed
from testbed.evidence import Evidence
from testbed.lab import Lab
from testbed.recorder import Recording
from testbed.scenario import Mutant, Scenario
from testbed.scenario import load as load_scenario
from tests.scenarios.falsifying import Perform


@pytest.fixture
def perform(lab: Lab, record: Callable[..., AbstractContextManager[Recording]]) -> Perform:
    """Let a scenario act, on a healthy network or on a broken one, and give what was recorded."""

    def perform(scenario: type[Scenario], mutant: Mutant | None = None) -> Evidence:
        acting = scenario() if mutant is None else mutant.prepared(scenario, lab)
        with record(scenario.id) as recording:
            try:
                acting.act(lab)
            except (OSError, DeadlinePassed):
                if mutant is None:
                    raise
        assert recording.evidence is not None
        return recording.evidence

    return perform


@pytest.fixture(scope="session")
def healthy(lab: Lab) -> Callable[[str], Evidence]:
    """Give what a scenario recorded on the healthy network; it is run once for all that edit its evidence."""
    recorded: dict[str, Evidence] = {}

    def healthy(name: str) -> Evidence:
        if name not in recorded:
            with lab.undo.scope(), lab.record(name) as recording:
                load_scenario(name)().act(lab)
            assert recording.evidence is not None
            recorded[name] = recording.evidence
        return recorded[name]

    return healthy
