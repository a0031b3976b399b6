"""What of ours is on the engine: two calls, whatever the number of labs.

The listing of containers is *sparse*: the SDK's own inspects each container, one by one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.backends.base import LabStatus, NodeState
from testbed.backends.docker import labels
from testbed.backends.docker.client import Engine, engine
from testbed.backends.owner import Liveness, boot_time, liveness

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Container:
    """A container as a listing shows it. created: seconds since the epoch, by the engine's clock."""

    id: str
    name: str
    state: str
    status: str
    created: float
    labels: Mapping[str, str]
    networks: Mapping[str, Mapping[str, Any]]

    @property
    def role(self) -> str | None:
        """Node, probe or helper; None for what is not ours."""
        return self.labels.get(labels.ROLE)

    @property
    def service(self) -> str:
        """Its service in the Compose file."""
        return self.labels.get(labels.SERVICE, self.name)

    @property
    def number(self) -> int:
        """Which replica of its service it is, from 1."""
        return int(self.labels.get(labels.NUMBER, "1"))

    @property
    def running(self) -> bool:
        """Whether it has processes."""
        return self.state in ("running", "paused", "restarting")

    @property
    def node_state(self) -> NodeState:
        """Read the listing's words: "Up 2 seconds (healthy)", "Exited (137) 1 second ago"."""
        health = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", self.status)
        code = re.match(r"Exited \((\d+)\)", self.status)
        return NodeState(self.state, int(code[1]) if code else None, health[1] if health else None)


@dataclass(frozen=True, slots=True)
class Network:
    """A network as a listing shows it."""

    id: str
    name: str
    labels: Mapping[str, str]
    subnets: tuple[Subnet, ...]

    @property
    def declared(self) -> str:
        """Its name in the Compose file."""
        return self.labels.get(labels.NETWORK, self.name)


@dataclass(slots=True)
class Run:
    """Everything that bears the label of one run of one lab."""

    lab: str
    run_id: str
    containers: list[Container] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)

    @property
    def nodes(self) -> list[Container]:
        """The nodes' own containers."""
        return [container for container in self.containers if container.role == labels.ROLE_NODE]

    @property
    def others(self) -> list[Container]:
        """Probes and cable helpers: each has an owner of its own, who need not be the lab's."""
        return [container for container in self.containers if container.role != labels.ROLE_NODE]

    @property
    def empty(self) -> bool:
        """Whether there is no lab in it, only somebody's probes."""
        return not self.nodes and not self.networks

    def label(self, key: str) -> str:
        """Return a label of the lab itself; empty where it has none."""
        things: Iterable[Container | Network] = (*self.nodes, *self.networks)
        return next((thing.labels[key] for thing in things if key in thing.labels), "")

    @property
    def liveness(self) -> Liveness:
        """Whether the lab's owner still lives."""
        return liveness(self.label(labels.OWNER))

    @property
    def leftover(self) -> bool:
        """Whether nobody will use this lab any more.

        A detached one is left over when nothing of it runs, or when its start was broken off:
        a node that was created and never started, by a starter that is gone.
        """
        if self.empty:
            return all(abandoned(container) for container in self.others)
        alive = self.liveness
        if alive is Liveness.DETACHED:
            alive = liveness(self.label(labels.STARTER))
            whole = all(node.state != "created" for node in self.nodes)
            if alive is Liveness.DEAD and whole and self._runs():
                return False
        if alive is Liveness.ELSEWHERE:
            return not self._runs() and _before_boot(self.nodes)
        return alive is Liveness.DEAD

    def _runs(self) -> bool:
        return any(node.running for node in self.nodes)


def status(run: Run) -> LabStatus:
    """Return what `testbed ps` shows of a lab."""
    return LabStatus(
        name=run.lab,
        project=run.label(labels.PROJECT) or labels.project_of(run.lab),
        run_id=run.run_id,
        owner=run.label(labels.OWNER),
        liveness=run.liveness,
        leftover=run.leftover,
        nodes={node.service: node.node_state.status for node in sorted(run.nodes, key=lambda one: one.name)},
        subnets={net.declared: ", ".join(map(str, net.subnets)) for net in run.networks},
    )


def abandoned(container: Container) -> bool:
    """Whether the owner of a probe or helper is gone."""
    alive = liveness(container.labels.get(labels.OWNER, ""))
    if alive is Liveness.ELSEWHERE:
        return not container.running and _before_boot([container])
    return alive is Liveness.DEAD


def runs(engine_: Engine) -> list[Run]:
    """Return everything of ours, run by run, in order of the labs' names."""
    found: dict[tuple[str, str], Run] = {}

    def run_of(thing: Container | Network) -> Run:
        key = (thing.labels[labels.LAB], thing.labels.get(labels.RUN, ""))
        return found.setdefault(key, Run(*key))

    for container in containers(engine_, labels.LAB):
        run_of(container).containers.append(container)
    for network in networks(engine_):
        if labels.LAB in network.labels:
            run_of(network).networks.append(network)
    return [found[key] for key in sorted(found)]


def containers(engine_: Engine, *having: str) -> list[Container]:
    """Return containers, ended ones too, that bear all the labels given ("key" or "key=value")."""
    with engine("list containers"):
        listing = engine_.client.containers(all=True, filters={"label": list(having)} if having else None)
    return [
        Container(
            id=item["Id"],
            name=(item.get("Names") or ["/?"])[0].lstrip("/"),
            state=item["State"],
            status=item["Status"],
            created=float(item["Created"]),
            labels=item.get("Labels") or {},
            networks=(item.get("NetworkSettings") or {}).get("Networks") or {},
        )
        for item in listing
    ]


def networks(engine_: Engine) -> list[Network]:
    """Return all networks of the engine: also those that are not ours hold addresses."""
    with engine("list networks"):
        listing = engine_.client.networks()
    return [
        Network(
            id=item["Id"],
            name=item["Name"],
            labels=item.get("Labels") or {},
            subnets=tuple(
                ipaddress.ip_network(config["Subnet"])
                for config in (item.get("IPAM") or {}).get("Config") or ()
                if config.get("Subnet")
            ),
        )
        for item in listing
    ]


def _before_boot(things: Iterable[Container]) -> bool:
    """Whether all were created before this machine was started last (and there are any)."""
    boot = boot_time()
    created = [thing.created for thing in things]
    return boot is not None and bool(created) and max(created) < boot
