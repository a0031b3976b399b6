"""How long `testbed --help` takes, and that nothing heavy is imported for it.

python -m bench.cli
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

ROUNDS = 20
HELP_MOST_MS = 120.0
HEAVY = ("docker", "pydantic", "rich", "yaml", "execnet", "jinja2")


def measure(rounds: int = ROUNDS) -> dict[str, float | int]:
    """Return the median of some rounds, and how many of the heavy libraries were imported."""
    timed = [_seconds("--help") for _ in range(rounds + 1)][1:]  # the first one fills the caches
    bare = [_seconds() for _ in range(rounds)]
    return {
        "rounds": rounds,
        "help_ms": round(statistics.median(timed) * 1000, 1),
        "help_ms_most": HELP_MOST_MS,
        "python_alone_ms": round(statistics.median(bare) * 1000, 1),
        "heavy_imports": _heavy_imports(),
        "heavy_imports_most": 0,
    }


def _seconds(*args: str) -> float:
    """Run `testbed` with these arguments, or without any a Python that does nothing."""
    command = [sys.executable, "-m", "testbed", *args] if args else [sys.executable, "-c", "pass"]
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def _heavy_imports() -> int:
    code = (
        "import sys; from testbed.cli import main; main(['--help']);"
        f"print(sum(name in sys.modules for name in {HEAVY!r}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(answer.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
