"""What this machine can run, what is missing, and how to get it. Looks; changes nothing."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.backends.base import Examined, Fitness
from testbed.errors import TestbedError
from testbed.runs import ROOT
from testbed.version import package_version

if TYPE_CHECKING:
    from testbed.backends.base import Backend
    from testbed.scenario import Scenario
    from testbed.topology import Topology

ROOM = 100 * 1024 * 1024
"""Bytes of free room below which recordings are in danger."""

IMAGE = "image "
"""How the features begin that are images."""

OLDEST_PYTHON = (3, 11)


def examine(backend: Backend, topology: Topology) -> Iterator[Examined]:
    """Examine this machine, one thing after another."""
    from testbed.runner.selection import select

    scenarios = [item.scenario for item in select()]
    yield _python()
    found = []
    for one in backend.examine(_images(scenarios)):
        found.append(one)
        yield one
    yield _room(Path.cwd())
    if any(one.fitness is Fitness.BAD for one in found):
        yield Examined("scenarios", Fitness.BAD, "none can run until what is missing above is there")
        return
    yield from _labs(backend)
    yield from _scenarios(
        scenarios, topology, {one.subject for one in found if one.fitness is Fitness.LACKING}
    )


def _images(scenarios: Iterable[type[Scenario]]) -> list[str]:
    """The images that scenarios gain by, and that are not ours."""
    return [
        feature.removeprefix(IMAGE)
        for scenario in scenarios
        for feature in scenario.gains
        if feature.startswith(IMAGE)
    ]


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


def _scenarios(
    scenarios: Sequence[type[Scenario]], topology: Topology, lacking: Set[str]
) -> Iterator[Examined]:
    """Say which scenarios can run here: whole, but for a part, or not at all."""
    whole, others = [], []
    for one in scenarios:
        misfit = one.misfit(topology) if one.topology is None else None
        missing = [feature for feature in one.wants if feature in lacking]
        parts = [f"{part} ({feature})" for feature, part in one.gains.items() if feature in lacking]
        if misfit:
            others.append((one.id, f"cannot run: {topology.name} is not its topology: {misfit}"))
        elif missing:
            others.append((one.id, f"cannot run without {', '.join(missing)}: see above"))
        elif parts:
            others.append((one.id, f"can run but for {', '.join(parts)}: see above"))
        else:
            whole.append(one.id)
    yield Examined("scenarios", Fitness.GOOD, f"{len(whole)} can run: {', '.join(whole)}")
    for name, seen in others:
        yield Examined(name, Fitness.LACKING, seen)
