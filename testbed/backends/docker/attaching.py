"""Finds the lab of a name, and gives it a handle with what the engine chose filled in."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable
from typing import TypeVar

from testbed.backends.base import Handle, Owner
from testbed.backends.docker import inventory, labels
from testbed.backends.docker.client import Engine
from testbed.errors import LabFailed, LabNotFound
from testbed.topology import Interface, Node, Topology

T = TypeVar("T")


def attach(engine: Engine, name: str, topology: Topology | None) -> Handle:
    """Return a handle on the lab of that name, whatever has been done to it.

    A lab that we started bears its topology. For one that plain `docker compose` started,
    `name` is the project and `topology` what its file says.
    """
    for run in sorted(inventory.runs(engine), key=lambda one: one.leftover):
        if run.lab == name and not run.empty:
            declared = topology or _borne(run)
            if declared is not None:
                return handle_of(engine, name, run.run_id, declared, run.nodes)
    strangers = [
        container
        for container in inventory.containers(engine, f"{labels.PROJECT}={name}")
        if container.labels.get(labels.ONE_OFF) != "True"
    ]
    if strangers and topology is not None:
        _refuse_other_addresses(engine, name, topology)
        return handle_of(engine, name, f"project-{name}", topology, strangers, project=name)
    if strangers:
        file = strangers[0].labels.get(labels.CONFIG_FILES, "FILE")
        raise LabNotFound(
            f"attach to lab {name!r}",
            "it was started by docker compose, so it does not say what it consists of",
            f"Name its file: -f {file}",
        )
    known = sorted({run.lab for run in inventory.runs(engine) if not run.empty})
    raise LabNotFound(
        f"attach to lab {name!r}",
        f"there are: {', '.join(known) or 'none'}",
        f"Start it: testbed up -d {name}",
    )


def _refuse_other_addresses(engine: Engine, project: str, topology: Topology) -> None:
    """Refuse a file that was read with other variables than the lab was started with."""
    running = network_names(engine, project)
    for declared in topology.networks:
        network = running.get(declared.name)
        subnets = network.subnets if network else ()
        for wanted in (declared.subnet, declared.subnet6):
            if wanted is not None and subnets and wanted not in subnets:
                seen = ", ".join(map(str, subnets))
                raise LabFailed(
                    f"attach to lab {project!r}",
                    f"the file says {declared.name} is {wanted}, and it runs as {seen}",
                    "Give the file the variables that the lab was started with, TESTBED_NET first of all",
                )


def handle_of(
    engine: Engine,
    name: str,
    run_id: str,
    topology: Topology,
    containers: Iterable[inventory.Container],
    project: str | None = None,
) -> Handle:
    """Return the handle on these containers."""
    file = topology.source.path if project and topology.source else None
    project = project or labels.project_of(name)
    by_node = {
        node_name(container, topology): container
        for container in containers
        if node_name(container, topology) in {node.name for node in topology.nodes}
    }
    environment = dict(topology.source.environment) if topology.source else {}
    return Handle(
        name=name,
        project=project,
        run_id=run_id,
        topology=resolved(topology, by_node, network_names(engine, project)),
        containers={node: container.id for node, container in by_node.items()},
        prefix=environment.get("TESTBED_NET"),
        file=file,
    )


def node_name(container: inventory.Container, topology: Topology) -> str:
    """Return which node of the topology a container is; its service where it is none."""
    for node in topology.nodes:
        if node.service == container.service and node.replica in (None, container.number):
            return node.name
    return container.service


def network_names(engine: Engine, project: str) -> dict[str, inventory.Network]:
    """Return the engine's networks of a project by their names in the file."""
    return {
        network.declared: network
        for network in inventory.networks(engine)
        if network.labels.get(labels.PROJECT) == project
    }


def resolved(
    topology: Topology,
    containers: dict[str, inventory.Container],
    networks: dict[str, inventory.Network],
) -> Topology:
    """Return the topology with the subnets, addresses and MACs that the engine chose filled in."""
    subnets = {name: network.subnets for name, network in networks.items()}
    return dataclasses.replace(
        topology,
        networks=tuple(
            dataclasses.replace(
                network,
                subnet=network.subnet or _first(subnets.get(network.name, ()), ipaddress.IPv4Network),
                subnet6=network.subnet6 or _first(subnets.get(network.name, ()), ipaddress.IPv6Network),
            )
            for network in topology.networks
        ),
        nodes=tuple(_resolved_node(node, containers.get(node.name), networks) for node in topology.nodes),
    )


def _resolved_node(
    node: Node, container: inventory.Container | None, networks: dict[str, inventory.Network]
) -> Node:
    if container is None:
        return node
    interfaces = []
    for interface in node.interfaces:
        network = networks.get(interface.network)
        seen = container.networks.get(network.name if network else interface.network, {})
        interfaces.append(_resolved_interface(interface, seen))
    return dataclasses.replace(node, interfaces=tuple(interfaces))


def _resolved_interface(interface: Interface, seen: object) -> Interface:
    if not isinstance(seen, dict):
        return interface
    address, address6 = interface.address, interface.address6
    if address is None and seen.get("IPAddress"):
        address = ipaddress.IPv4Interface(f"{seen['IPAddress']}/{seen['IPPrefixLen']}")
    if address6 is None and seen.get("GlobalIPv6Address"):
        address6 = ipaddress.IPv6Interface(f"{seen['GlobalIPv6Address']}/{seen['GlobalIPv6PrefixLen']}")
    mac = interface.mac or (seen.get("MacAddress") or "").lower() or None
    return dataclasses.replace(interface, address=address, address6=address6, mac=mac)


def _first(candidates: Iterable[object], kind: type[T]) -> T | None:
    return next((candidate for candidate in candidates if isinstance(candidate, kind)), None)


def _borne(run: inventory.Run) -> Topology | None:
    text = run.label(labels.TOPOLOGY)
    return Topology.from_json(text) if text else None


def labels_for_guests(handle: Handle) -> dict[str, str]:
    """Return the labels of what we add to a lab that may not be ours: its owner is this process."""
    return {labels.LAB: handle.name, labels.RUN: handle.run_id, labels.OWNER: str(Owner.current())}
