"""From settings to a finished run folder: what `testbed run` does, without its output."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.evidence.store import CAPTURE, storage
from testbed.interrupts import shielded
from testbed.results import RunResult
from testbed.runner.events import Listener
from testbed.runner.judging import not_run
from testbed.runner.labs import Labs
from testbed.runner.plan import Task, plan
from testbed.runner.run import Limits, Run
from testbed.runner.selection import Selected
from testbed.runs import REPORT, ROOT, RUN, VERDICTS, RunFolder, new_id
from testbed.version import package_version

if TYPE_CHECKING:
    from testbed.backends.base import Backend
    from testbed.topology import Topology

JUNIT = "junit.xml"


@dataclass(frozen=True, slots=True)
class Settings:
    """What to run, and how.

    file: the Compose file of the default lab. rounds: how often each scenario runs. attach: a lab that is
    up already; attach_file: says what it consists of, where plain `docker compose` started it. keep:
    leave up the labs that are brought up. command: the line that repeats the run. junit: where to write
    verdicts as JUnit XML, beside the run's folder.
    """

    selection: Sequence[Selected]
    file: Path
    backend: Backend
    rounds: int = 1
    attach: str | None = None
    attach_file: Path | None = None
    keep: bool = False
    limits: Limits = field(default_factory=Limits)
    command: str = ""
    junit: Path | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A run with its folder, and the names of the labs that it left up."""

    run: RunResult
    folder: Path
    kept: tuple[str, ...] = ()


def run(
    settings: Settings, listener: Listener, root: Path = ROOT, tasks: Sequence[Task] | None = None
) -> Finished:
    """Run scenarios, and keep in the run's folder what came of them.

    tasks: what to run; by default every scenario of the settings, as often as they say.
    Ctrl-C takes everything down, keeps what there is, and says so in the result.
    Raises EnvironmentUnfit where no lab comes up, InvalidComposeFile, StorageFull.
    """
    begun, clock = time.time(), time.monotonic()
    if tasks is None:
        tasks = plan(settings.selection, settings.file, settings.rounds, settings.limits.seed)
    topologies = {} if settings.attach else _topologies(tasks)
    versions = versions_of(settings.backend)
    labs = Labs(settings.backend, listener, keep=settings.keep)
    if settings.attach is not None:
        labs.attach(settings.attach, settings.attach_file)
    misfits = {task: _misfit(task, settings, labs, topologies) for task in tasks}
    folder = labs.folder = RunFolder(root, new_id(begun))
    about = _about(settings, folder, versions, begun)
    folder.write_json(RUN, about)
    listener.planned(len(tasks))
    run = Run([task for task in tasks if not misfits[task]], labs, folder, listener, settings.limits)
    for task, reason in misfits.items():
        if reason:
            run.keep(not_run(task, reason, skipped=True))
    with ThreadPoolExecutor(1) as aside:  # it gets ready to write while the scenarios act
        ready = aside.submit(_ready_to_write)
        interrupted = _work(run, labs)
        ready.result()
    result = RunResult(
        id=folder.id,
        results=tuple(run.results),
        command=settings.command,
        seed=settings.limits.seed,
        begun=begun,
        seconds=time.monotonic() - clock,
        versions=versions,
        interrupted=interrupted,
    )
    folder.write_json(RUN, {**about, "seconds": result.seconds, "interrupted": interrupted})
    _write_verdicts(result, folder, settings.junit)
    return Finished(result, folder.path, tuple(labs.kept))


def versions_of(backend: Backend) -> dict[str, str]:
    """Names and versions of all that takes part: this package, Python, engine, Compose, kernel."""
    return {"testbed": package_version(), "python": platform.python_version(), **backend.versions()}


def _work(run: Run, labs: Labs) -> bool:
    """Run everything and take all labs down; say whether it was interrupted."""
    try:
        try:
            run.work()
        finally:
            with shielded():
                labs.down_all()
    except KeyboardInterrupt:
        return True
    return False


def _topologies(tasks: Sequence[Task]) -> dict[Path, Topology]:
    """The topologies of all files that are wanted; a mistake in one shows before anything is started."""
    from testbed.compose import load

    return {file: load(file, os.environ) for file in dict.fromkeys(task.file for task in tasks)}


def _misfit(task: Task, settings: Settings, labs: Labs, topologies: Mapping[Path, Topology]) -> str | None:
    """Why a task cannot run on the lab that it would get; None when it can."""
    lab = labs.attached
    if lab is None:
        reason = task.scenario.misfit(topologies[task.file])
        return f"{task.file} is not its topology: {reason}" if reason else None
    if task.file != settings.file:
        return f"it needs a lab of its own ({task.file.name}), and this run is attached to {lab.name}"
    reason = task.scenario.misfit(lab.topology)
    return f"lab {lab.name} is not its topology: {reason}" if reason else None


def _about(
    settings: Settings, folder: RunFolder, versions: Mapping[str, str], begun: float
) -> dict[str, Any]:
    return {
        "run": folder.id,
        "command": settings.command,
        "seed": settings.limits.seed,
        "file": str(settings.file),
        "sources": {item.scenario.id: item.source for item in settings.selection},
        "versions": versions,
        "begun": begun,
    }


def _ready_to_write() -> None:
    """Import what writes the verdicts and compile its templates: a third of a second."""
    from testbed.report import as_json, html, junit  # noqa: F401

    html.get_ready()


def _write_verdicts(result: RunResult, folder: RunFolder, junit: Path | None) -> None:
    from testbed.report import as_json, html
    from testbed.report import junit as as_junit

    folder.write(VERDICTS, as_json.render(result))
    if junit is not None:
        text = as_junit.render(result)
        folder.write(JUNIT, text)
        with storage(junit):
            junit.parent.mkdir(parents=True, exist_ok=True)
            junit.write_text(text, encoding="utf-8")
    folder.write(REPORT, html.render(result, capture=CAPTURE))  # last: it can be made again
