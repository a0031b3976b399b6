"""The whole catalogue: its wall time against the longest wait in it, and five rounds of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time

from testbed.scenario import builtin_ids, load

ROUNDS = 5
BESIDE = 30.0  # seconds that all the rest may take, on two cores


def measure() -> dict[str, float | int]:
    """Seconds of one `testbed run` of everything, and what five rounds of it said."""
    longest = max(load(name).long for name in builtin_ids())
    begin = time.monotonic()
    once = run("--seed", "1")
    seconds = time.monotonic() - begin
    rounds = run("--repeat", str(ROUNDS))
    return {
        "scenarios": len(once["scenarios"]),
        "longest_wait_seconds": longest,
        "seconds": round(seconds, 1),
        "seconds_most": 66 + BESIDE,
        "differing_verdicts": len(rounds["unstable"]),
        "differing_verdicts_most": 0,
    }


def run(*arguments: str) -> dict[str, dict[str, object]]:
    """What `testbed run` says, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "testbed", "run", *arguments, "--format", "json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told: dict[str, dict[str, object]] = json.loads(done.stdout)
        return told
