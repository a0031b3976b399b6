"""Brings a lab up: checks before anything is made, Compose, then a look at every node.

However it ends, there is a lab that works or nothing at all.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from testbed.backends.base import Handle, NodeState, Owner, Progress, Report
from testbed.backends.docker import (
    acting,
    addresses,
    attaching,
    compose_cli,
    compose_file,
    images,
    inventory,
    labels,
    laid_over,
    readiness,
    refusal,
    removal,
)
from testbed.backends.docker.client import Engine
from testbed.backends.owner import DETACHED, Liveness
from testbed.claims import claim
from testbed.errors import LabFailed, NodeExited, PrefixInUse, TestbedError, UsageError
from testbed.interrupts import shielded
from testbed.topology import Topology

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
FETCHING = 900.0
"""Seconds more for Compose, where it has to build or pull what is not here."""

_OVERLAP = re.compile(r"overlap", re.IGNORECASE)
_PORT = re.compile(r"port is already allocated|address already in use|ports are not available")
_NETWORK_REFUSED = re.compile(r"failed to create network (\S+?):")


@dataclass(slots=True)
class Start:
    """One attempt to bring one lab up."""

    engine: Engine
    topology: Topology
    name: str
    run_id: str
    owner: Owner | None
    progress: Report
    deadline: float
    _started: dict[str, float] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The Compose project."""
        return labels.project_of(self.name)

    def up(self) -> Handle:
        """Bring it up; raise what Backend.up says, with nothing left behind."""
        file = self._check()
        with claim(f"up {self.name}") as granted:
            if not granted:
                raise LabFailed(
                    f"start lab {self.name!r}",
                    "another process is starting a lab of that name",
                    "Choose another name",
                )
            with ThreadPoolExecutor(1) as aside:
                version = aside.submit(compose_cli.compose_version, compose_cli.docker_command())
                self._make_room()
                images.ensure(self.engine, self.topology, self.progress)
                version.result()
            try:
                self._compose_up(file)
                until = time.monotonic() + self.deadline
                containers = readiness.wait_until_ready(
                    self.topology, self._ours, self._exited, self.progress, self._started, until
                )
                return attaching.handle_of(self.engine, self.name, self.run_id, self.topology, containers)
            except BaseException:
                with shielded():
                    removal.remove_run(self.engine, self.name, self.run_id)
                raise

    def _check(self) -> Path:
        """Refuse what cannot be, before anything is asked of the engine."""
        if not NAME.fullmatch(self.name):
            raise UsageError(
                f"start lab {self.name!r}",
                "a lab's name is 1 to 40 of a-z, 0-9, - and _, a letter or digit first",
            )
        if self.topology.source is None:
            raise LabFailed(
                f"start lab {self.name!r}",
                "its topology was not read from a Compose file, which Docker needs",
            )
        return self.topology.source.path

    def _make_room(self) -> None:
        """Remove what a dead owner left of this name; refuse a name or addresses that are taken."""
        for run in inventory.runs(self.engine):
            if run.lab != self.name or run.empty:
                continue
            if not run.leftover:
                raise LabFailed(
                    f"start lab {self.name!r}",
                    f"a lab of that name is up{_whose(run)}",
                    f"Take it down (testbed down {self.name}), use it (--attach {self.name}),"
                    " or choose another name",
                )
            self.progress(Progress("lab", self.name, "removed", "left by a run that was broken off"))
            removal.remove_run(self.engine, run.lab, run.run_id, settled=removal.SETTLED)
        if strangers := inventory.containers(self.engine, f"{labels.PROJECT}={self.project}"):
            raise LabFailed(
                f"start lab {self.name!r}",
                f"the Compose project {self.project} is in use, by {strangers[0].name}",
                "Choose another name",
            )
        if taken := addresses.taken(self.engine, self.topology):
            raise self._in_use(taken)

    def _in_use(self, seen: str) -> PrefixInUse:
        return PrefixInUse(
            f"start lab {self.name!r}",
            seen,
            "Choose other addresses (TESTBED_NET=10.210, where the file uses it),"
            " or take the other one down (testbed ps, docker network ls)",
        )

    def _compose_up(self, file: Path) -> None:
        """Run Compose on the user's file and ours; say what went wrong in the lab's terms.

        The deadline holds from here on: building an image of ours has no part in it, and
        where Compose has to get others, it has longer.
        """
        fetching = FETCHING if images.missing(self.engine, self.topology) else 0.0
        common = {
            labels.LAB: self.name,
            labels.RUN: self.run_id,
            labels.OWNER: str(self.owner) if self.owner else DETACHED,
            labels.STARTER: str(self.owner or Owner.current()),
        }
        options = [f"--project-name={self.project}", *(f"--profile={name}" for name in self._profiles())]
        over = compose_file.override(self.topology, file, common)
        with laid_over.readable(over) as (beside, inherited):
            up = ["up", "--detach", "--no-deps", "--quiet-pull", *self._services()]
            outcome = compose_cli.run(
                [*options, f"--file={file}", f"--file={beside}", *up],
                environment=self._environment(),
                said=self._tell,
                deadline=self.deadline + fetching,
                inherited=inherited,
            )
        if outcome.status != 0:
            raise refusal.of(file, options, self._environment(), self.deadline) or self._diagnose(outcome)

    def _profiles(self) -> tuple[str, ...]:
        return self.topology.source.profiles if self.topology.source else ()

    def _services(self) -> list[str]:
        return list(dict.fromkeys(node.service for node in self.topology.nodes))

    def _environment(self) -> dict[str, str]:
        """Return what Compose runs with: the variables that the topology was read with, and ours."""
        given = dict(self.topology.source.environment) if self.topology.source else {}
        base = {} if "TESTBED_BASE" in os.environ else images.base_argument(self.engine)
        return {**base, **given, "TESTBED_CLIENT": "wait", **self.engine.environment()}

    def _tell(self, said: compose_cli.Said) -> None:
        """Pass Compose's progress on, under the names of the file."""
        short = said.name.removeprefix(f"{self.project}-").removeprefix(f"{self.project}_")
        if said.kind == "Network":
            self.progress(Progress("network", short, said.state.lower()))
        elif said.kind == "Container":
            known = {node.name for node in self.topology.nodes}
            single = short.removesuffix("-1")
            node = single if single in known else short
            if said.state == "Started":
                self._started.setdefault(node, time.monotonic())
            self.progress(Progress("node", node, said.state.lower()))

    def _diagnose(self, outcome: compose_cli.Outcome) -> TestbedError:
        """Turn Compose's complaint into the error that says what to do."""
        if _OVERLAP.search(outcome.text):
            network = _NETWORK_REFUSED.search(outcome.text)
            which = network[1].removeprefix(f"{self.project}_") if network else "a network"
            return self._in_use(f"the engine refuses {which}: {outcome.text.splitlines()[-1]}")
        if _PORT.search(outcome.text):
            return LabFailed(
                f"start lab {self.name!r}",
                f"a port that the file publishes is taken: {outcome.text.splitlines()[-1]}",
                "Publish another one, or none: a probe reaches every port of every node;"
                " who has it: ss -ltnp, docker ps",
            )
        for container in self._ours():
            state = container.node_state
            node = attaching.node_name(container, self.topology)
            if readiness.failed(state):
                return self._exited(node, container, state)
            if why := acting.why_not_started(self.engine, container.id):
                return NodeExited(f"start lab {self.name!r}", f"node {node} cannot be started: {why}")
        missing = images.missing(self.engine, self.topology)
        if missing:
            return images.not_here(missing, outcome.text)
        return LabFailed(f"start lab {self.name!r}", f"docker compose says: {outcome.text}")

    def _exited(self, node: str, container: inventory.Container, state: NodeState) -> NodeExited:
        words = acting.last_words(self.engine, container.id)
        return NodeExited(
            f"start lab {self.name!r}", f"node {node} {state.described()}; its last words:\n{words}"
        )

    def _ours(self) -> list[inventory.Container]:
        having = (
            f"{labels.RUN}={self.run_id}",
            f"{labels.LAB}={self.name}",
            f"{labels.ROLE}={labels.ROLE_NODE}",
        )
        return inventory.containers(self.engine, *having)


def _whose(run: inventory.Run) -> str:
    owner = run.label(labels.OWNER)
    if run.liveness is Liveness.DETACHED:
        return ", left up on purpose"
    return (
        f", held by process {owner.partition(':')[0]}"
        if run.liveness is Liveness.LIVE
        else ", held elsewhere"
    )
