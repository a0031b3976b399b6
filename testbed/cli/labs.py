"""Which lab a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.backends.owner import DETACHED
from testbed.cli.options import DEFAULT_LAB, chosen_backend, given_file
from testbed.errors import LabNotFound, NodeExited, UsageError

if TYPE_CHECKING:
    from testbed.backends.base import Backend, LabStatus
    from testbed.lab import Lab


def attach(name: str | None, file: str | None = None, backend: str | None = None) -> Lab:
    """Attach to the lab of that name; without one, to the only lab that is up.

    file: what says what a lab consists of that plain `docker compose` started; `name` is its project.
    Raises LabNotFound, and UsageError where several labs are up.
    """
    from testbed.lab import Lab

    chosen = chosen_backend(backend)
    path = given_file(file)
    return Lab.attach(name or only_one(chosen).name, path, backend=chosen)


def running(lab: Lab, node: str) -> str:
    """The name of a node that runs. Raises UsageError for an unknown one, NodeExited for one that ended."""
    name = lab[node].name
    state = lab.state(name)
    if not state.running:
        raise NodeExited(
            f"use node {name}", f"it {state.described()}", f"its output: {lab.handle.logs_of(name)}"
        )
    return name


def only_one(backend: Backend) -> LabStatus:
    """The lab that is meant when none is named: the default one, or the only one that is up.

    A lab that was left up on purpose goes before those that belong to a process under way.
    """
    living = _living(backend)
    left_up = [lab for lab in living if lab.liveness.value == DETACHED]
    return _one_of("--name NAME", [lab for lab in left_up if lab.name == DEFAULT_LAB], left_up, living)


def only_one_to_remove(backend: Backend) -> LabStatus:
    """The same for what cannot be undone: where several are up, whoever they belong to, none is guessed."""
    living = _living(backend)
    return _one_of("testbed down NAME", [lab for lab in living if lab.name == DEFAULT_LAB], living)


def _living(backend: Backend) -> list[LabStatus]:
    living = [lab for lab in backend.list() if not lab.leftover]
    if not living:
        raise LabNotFound("find a lab", "none is up", "`testbed up -d` brings one up")
    return living


def _one_of(how: str, *candidates: list[LabStatus]) -> LabStatus:
    """The lab of the first list that holds just one; the last list holds all."""
    for labs in candidates:
        if len(labs) == 1:
            return labs[0]
    names = ", ".join(lab.name for lab in candidates[-1])
    raise UsageError("find the lab that is meant", f"several are up: {names}", f"say which: {how}")
