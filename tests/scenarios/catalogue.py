"""The catalogue, run once through the command line: what it said, recorded and wrote, for many tests."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.evidence import Evidence
from testbed.evidence.store import CAPTURE, load
from testbed.pcapng import read
from testbed.runs import REPORT
from tests.cli.calling import Called, call
from tests.scenarios.falsifying import SCENARIOS

PATIENCE = 600.0
"""Seconds; on a quiet machine of two cores it takes 91."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run. verdicts: of each scenario, as it was printed; evidence: as it was saved."""

    called: Called
    folder: Path
    verdicts: dict[str, dict[str, Any]]
    evidence: dict[str, Evidence]
    frames: tuple[bytes, ...]

    @property
    def report(self) -> Path:
        """The page that it wrote."""
        return self.folder / REPORT


def run(ids: Collection[str], folder: Path) -> Ran:
    """Run scenarios as a user does, without a name if all are meant."""
    named = () if set(ids) == set(SCENARIOS) else tuple(sorted(ids))
    called = call("run", *named, "--seed", "1", "--format", "json", cwd=folder, patience=PATIENCE)
    kept = (folder / ".testbed/runs/latest").resolve()
    return Ran(
        called,
        kept,
        {one["id"]: one for one in json.loads(called.stdout)["scenarios"]},
        {stored.evidence.scenario: stored.evidence for stored in load(kept)},
        tuple(record.data for record in read(kept / CAPTURE).records),
    )
