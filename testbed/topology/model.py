"""The values a topology is made of, and the questions that are asked of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path
from typing import Final

from testbed.errors import InvalidTopology, UsageError

SCHEMA_VERSION: Final = 1
"""Version of the JSON that `Topology.to_json` writes; a reader refuses a newer one."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A node's end of the cable to one network.

    address, address6: as declared, with the network's prefix length; None where the engine chooses.
    mac: as declared, six lower-case octets joined by ':'; None where the engine chooses.
    Of a lab that is up, what the engine chose is here too.
    """

    network: str
    address: IPv4Interface | None = None
    address6: IPv6Interface | None = None
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A route that a node adds by itself: packets for `destination` go to the neighbour `via`."""

    destination: IPv4Network | IPv6Network
    via: IPv4Address | IPv6Address

    def __str__(self) -> str:
        return f"{self.destination} via {self.via}"


@dataclass(frozen=True, slots=True)
class Node:
    """A host or a router.

    image: empty where Compose builds it and names it after the project.
    forwards: it passes packets on between its interfaces (IPv4 or IPv6): a router.
    command: what the file says the node runs; None where the image decides.
    replica: 1, 2, … where one service of the file stands for several nodes; else None.
    """

    name: str
    image: str
    interfaces: tuple[Interface, ...] = ()
    forwards: bool = False
    command: tuple[str, ...] | None = None
    profiles: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    replica: int | None = None

    @property
    def service(self) -> str:
        """The service of the Compose file that this node is, or is one replica of."""
        return self.name if self.replica is None else self.name.removesuffix(f"-{self.replica}")

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the networks that the node is on, as declared."""
        return tuple(interface.network for interface in self.interfaces)

    def on(self, network: str) -> Interface:
        """Return the node's interface on a network; raise UsageError where it has none."""
        for interface in self.interfaces:
            if interface.network == network:
                return interface
        raise _unknown(f"interface of node {self.name} on network", network, self.networks)


@dataclass(frozen=True, slots=True)
class Network:
    """One broadcast domain.

    subnet, subnet6: None where the engine chooses, or where the network does without.
    gateway, gateway6: the address that hosts send to what is not on their own network.
    """

    name: str
    subnet: IPv4Network | None = None
    gateway: IPv4Address | None = None
    subnet6: IPv6Network | None = None
    gateway6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a topology was read from, so that an engine can be given the same file.

    environment: the variables that the file asked for and found, with their values.
    profiles: the profiles that were active.
    """

    path: Path
    environment: tuple[tuple[str, str], ...] = ()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """Networks and the nodes on them, in the order in which they were declared."""

    name: str
    networks: tuple[Network, ...] = ()
    nodes: tuple[Node, ...] = ()
    source: Source | None = None

    def node(self, name: str) -> Node:
        """Return a node by name, where '_' may stand for '-'; raise UsageError if there is none."""
        for node in self.nodes:
            if name in (node.name, node.name.replace("-", "_")):
                return node
        raise _unknown("node", name, (node.name for node in self.nodes))

    def network(self, name: str) -> Network:
        """Return a network by name; raise UsageError if there is none."""
        for network in self.networks:
            if network.name == name:
                return network
        raise _unknown("network", name, (network.name for network in self.networks))

    def routers(self) -> tuple[Node, ...]:
        """Return the nodes that forward."""
        return tuple(node for node in self.nodes if node.forwards)

    def nodes_on(self, network: str) -> tuple[Node, ...]:
        """Return all nodes with an interface on a network."""
        return tuple(node for node in self.nodes if network in node.networks)

    def hosts_on(self, network: str) -> tuple[Node, ...]:
        """Return the nodes on a network that do not forward."""
        return tuple(node for node in self.nodes_on(network) if not node.forwards)

    def router_of(self, network: str) -> Node | None:
        """Return the node that owns a network's gateway address, or None."""
        gateway = self.network(network).gateway
        for node in self.nodes_on(network):
            address = node.on(network).address
            if address is not None and address.ip == gateway:
                return node
        return None

    def validate(self) -> Topology:
        """Return self; raise InvalidTopology with every mistake there is."""
        from testbed.topology.rules import mistakes

        found = tuple(mistakes(self))
        if found:
            raise InvalidTopology(f"check topology {self.name!r}", found)
        return self

    def to_json(self) -> str:
        """Return the topology as one line of JSON: equal topologies give equal text."""
        from testbed.topology.serial import dump

        return dump(self)

    @staticmethod
    def from_json(text: str | bytes) -> Topology:
        """Read what `to_json` wrote; raise InvalidTopology for anything else."""
        from testbed.topology.serial import load

        return load(text)


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    return UsageError(f"find {what} {name!r}", f"there are: {', '.join(names) or 'none'}", hint)
