"""A containerised network testbed: real hosts, exact faults, verdicts that cite frames.

The names that a scenario or a program of one's own needs. Each is imported when it is first asked
for, so that `import testbed` costs nothing and needs neither Docker nor a lab.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.checks import Finding as Finding
    from testbed.checks import Status as Status
    from testbed.checks import check as check
    from testbed.checks import expect as expect
    from testbed.checks import expect_all as expect_all
    from testbed.checks import expect_held as expect_held
    from testbed.checks import expect_held_until as expect_held_until
    from testbed.checks import expect_none as expect_none
    from testbed.checks import expect_some as expect_some
    from testbed.checks import expect_that as expect_that
    from testbed.errors import TestbedError as TestbedError
    from testbed.evidence import Evidence as Evidence
    from testbed.evidence import Frame as Frame
    from testbed.lab import Lab as Lab
    from testbed.matching import Match as Match
    from testbed.node import Node as Node
    from testbed.scenario import Claim as Claim
    from testbed.scenario import Edit as Edit
    from testbed.scenario import Holds as Holds
    from testbed.scenario import Layer as Layer
    from testbed.scenario import Mutant as Mutant
    from testbed.scenario import Scenario as Scenario

_ROOMS = {
    "checks": (
        "Finding",
        "Status",
        "check",
        "expect",
        "expect_all",
        "expect_held",
        "expect_held_until",
        "expect_none",
        "expect_some",
        "expect_that",
    ),
    "errors": ("TestbedError",),
    "evidence": ("Evidence", "Frame"),
    "lab": ("Lab",),
    "matching": ("Match",),
    "node": ("Node",),
    "scenario": ("Claim", "Edit", "Holds", "Layer", "Mutant", "Scenario"),
}
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = tuple(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'testbed' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"testbed.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *_WHERE))
