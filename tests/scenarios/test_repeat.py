"""The scenarios ten times in a row, as a user runs them, without one differing verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.compose import shipped_file

ROUNDS = 10
EIGHT = (
    "app.client-server", "app.end-of-stream", "arp.same-lan", "arp.via-gateway",
    "ip.loopback", "tcp.close", "tcp.handshake", "tcp.reset",
)  # fmt: skip
"""The first ones, of every layer. All of them, five times over, are a benchmark: bench/catalogue.py."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("engine")
def test_ten_rounds_give_one_verdict(tmp_path: Path) -> None:
    """A verdict that comes and goes teaches nothing; each round after the first is in another order."""
    command = [
        sys.executable, "-m", "testbed", "run", *EIGHT, f"--file={shipped_file()}",
        f"--repeat={ROUNDS}", "--format=json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    told = json.loads(done.stdout)
    red = [
        (one["id"], check["name"], check["reason"])
        for one in told["scenarios"]
        for check in one["checks"]
        if check["status"] != "passed"
    ]
    assert red == []
    assert told["unstable"] == {}
    assert done.returncode == 0, done.stderr
    assert told["counts"] == {
        "passed": ROUNDS * len(EIGHT), "failed": 0, "unknown": 0, "skipped": 0,
    }  # fmt: skip
