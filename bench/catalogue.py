"""The whole catalogue: its wall time against the longest wait in it, its report, five rounds, all mutants.

    python -m bench.catalogue

Takes about twenty minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from testbed.report import html
from testbed.runner.again import judge_again
from testbed.runs import REPORT, ROOT, find
from testbed.scenario import builtin_ids, load

ROUNDS = 5
BESIDE = 30.0  # seconds that all the rest may take, on two cores
REPORT_MOST_MB = 5.0
WRITE_MOST_S = 2.0


def measure() -> dict[str, float | int]:
    """Return what one run of everything takes, how large its report is, and what rounds and mutants said."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        begun = time.monotonic()
        once = testbed(place, "run", "--seed", "1")
        seconds = time.monotonic() - begun
        megabytes, written = report(place)
        rounds = testbed(place, "run", "--repeat", str(ROUNDS))
        matrices = testbed(place, "mutate", "--jobs", "2")
    trials = [trial for one in matrices for trial in one["mutants"]]
    tell("not passed", [one["id"] for one in once["scenarios"] if one["status"] != "passed"])
    tell("differs", rounds["unstable"])
    tell(
        "not as declared",
        [
            f"{one['scenario']}: {trial['name']}: red is {trial['red']}"
            for one in matrices
            for trial in one["mutants"]
            if trial["red"] != trial["kills"]
        ],
    )
    return {
        "scenarios": len(once["scenarios"]),
        "not_passed": sum(one["status"] != "passed" for one in once["scenarios"]),
        "not_passed_most": 0,
        "longest_wait_s": max(load(name).long for name in builtin_ids()),
        "wall_s": round(seconds, 1),
        "wall_s_most": 66 + BESIDE,
        "report_mb": round(megabytes, 2),
        "report_mb_most": REPORT_MOST_MB,
        "report_write_s": round(written, 2),
        "report_write_s_most": WRITE_MOST_S,
        "rounds": ROUNDS,
        "differing_verdicts": len(rounds["unstable"]),
        "differing_verdicts_most": 0,
        "mutants": len(trials),
        "mutants_killed": sum(trial["red"] == trial["kills"] for trial in trials),
        "mutants_killed_least": len(trials),
    }


def tell(what: str, found: Iterable[object]) -> None:
    """Name what a number alone would leave unnamed."""
    for one in found:
        print(f"{what}: {one}", file=sys.stderr)


def report(place: Path) -> tuple[float, float]:
    """Return the size of the last run's report in MB, and the processor seconds that writing it takes."""
    folder = find("latest", place / ROOT)
    run = judge_again(folder)  # which decodes every frame, as judging has when a run ends
    html.render(run)  # templates are compiled once
    begun = time.process_time()
    html.render(run)
    return (folder / REPORT).stat().st_size / 1e6, time.process_time() - begun


def testbed(place: Path, *arguments: str) -> Any:
    """What a command says, as JSON."""
    command = [sys.executable, "-m", "testbed", *arguments, "--format", "json"]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
