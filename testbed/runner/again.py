"""A run judged again from its folder: no lab, no engine, the same verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from testbed import runs
from testbed.checks import Verdict
from testbed.errors import InvalidRecording, InvalidScenario
from testbed.evidence.store import Stored, load, read_json
from testbed.results import Result, RunResult
from testbed.runner.judging import Ending, judge
from testbed.runner.selection import ENTRY_POINT, SHIPPED
from testbed.scenario import Scenario, load_entry_points, load_file
from testbed.scenario import load as load_shipped


def judge_again(folder: Path) -> RunResult:
    """Judge all recordings of a run anew, by the checks as they are now.

    What was never recorded keeps the verdict that it had. Raises InvalidRecording for a folder that
    cannot be read, InvalidScenario when a scenario is not to be found any more.
    """
    about = runs.read(folder)
    try:
        results = [_judged(stored) for stored in load(folder)]
        seen = {(result.id, result.round) for result in results}
        results += [result for result in _unrecorded(folder, about) if (result.id, result.round) not in seen]
        return RunResult(
            id=str(about["run"]),
            results=tuple(results),
            command=str(about["command"]),
            seed=int(about["seed"]),
            begun=float(about["begun"]),
            seconds=float(about.get("seconds", 0.0)),
            versions={str(name): str(version) for name, version in about["versions"].items()},
            interrupted=bool(about.get("interrupted", "seconds" not in about)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidRecording(
            f"judge the run in {folder}", f"it is not what was written: {type(exc).__name__}: {exc}"
        ) from exc


def _judged(stored: Stored) -> Result:
    evidence, note = stored.evidence, stored.note
    scenario = found(evidence.scenario, str(note.get("source", SHIPPED)))
    return Result(
        scenario,
        judge(scenario, Ending(**note["ending"]), evidence),
        evidence,
        seconds=float(note["seconds"]),
        round=int(note["round"]),
        lab=stored.lab,
        trace=str(note["trace"]),
        mutant=str(note["mutant"]),
    )


def found(name: str, source: str) -> type[Scenario]:
    """Find a scenario where a run found it: shipped, installed, or in a file."""
    if source == SHIPPED:
        return load_shipped(name)
    candidates = load_entry_points() if source == ENTRY_POINT else load_file(Path(source))
    for scenario in candidates:
        if scenario.id == name:
            return scenario
    raise InvalidScenario(f"find scenario {name!r}", f"{source} does not hold it any more")


def _unrecorded(folder: Path, about: Mapping[str, Any]) -> Iterator[Result]:
    """What has a verdict without a recording: what was skipped, and what no lab came up for."""
    path = folder / runs.VERDICTS
    if not path.exists():
        return
    for one in read_json(path, runs.SCHEMA_VERSION)["scenarios"]:
        if not one["checks"]:
            scenario = found(one["id"], about["sources"][one["id"]])
            verdict = Verdict(one["id"], reason=one["reason"], skipped=one["status"] == "skipped")
            yield Result(scenario, verdict, round=one["round"], lab=one["lab"])
