"""Takes things off the engine: by identity, in parallel, and looks whether they are gone.

Only what is handed in, or bears the label asked for, is touched. Never a prune.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from testbed.backends.base import Progress, Report, ignore
from testbed.backends.docker import inventory, labels
from testbed.backends.docker.client import Engine, engine
from testbed.errors import LabFailed

T = TypeVar("T")
WORKERS = 8
SETTLED = 0.7
"""Seconds in which what a killed owner had asked for has come: a container takes the engine some 0.1."""
PAUSE = 0.05
"""Seconds between two looks at something the engine is still busy with."""


def remove_run(
    engine_: Engine,
    lab: str,
    run_id: str,
    *,
    progress: Report = ignore,
    deadline: float = 60.0,
    workers: int = WORKERS,
    settled: float = 0.0,
) -> list[str]:
    """Remove everything of one run, until nothing bears its label. Return what was removed.

    What is still being created while we look (a start broken off) is found by the next look.
    settled: so many seconds nothing more must have come, where its owner was killed: what it had asked the
    engine for may come after it. deadline: seconds. workers: 1 where no thread can be started any more, at
    a process's end.
    Raises LabFailed naming what remains.
    """
    removed: dict[str, None] = {}
    until = time.monotonic() + deadline
    found = time.monotonic()
    while True:
        containers = inventory.containers(engine_, f"{labels.RUN}={run_id}", f"{labels.LAB}={lab}")
        networks = [n for n in inventory.networks(engine_) if n.labels.get(labels.RUN) == run_id
                    and n.labels.get(labels.LAB) == lab]  # fmt: skip
        volumes = _volumes(engine_, lab, run_id)
        if not (containers or networks or volumes):
            if time.monotonic() >= found + settled:
                return list(removed)
            time.sleep(PAUSE)
            continue
        found = time.monotonic()
        if time.monotonic() > until:
            remains = ", ".join([*(c.name for c in containers), *(n.name for n in networks), *volumes])
            raise LabFailed(
                f"remove lab {lab!r}",
                f"still there after {deadline:.0f} s: {remains}",
                f"Try: testbed wipe {lab}",
            )
        gone = remove(engine_, containers, networks, volumes, progress, workers)
        removed.update(dict.fromkeys(gone))
        if not gone:
            time.sleep(PAUSE)


def wipe(engine_: Engine, names: Sequence[str] | None) -> list[str]:
    """Remove the labs named, or all that dead owners left; return what was removed."""
    removed = []
    for run in inventory.runs(engine_):
        if run.lab in names if names is not None else run.leftover:
            removed += remove_run(engine_, run.lab, run.run_id, settled=SETTLED if run.leftover else 0.0)
        elif names is None:
            removed += remove(engine_, [one for one in run.others if inventory.abandoned(one)])
    return removed


def remove(
    engine_: Engine,
    containers: Iterable[inventory.Container],
    networks: Iterable[inventory.Network] = (),
    volumes: Iterable[str] = (),
    progress: Report = ignore,
    workers: int = WORKERS,
) -> list[str]:
    """Remove these, containers first. Return those that are gone; what is busy is not among them."""

    def container(one: inventory.Container) -> str:
        if not _gone(lambda: engine_.client.remove_container(one.id, v=True, force=True)):
            return ""
        if one.role == labels.ROLE_NODE:
            progress(Progress("node", one.service, "removed"))
        return f"container {one.name}"

    def network(one: inventory.Network) -> str:
        if not _gone(lambda: engine_.client.remove_network(one.id)):
            return ""
        progress(Progress("network", one.declared, "removed"))
        return f"network {one.name}"

    def volume(one: str) -> str:
        return f"volume {one}" if _gone(lambda: engine_.client.remove_volume(one)) else ""

    return [
        *_each(container, containers, workers),
        *_each(network, networks, workers),
        *_each(volume, volumes, workers),
    ]


def _each(action: Callable[[T], str], things: Iterable[T], workers: int) -> list[str]:
    """Act on each, several at once; return what came of it, where something did."""
    waiting = list(things)
    if min(workers, len(waiting)) <= 1:
        return [done for done in map(action, waiting) if done]
    with ThreadPoolExecutor(workers) as pool:
        return [done for done in pool.map(action, waiting) if done]


def _gone(action: Callable[[], object]) -> bool:
    """Do it; True when the thing is gone by it or was before, False when the engine is still busy.

    409 is a container whose removal is under way, or a volume in use; 403 is a network with a
    node still on it.
    """
    from docker.errors import APIError, NotFound

    with engine("remove what a lab left"):
        try:
            action()
        except NotFound:
            return True
        except APIError as error:
            if error.status_code in (403, 409):
                return False
            raise
    return True


def _volumes(engine_: Engine, lab: str, run_id: str) -> list[str]:
    with engine("list volumes"):
        answer = engine_.client.volumes(filters={"label": f"{labels.RUN}={run_id}"})
    found = answer.get("Volumes") or []
    return [volume["Name"] for volume in found if (volume.get("Labels") or {}).get(labels.LAB) == lab]
