"""The scenarios ten times in a row, as a user runs them, without one differing verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.compose import shipped_file
from tests.scenarios.falsifying import SCENARIOS

ROUNDS = 10
QUICK = [name for name, scenario in SCENARIOS.items() if not scenario.long]
"""Those that wait for no timer of a minute: ten rounds of these alone would take ten minutes."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("engine")
def test_ten_rounds_give_one_verdict(tmp_path: Path) -> None:
    """A verdict that comes and goes teaches nothing; each round after the first is in another order."""
    command = [
        sys.executable, "-m", "testbed", "run", *QUICK, f"--file={shipped_file()}",
        f"--repeat={ROUNDS}", "--jobs=3", "--format=json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["unstable"] == {}
    assert told["counts"] == {
        "passed": ROUNDS * len(QUICK), "failed": 0, "unknown": 0, "skipped": 0,
    }  # fmt: skip
