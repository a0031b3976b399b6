"""One declared network -> `Network`: its subnets and gateways, and what Docker makes of them."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from testbed.compose import models
from testbed.compose.document import Path
from testbed.compose.reading import Reading
from testbed.topology import Network

DEFAULT: Final = "default"
"""The network of services that name none."""


def networks_of(service: models.Service) -> list[str]:
    """Return the networks a service is on: those it names, else the default one."""
    return list(service.networks) or [DEFAULT]


def primary_network(service: models.Service) -> str:
    """Return the network that a service's own `mac_address` is for: highest priority, then by name."""
    if not service.networks:
        return DEFAULT
    return min(service.networks, key=lambda name: (-service.networks[name].priority, name))


def network_of(name: str, declared: models.Network, reading: Reading, places: dict[str, Path]) -> Network:
    """Return a network as declared; note its mistakes, and where each of its fields is written."""
    place: Path = ("networks", name)
    if declared.external:
        given = "a network that something else makes and owns"
        reading.complain((*place, "external"), given, "a network that belongs to the lab")
    network = Network(name)
    for at, pool in enumerate(declared.ipam.config):
        network = _with_pool(network, pool, (*place, "ipam", "config", at), reading, places)
    if network.subnet6 is not None and not declared.enable_ipv6:
        given = f"{network.subnet6} without 'enable_ipv6: true': Docker would leave it out"
        reading.complain(places[f"networks.{name}.subnet6"], given, "both, or neither")
    return network


def _with_pool(
    network: Network, pool: models.Pool, place: Path, reading: Reading, places: dict[str, Path]
) -> Network:
    """Return the network with one more subnet and its gateway."""
    subnet, gateway = pool.subnet, pool.gateway
    if subnet is None:
        if gateway is not None:
            reading.complain((*place, "gateway"), f"{gateway} without a subnet", "both, or neither")
        return network
    if gateway is not None and gateway.version != subnet.version:
        reading.complain((*place, "gateway"), str(gateway), f"an IPv{subnet.version} address, as {subnet}")
        gateway = None
    if (network.subnet if subnet.version == 4 else network.subnet6) is not None:
        given = f"{subnet}, a second IPv{subnet.version} subnet"
        reading.complain((*place, "subnet"), given, "one of each IP version")
        return network
    suffix = "" if subnet.version == 4 else "6"
    places[f"networks.{network.name}.subnet{suffix}"] = (*place, "subnet")
    places[f"networks.{network.name}.gateway{suffix}"] = (*place, "gateway")
    if isinstance(subnet, IPv4Network):
        gateway4 = gateway if isinstance(gateway, IPv4Address) else None
        return dataclasses.replace(network, subnet=subnet, gateway=gateway4)
    gateway6 = gateway if isinstance(gateway, IPv6Address) else None
    return dataclasses.replace(network, subnet6=subnet, gateway6=gateway6)


def first_address(declared: models.Network | None, network: Network) -> IPv4Address | None:
    """Return the address that Docker makes the gateway of a bridge that declares none, if it does."""
    if declared is None or network.subnet is None or declared.internal:
        return None
    if declared.driver not in (None, "bridge") or any(pool.ip_range for pool in declared.ipam.config):
        return None
    return network.subnet.network_address + 1
