"""How long the first eight scenarios take: on a lab that is up, and from nothing.

    python -m bench.scenarios

Each run is the whole command, start of Python and writing of the run's folder included.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 5
EIGHT = (
    "app.client-server",
    "app.end-of-stream",
    "arp.same-lan",
    "arp.via-gateway",
    "ip.loopback",
    "tcp.close",
    "tcp.handshake",
    "tcp.reset",
)
ATTACHED_MOST_S = 6.0
FROM_NOTHING_MOST_S = 12.0


def measure(rounds: int = ROUNDS) -> dict[str, float | int]:
    """Return the medians of some rounds of each, and what the scenarios alone took in the last one."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        name = f"bench-{secrets.token_hex(3)}"
        _testbed(place, "up", "-d", name)
        try:
            attached = statistics.median(_run(place, "--attach", name) for _ in range(rounds))
        finally:
            _testbed(place, "down", name)
        alone = _scenarios_alone(place)
        nothing = statistics.median(_run(place) for _ in range(rounds))
    return {
        "rounds": rounds,
        "scenarios": len(EIGHT),
        "attached_s": round(attached, 2),
        "attached_s_most": ATTACHED_MOST_S,
        "scenarios_alone_s": round(alone, 2),
        "from_nothing_s": round(nothing, 2),
        "from_nothing_s_most": FROM_NOTHING_MOST_S,
    }


def _run(folder: Path, *args: str) -> float:
    begun = time.perf_counter()
    _testbed(folder, "run", *EIGHT, *args)
    return time.perf_counter() - begun


def _scenarios_alone(folder: Path) -> float:
    """The sum of the scenarios' own times in the last run."""
    verdicts = json.loads((folder / ".testbed/runs/latest/verdicts.json").read_bytes())
    return float(sum(one["seconds"] for one in verdicts["scenarios"]))


def _testbed(folder: Path, *args: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "testbed", *args],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        raise SystemExit(
            f"testbed {' '.join(args)} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}"
        )


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
