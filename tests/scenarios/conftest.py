"""Scenarios act on the lab of the plugin; what a healthy one recorded is kept for the edits of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from testbed.compose import shipped_file
from testbed.errors import DeadlinePassed
from testbed.evidence import Evidence
from testbed.lab import Lab
from testbed.recorder import Recording
from testbed.runner.plan import lab_file
from testbed.runner.selection import Selected
from testbed.scenario import Mutant, Scenario
from tests.scenarios.falsifying import Perform


@pytest.fixture(scope="session")
def lab_of(lab: Lab) -> Iterator[Callable[[type[Scenario]], Lab]]:
    """Give the lab that a scenario acts on: the shared one, or one of its own topology, brought up once."""
    up: dict[Path, Lab] = {shipped_file(): lab}
    with ExitStack() as stack:

        def lab_of(scenario: type[Scenario]) -> Lab:
            file = lab_file(Selected(scenario), shipped_file())
            if file not in up:
                up[file] = stack.enter_context(Lab.up(file, f"{lab.name}-{len(up)}"))
            return up[file]

        yield lab_of


@pytest.fixture
def perform(
    lab: Lab,
    lab_of: Callable[[type[Scenario]], Lab],
    record: Callable[[str], AbstractContextManager[Recording]],
) -> Perform:
    """Let a scenario act, on a healthy network or on a broken one, and give what was recorded."""

    def perform(scenario: type[Scenario], mutant: Mutant | None = None) -> Evidence:
        own = lab_of(scenario)
        with own.undo.scope():
            acting = scenario() if mutant is None else mutant.prepared(scenario, own)
            with record(scenario.id) if own is lab else own.record(scenario.id) as recording:
                try:
                    acting.act(own)
                except (OSError, DeadlinePassed):
                    if mutant is None:
                        raise
        assert recording.evidence is not None
        return recording.evidence

    return perform


@pytest.fixture(scope="session")
def recorded() -> dict[str, Evidence]:
    """What was recorded on the healthy network, by scenario."""
    return {}


@pytest.fixture
def healthy(perform: Perform, recorded: dict[str, Evidence]) -> Callable[[type[Scenario]], Evidence]:
    """Give what a scenario recorded on the healthy network: once for its verdict and all edits of it."""

    def healthy(scenario: type[Scenario]) -> Evidence:
        if scenario.id not in recorded:
            recorded[scenario.id] = perform(scenario)
        return recorded[scenario.id]

    return healthy
