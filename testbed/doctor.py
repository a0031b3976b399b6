"""What this machine can run, what is missing, and how to get it. Looks; changes nothing."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.backends.base import Examined, Fitness
from testbed.errors import TestbedError
from testbed.runs import ROOT
from testbed.version import package_version

if TYPE_CHECKING:
    from testbed.backends.base import Backend
    from testbed.topology import Topology

ROOM = 100 * 1024 * 1024
"""Bytes of free room below which recordings are in danger."""

OLDEST_PYTHON = (3, 11)


def examine(backend: Backend, topology: Topology) -> Iterator[Examined]:
    """Examine this machine, one thing after another."""
    yield _python()
    bad = False
    for one in backend.examine():
        bad = bad or one.fitness is Fitness.BAD
        yield one
    yield _room(Path.cwd())
    if not bad:
        yield from _labs(backend)
    yield from _scenarios(topology, bad)


def _python() -> Examined:
    fit = Fitness.GOOD if sys.version_info[:2] >= OLDEST_PYTHON else Fitness.BAD
    return Examined("Python", fit, f"{platform.python_version()}, testbed {package_version()}")


def _room(place: Path) -> Examined:
    subject = f"room for runs in {ROOT}"
    free = shutil.disk_usage(place).free
    if free < ROOM:
        return Examined(subject, Fitness.LACKING, f"{free // 2**20} MiB are free", "remove old runs")
    return Examined(subject, Fitness.GOOD, f"{free / 2**30:.1f} GiB are free")


def _labs(backend: Backend) -> Iterator[Examined]:
    try:
        labs = backend.list()
    except TestbedError as exc:
        yield Examined("labs", Fitness.BAD, str(exc))
        return
    left = [lab.name for lab in labs if lab.leftover]
    up = [lab.name for lab in labs if not lab.leftover]
    yield Examined("labs", Fitness.GOOD, f"up: {', '.join(up)}" if up else "none is up")
    if left:
        yield Examined("leftovers", Fitness.LACKING, f"left behind: {', '.join(left)}", "testbed wipe")


def _scenarios(topology: Topology, bad: bool) -> Iterator[Examined]:
    """Say which scenarios can run here."""
    from testbed.runner.selection import select

    selected = [item.scenario for item in select()]
    misfits = {one.id: one.misfit(topology) for one in selected if one.topology is None}
    fitting = [one.id for one in selected if not misfits.get(one.id)]
    if bad:
        yield Examined("scenarios", Fitness.BAD, "none can run until what is missing above is there")
        return
    yield Examined("scenarios", Fitness.GOOD, f"{len(fitting)} can run: {', '.join(fitting)}")
    for name, reason in misfits.items():
        if reason:
            yield Examined(name, Fitness.LACKING, f"{topology.name} is not its topology: {reason}")
