"""In CI, the suites that need an engine do not skip themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITH_A_LAB = "tests/integration/test_isolation.py::test_the_router_knows_no_way_out"
WITH_AN_ENGINE = "tests/scenarios/test_repeat.py"


@pytest.mark.parametrize("suite", [WITH_A_LAB, WITH_AN_ENGINE])
@pytest.mark.parametrize("ci", [True, False])
def test_a_missing_engine_is_a_failure_in_ci_alone(suite: str, ci: bool) -> None:
    """Green means tested: elsewhere a machine without an engine may run the rest."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "TESTBED_REQUIRE_ENGINE")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite],
        env={**kept, "DOCKER_HOST": "unix:///nobody.sock", **({"CI": "true"} if ci else {})},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (pytest.ExitCode.TESTS_FAILED if ci else pytest.ExitCode.OK), done.stdout
    assert ("1 skipped" in done.stdout) is not ci
