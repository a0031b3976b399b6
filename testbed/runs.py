"""The folder of a run, `.testbed/runs/<id>/`, and `.testbed/runs/latest`, which points to the last one.

::

    capture.pcapng   every frame of every scenario; those that a verdict cites bear the check's name
    evidence.json    all else that was recorded
    verdicts.json    what was found, check by check
    report.html      the same, to look at
    run.json         command, seed, versions, times
    junit.xml        where it was asked for
    logs/<lab>/<node>.log

Owns where these are and that they are whole at any moment; not what is in them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from testbed.checks import Verdict
from testbed.errors import InvalidRecording
from testbed.evidence import Evidence
from testbed.evidence.store import Store, numbered, read_json, storage
from testbed.text import clean

SCHEMA_VERSION: Final = 1
ROOT: Final = Path(".testbed")
RUNS: Final = "runs"
LATEST: Final = "latest"
RUN: Final = "run.json"
VERDICTS: Final = "verdicts.json"
REPORT: Final = "report.html"


def new_id(now: float | None = None) -> str:
    """A name for a run that sorts by time, and is not another's: `20261123-061601-4f2a`."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"


class RunFolder:
    """A run's folder while the run is under way. Any thread may use it."""

    def __init__(self, root: Path, run_id: str) -> None:
        """Make the folder and let `latest` point to it. Raises StorageFull, OSError."""
        self.id = run_id
        self.path = root / RUNS / run_id
        self._lock = threading.RLock()
        with storage(self.path):
            self.path.mkdir(parents=True)
            _keep_out_of_git(root)
        self._store = Store(self.path)
        _point(root / RUNS / LATEST, run_id)

    def add(
        self,
        evidence: Evidence,
        judge: Callable[[Evidence], Verdict],
        lab: str = "",
        note: Mapping[str, Any] | None = None,
    ) -> tuple[Evidence, Verdict]:
        """Number a recording's frames as they will stand in the capture, judge it, and keep it.

        note: what else evidence.json is to hold of it. Raises StorageFull.
        """
        with self._lock:
            kept = numbered(evidence, self._store.count + 1)
            verdict = judge(kept)
            self._store.add(kept, comments_of(verdict), lab, note)
        return kept, verdict

    def write(self, name: str, data: str | bytes) -> Path:
        """Write a file of the run, all of it or nothing; return its path. Raises StorageFull."""
        path = self.path / name
        content = data.encode("utf-8", "replace") if isinstance(data, str) else data
        with self._lock, storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            try:
                part.write_bytes(content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return path

    def write_json(self, name: str, document: Mapping[str, Any]) -> Path:
        """Write one of our JSON documents, with its schema_version first."""
        whole = {"schema_version": SCHEMA_VERSION, **document}
        return self.write(name, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")

    def log(self, lab: str, node: str, output: bytes) -> None:
        """Keep what a node's program wrote, without control characters."""
        self.write(f"logs/{lab}/{node}.log", clean(output))


def comments_of(verdict: Verdict) -> dict[int, str]:
    """Frame number -> one line for each check that cites the frame."""
    lines: dict[int, list[str]] = {}
    for one in verdict.checks:
        for citation in one.finding.cites:
            if citation.kind == "frame":
                line = f"{verdict.scenario} {one.check.name}: {one.status.value} – {one.check.title}"
                lines.setdefault(citation.number, []).append(line)
    return {number: "\n".join(found) for number, found in lines.items()}


def find(run: str, root: Path = ROOT) -> Path:
    """The folder of a run named by its id, by `latest`, or by a path; InvalidRecording when there is none."""
    for path in (root / RUNS / run, Path(run)):
        if path.is_dir():
            return path
    known = sorted((path.name for path in (root / RUNS).glob("*") if not path.is_symlink()), reverse=True)
    hint = f"the last runs are {', '.join(known[:3])}" if known else "`testbed run` makes one"
    raise InvalidRecording(f"find run {run!r}", f"there is none in {root / RUNS}, and no such folder", hint)


def read(folder: Path) -> Mapping[str, Any]:
    """Read a run's run.json. Raises InvalidRecording."""
    return read_json(folder / RUN, SCHEMA_VERSION)


def _point(link: Path, target: str) -> None:
    """Let a symbolic link point to a target, at one stroke; a file system without links goes without."""
    part = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)
        part.symlink_to(target)
        part.replace(link)


def _keep_out_of_git(root: Path) -> None:
    """Runs are nobody's source: the folder ignores itself."""
    ignore = root / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")
