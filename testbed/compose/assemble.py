"""Declarations -> `Topology`, and from each of its fields back to the place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Final

from testbed.compose import models, routers
from testbed.compose.document import Path
from testbed.compose.reading import Reading, near
from testbed.topology import Interface, Network, Node

DEFAULT: Final = "default"
"""The network of services that name none."""

_FORWARDING: Final = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")


@dataclass(slots=True)
class Declarations:
    """What a file declares, taken one by one: None where an entry has mistakes of its own."""

    services: Mapping[str, models.Service | None]
    networks: Mapping[str, models.Network | None]


@dataclass(slots=True)
class Assembly:
    """Builds networks first, then the nodes on them."""

    reading: Reading
    declared: Declarations
    networks: dict[str, Network] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    """From a field as the topology's rules name it to the place in the file that it comes from."""

    def add_network(self, name: str) -> None:
        """Add a network that a node is on; one with mistakes stands without addresses."""
        declared = self.declared.networks.get(name)
        self.places[f"networks.{name}"] = ("networks", name)
        if declared is None:
            self.networks[name] = Network(name)
            return
        if declared.external:
            given = "a network that something else makes and owns"
            self.reading.complain(("networks", name, "external"), given, "a network that belongs to the lab")
        found: dict[int, tuple[IPv4Network | IPv6Network, IPv4Address | IPv6Address | None]] = {}
        for at, pool in enumerate(declared.ipam.config):
            self._pool(name, at, pool, found)
        if 6 in found and not declared.enable_ipv6:
            given = f"{found[6][0]} without 'enable_ipv6: true': Docker would leave it out"
            self.reading.complain(("networks", name, "ipam"), given, "both, or neither")
        subnet, gateway = found.get(4, (None, None))
        subnet6, gateway6 = found.get(6, (None, None))
        self.networks[name] = Network(name, subnet, gateway, subnet6, gateway6)  # type: ignore[arg-type]

    def _pool(
        self,
        name: str,
        at: int,
        pool: models.Pool,
        found: dict[int, tuple[IPv4Network | IPv6Network, IPv4Address | IPv6Address | None]],
    ) -> None:
        """Take one subnet of a network and its gateway."""
        place = ("networks", name, "ipam", "config", at)
        if pool.subnet is None:
            if pool.gateway is not None:
                self.reading.complain(
                    (*place, "gateway"), f"{pool.gateway} without a subnet", "both, or neither"
                )
            return
        version = pool.subnet.version
        if version in found:
            self.reading.complain(
                (*place, "subnet"), f"a second IPv{version} subnet", "one of each IP version"
            )
            return
        if pool.gateway is not None and pool.gateway.version != version:
            self.reading.complain((*place, "gateway"), str(pool.gateway), f"an IPv{version} address")
            found[version] = (pool.subnet, None)
            return
        found[version] = (pool.subnet, pool.gateway)
        suffix = "6" if version == 6 else ""
        self.places[f"networks.{name}.subnet{suffix}"] = (*place, "subnet")
        self.places[f"networks.{name}.gateway{suffix}"] = (*place, "gateway")

    def nodes(self, name: str, service: models.Service, environment: Mapping[str, str]) -> list[Node]:
        """Return the nodes that a service stands for: one, or one for each replica."""
        count = self._replicas(name, service)
        interfaces = [self._interface(name, service, network, count) for network in networks_of(service)]
        taken = routers.Taken(self.reading, ("services", name, "environment"), self.networks)
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
            self._place(node, taken.claimed)
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
        if self.declared.networks.get(network, models.Network()) is None:
            return Interface(network)
        if count > 1 and (attachment.ipv4_address or attachment.ipv6_address):
            self.reading.complain(
                place, f"a fixed address for {count} replicas", "no address, or one replica"
            )
            return Interface(network)
        self._reserved(place, attachment, network)
        mac = attachment.mac_address
        if mac is None and service.mac_address and network == primary_network(service):
            mac = service.mac_address
        address = address6 = None
        if attachment.ipv4_address is not None:
            address = IPv4Interface((attachment.ipv4_address, known.subnet.prefixlen if known.subnet else 32))
        if attachment.ipv6_address is not None:
            address6 = IPv6Interface(
                (attachment.ipv6_address, known.subnet6.prefixlen if known.subnet6 else 128)
            )
        return Interface(network, address, address6, mac)

    def _reserved(self, place: Path, attachment: models.Attachment, network: str) -> None:
        """Docker's address management has given the gateway's address away before any node starts."""
        known = self.networks[network]
        for key, given, gateway in (
            ("ipv4_address", attachment.ipv4_address, known.gateway or self._first(network)),
            ("ipv6_address", attachment.ipv6_address, known.gateway6),
        ):
            if given is not None and given == gateway:
                what = f"{given}, which Docker reserves as the gateway of {network}"
                allowed = "another address; a router takes the gateway's itself, by ROUTER_ADDRESSES"
                self.reading.complain((*place, key), what, allowed)

    def _first(self, network: str) -> IPv4Address | None:
        """Return the address that Docker makes the gateway of a bridge that declares none."""
        declared, subnet = self.declared.networks.get(network), self.networks[network].subnet
        if declared is None or subnet is None or declared.internal or declared.driver not in (None, "bridge"):
            return None
        if any(pool.ip_range for pool in declared.ipam.config):
            return None
        return subnet.network_address + 1

    def _place(self, node: Node, claimed: Mapping[tuple[str, str], str]) -> None:
        service: Path = ("services", node.service)
        self.places[f"nodes.{node.name}"] = service
        self.places[f"nodes.{node.name}.routes"] = (*service, "environment", routers.ROUTES)
        for interface in node.interfaces:
            path, place = f"nodes.{node.name}.{interface.network}", (*service, "networks", interface.network)
            self.places[path] = place
            for field_name, key in (
                ("address", "ipv4_address"),
                ("address6", "ipv6_address"),
                ("mac", "mac_address"),
            ):
                variable = claimed.get((interface.network, field_name))
                self.places[f"{path}.{field_name}"] = (
                    (*service, "environment", variable) if variable else (*place, key)
                )

    def unknown_network(self, service: str, name: str) -> None:
        """Note that a service names a network that the file does not declare; it stands without addresses."""
        allowed = f"{', '.join(self.declared.networks) or 'a network declared under networks:'}"
        guess = near(name, self.declared.networks)
        self.reading.complain(
            ("services", service, "networks", name), "a network that is not declared", allowed + guess
        )


def networks_of(service: models.Service) -> list[str]:
    """Return the networks a service is on: those it names, else the default one."""
    return list(service.networks) or [DEFAULT]


def primary_network(service: models.Service) -> str:
    """Return the network that a service's own `mac_address` is for: highest priority, then by name."""
    return min(
        networks_of(service),
        key=lambda name: (-service.networks[name].priority if service.networks else 0, name),
    )
