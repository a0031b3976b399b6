"""Verdicts as JSON: for programs, and for a run's folder.

`schema_version` grows when a reader of the old shape would misread the new one.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from testbed.checks import CheckVerdict, Status, Verdict
from testbed.results import Result, RunResult
from testbed.text import clean

SCHEMA_VERSION: Final = 1


def render(run: RunResult) -> str:
    """Return a run as one JSON document; equal runs give equal text."""
    return json.dumps(document(run), indent=2, ensure_ascii=False) + "\n"


def document(run: RunResult) -> dict[str, Any]:
    """Return a run as what JSON can say. Times: seconds; `begun`: ISO 8601, UTC."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.id,
        "status": run.status.value,
        "exit_code": run.exit_code,
        "interrupted": run.interrupted,
        "begun": datetime.fromtimestamp(run.begun, UTC).isoformat(timespec="microseconds"),
        "seconds": round(run.seconds, 6),
        "seed": run.seed,
        "command": run.command,
        "versions": dict(sorted(run.versions.items())),
        "counts": {status.value: run.count(status) for status in Status},
        "unstable": run.unstable(),
        "scenarios": [scenario(result) for result in run.results],
    }


def scenario(result: Result) -> dict[str, Any]:
    """Return one scenario's result as what JSON can say."""
    subject = result.scenario
    claim = getattr(subject, "claim", None)
    return {
        "id": result.id,
        "title": clean(subject.title()),
        "layer": str(getattr(subject, "layer", "")),
        "rfc": list(subject.rfc),
        "claim": claim and {"text": claim.text, "verdict": str(claim.verdict), "reason": claim.reason},
        "round": result.round,
        "mutant": result.mutant,
        "lab": result.lab,
        "seconds": round(result.seconds, 6),
        **verdict(result.verdict),
        "trace": clean(result.trace),
    }


def verdict(judged: Verdict) -> dict[str, Any]:
    """Return a verdict as what JSON can say."""
    return {
        "status": judged.status.value,
        "reason": clean(judged.reason),
        "checks": [_check(item) for item in judged.checks],
    }


def _check(item: CheckVerdict) -> dict[str, Any]:
    return {
        "name": item.check.name,
        "title": item.check.title,
        "needs": list(item.check.needs),
        "status": item.status.value,
        "reason": clean(item.finding.reason),
        "cites": [{"kind": citation.kind, "number": citation.number} for citation in item.finding.cites],
    }
