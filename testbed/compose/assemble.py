"""Declarations -> `Topology`, and from each of its fields back to the place in the file."""

from __future__ import annotations

import dataclasses
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

from testbed.compose import models, routers
from testbed.compose.document import Path
from testbed.compose.networks import DEFAULT, first_address, network_of, networks_of, primary_network
from testbed.compose.reading import Reading
from testbed.topology import Interface, Network, Node

_KEYS: Final = {"address": "ipv4_address", "address6": "ipv6_address", "mac": "mac_address"}
"""From a field of Interface to the key that declares it."""

_FORWARDING: Final = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")


@dataclass(slots=True)
class Declarations:
    """What a file declares: of an entry with mistakes, what is left without them."""

    services: Mapping[str, models.Service]
    networks: Mapping[str, models.Network]


@dataclass(slots=True)
class Assembly:
    """Builds networks first, then the nodes on them."""

    reading: Reading
    declared: Declarations
    networks: dict[str, Network] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    """From a field as the topology's rules name it to the place in the file that it comes from."""
    started: list[Node] = field(default_factory=list)
    """The nodes with the addresses that the engine gives them, before a router takes others."""
    places_at_start: ChainMap[str, Path] = field(init=False)
    """What `places` is, for `started`."""
    unclear: set[str] = field(default_factory=set)
    """Networks that are not declared, or with mistakes: nothing is said about addresses on them."""

    def __post_init__(self) -> None:
        self.places_at_start = ChainMap({}, self.places)

    def add_network(self, name: str) -> None:
        """Add a network that a node is on."""
        declared = self.declared.networks.get(name)
        self.places[f"networks.{name}"] = ("networks", name)
        if declared is None:
            self.networks[name] = Network(name)
        else:
            self.networks[name] = network_of(name, declared, self.reading, self.places)
        undeclared = declared is None and name != DEFAULT
        if undeclared or self.reading.has_mistakes(("networks", name)):
            self.unclear.add(name)

    def nodes(self, name: str, service: models.Service, environment: Mapping[str, str]) -> list[Node]:
        """Return the nodes that a service stands for: one, or one for each replica."""
        count = self._replicas(name, service)
        interfaces = [self._interface(name, service, network, count) for network in networks_of(service)]
        if self.reading.has_mistakes(("services", name, "environment")):
            environment = {}
        taken = routers.Taken(self.reading, ("services", name, "environment"), self.networks, self.unclear)
        addressed = taken.addresses(environment, interfaces)
        routes = taken.routes(environment)
        made = []
        for replica in range(1, count + 1):
            node = Node(
                name=name if count == 1 else f"{name}-{replica}",
                image=service.image or "",
                interfaces=tuple(addressed),
                forwards=any(service.sysctls.get(key) == "1" for key in _FORWARDING),
                command=None if service.command is None else tuple(service.command),
                profiles=tuple(service.profiles),
                routes=routes,
                replica=None if count == 1 else replica,
            )
            made.append(node)
            self._place(node, taken.claimed, self.places)
            self.started.append(dataclasses.replace(node, interfaces=tuple(interfaces)))
            self._place(node, {}, self.places_at_start)
        return made

    def _replicas(self, name: str, service: models.Service) -> int:
        scale, replicas = service.scale, service.deploy.replicas
        if scale is not None and replicas is not None and scale != replicas:
            given = f"{scale}, and deploy.replicas {replicas}"
            self.reading.complain(("services", name, "scale"), given, "one of the two, or the same number")
        if scale is not None:
            return scale
        return 1 if replicas is None else replicas

    def _interface(self, name: str, service: models.Service, network: str, count: int) -> Interface:
        """Return a service's interface on a network, with the addresses that the service declares."""
        attachment = service.networks.get(network, models.Attachment())
        place: Path = ("services", name, "networks", network)
        known = self.networks[network]
        if network in self.unclear:
            return Interface(network)
        if count > 1 and (attachment.ipv4_address or attachment.ipv6_address):
            given = f"a fixed address for {count} replicas"
            self.reading.complain(place, given, "no address, or one replica")
            return Interface(network)
        self._refuse_gateway(place, attachment, network)
        mac = attachment.mac_address
        if mac is None and service.mac_address and network == primary_network(service):
            mac = service.mac_address
        address = address6 = None
        if attachment.ipv4_address is not None:
            prefix = known.subnet.prefixlen if known.subnet else 32
            address = IPv4Interface((attachment.ipv4_address, prefix))
        if attachment.ipv6_address is not None:
            prefix = known.subnet6.prefixlen if known.subnet6 else 128
            address6 = IPv6Interface((attachment.ipv6_address, prefix))
        return Interface(network, address, address6, mac)

    def _refuse_gateway(self, place: Path, attachment: models.Attachment, network: str) -> None:
        """Docker has given the gateway's address away before any node starts: no node can declare it."""
        known = self.networks[network]
        gateway = known.gateway or first_address(self.declared.networks.get(network), known)
        for key, given, taken in (
            ("ipv4_address", attachment.ipv4_address, gateway),
            ("ipv6_address", attachment.ipv6_address, known.gateway6),
        ):
            if given is not None and given == taken:
                what = f"{given}, which Docker reserves as the gateway of {network}"
                allowed = "another address; a router takes the gateway's itself, by ROUTER_ADDRESSES"
                self.reading.complain((*place, key), what, allowed)

    def _place(
        self, node: Node, claimed: Mapping[tuple[str, str], str], places: MutableMapping[str, Path]
    ) -> None:
        """Remember where a node's fields are written."""
        service: Path = ("services", node.service)
        places[f"nodes.{node.name}"] = service
        places[f"nodes.{node.name}.routes"] = (*service, "environment", routers.ROUTES)
        for interface in node.interfaces:
            path, place = f"nodes.{node.name}.{interface.network}", (*service, "networks", interface.network)
            places[path] = place
            for attribute, key in _KEYS.items():
                variable = claimed.get((interface.network, attribute))
                written = (*service, "environment", variable) if variable else (*place, key)
                places[f"{path}.{attribute}"] = written
