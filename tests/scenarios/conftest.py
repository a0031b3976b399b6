"""Scenarios act on the lab of the plugin, broken in one way, or on one of their own topology."""

from __future__ import annotations

import contextlib
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
    """Give the lab that a scenario acts on: the shared one, or one of its own topology.

    Of the latter there is one at a time, for the health checks of idle nodes cost time too.
    """
    own: dict[Path, Lab] = {}
    with ExitStack() as stack:

        def lab_of(scenario: type[Scenario]) -> Lab:
            file = lab_file(Selected(scenario), shipped_file())
            if file == shipped_file():
                return lab
            if file not in own:
                stack.close()
                own.clear()
                own[file] = stack.enter_context(Lab.up(file, f"{lab.name}-{file.stem}"))
            return own[file]

        yield lab_of


@pytest.fixture
def perform(
    lab: Lab,
    lab_of: Callable[[type[Scenario]], Lab],
    record: Callable[[str], AbstractContextManager[Recording]],
) -> Perform:
    """Let a scenario act on a broken network, and give what was recorded."""

    def perform(scenario: type[Scenario], mutant: Mutant) -> Evidence:
        own = lab_of(scenario)
        with own.undo.scope():
            acting = mutant.prepared(scenario, own)
            recorder = record(scenario.id) if own is lab else own.record(scenario.id)
            failing = contextlib.suppress(OSError, DeadlinePassed)  # that it failed is evidence
            with recorder as recording, failing:
                acting.act(own)
        assert recording.evidence is not None
        return recording.evidence

    return perform
