"""The set-up with everything in place: what every `make run` and `make test` pays first."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 5


def measure() -> dict[str, float]:
    """Seconds of `make setup` that finds nothing to do, the median of several."""
    took = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        subprocess.run(["make", "--silent", "setup"], cwd=ROOT, capture_output=True, check=True)
        took.append(time.monotonic() - begin)
    return {"seconds": round(statistics.median(took), 2), "seconds_most": 2.0}
