"""What makes a topology contradict itself.

Every rule yields the mistakes it finds and goes on, so that all are known at once. A path names
the field that a mistake is about: ``networks.lan-a.subnet``, ``nodes.client.lan-a.address``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import combinations

from testbed.errors import Mistake
from testbed.topology.model import Network, Node, Topology

_Subnet = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

_LAB_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_NETWORK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def mistakes(topology: Topology) -> Iterator[Mistake]:
    """Yield every mistake of a topology, in the order of its declaration."""
    yield from _names(topology)
    for network in topology.networks:
        yield from _gateways(network)
    yield from _overlaps(topology)
    for node in topology.nodes:
        yield from _interfaces(topology, node)
        yield from _routes(topology, node)
    yield from _claimed_twice(topology)


def _names(topology: Topology) -> Iterator[Mistake]:
    if not _LAB_NAME.fullmatch(topology.name):
        yield Mistake(
            "name", repr(topology.name), "allowed: a-z, 0-9, '-' and '_', at most 63, a letter or digit first"
        )
    seen: dict[str, str] = {}
    for network in topology.networks:
        path = f"networks.{network.name}"
        if not _NETWORK_NAME.fullmatch(network.name):
            yield Mistake(path, repr(network.name), "allowed: letters, digits, '.', '-' and '_', at most 63")
        elif network.name == "lo":
            yield Mistake(path, "'lo'", "allowed: any other name; 'lo' is every node's own loopback")
        if network.name in seen:
            yield Mistake(path, "a second network of this name", "allowed: one")
        seen[network.name] = network.name
    seen.clear()
    for node in topology.nodes:
        path = f"nodes.{node.name}"
        if not _NODE_NAME.fullmatch(node.name):
            yield Mistake(
                path, repr(node.name), "allowed: letters, digits, '-' and '_', at most 63, a letter first"
            )
        attribute = node.name.replace("-", "_")
        if attribute in seen:
            yield Mistake(
                path, f"the same name as {seen[attribute]!r} ('-' and '_' are one)", "allowed: one node"
            )
        seen.setdefault(attribute, node.name)


def _gateways(network: Network) -> Iterator[Mistake]:
    pairs: tuple[tuple[str, _Address | None, _Subnet | None], ...] = (
        ("gateway", network.gateway, network.subnet),
        ("gateway6", network.gateway6, network.subnet6),
    )
    for field, gateway, subnet in pairs:
        path = f"networks.{network.name}.{field}"
        if gateway is not None and subnet is None:
            yield Mistake(
                path, f"{gateway} without a subnet", "allowed: a subnet that holds it, or no gateway"
            )
        elif gateway is not None and subnet is not None:
            yield from _placed(path, gateway, subnet)


def _overlaps(topology: Topology) -> Iterator[Mistake]:
    for field in ("subnet", "subnet6"):
        known = [(network.name, getattr(network, field)) for network in topology.networks]
        for (first, one), (second, other) in combinations(known, 2):
            if one is not None and other is not None and one.overlaps(other):
                given = f"{other} overlaps {one} of {first}"
                yield Mistake(
                    f"networks.{second}.{field}", given, "allowed: addresses that no other network has"
                )


def _interfaces(topology: Topology, node: Node) -> Iterator[Mistake]:
    if not node.interfaces:
        yield Mistake(f"nodes.{node.name}", "no network", "allowed: at least one")
    networks = {network.name: network for network in topology.networks}
    seen: set[str] = set()
    for interface in node.interfaces:
        path = f"nodes.{node.name}.{interface.network}"
        if interface.network in seen:
            yield Mistake(path, "a second interface on this network", "allowed: one")
        seen.add(interface.network)
        network = networks.get(interface.network)
        if network is None:
            yield Mistake(path, f"unknown network {interface.network!r}", f"allowed: {_listed(networks)}")
            continue
        if interface.mac is not None and not _MAC.fullmatch(interface.mac):
            yield Mistake(
                f"{path}.mac", repr(interface.mac), "allowed: six lower-case octets, 02:42:ac:10:0a:0a"
            )
        if interface.address is not None:
            yield from _addressed(
                f"{path}.address", interface.address.ip, interface.address.network, network.subnet
            )
        if interface.address6 is not None:
            yield from _addressed(
                f"{path}.address6", interface.address6.ip, interface.address6.network, network.subnet6
            )


def _addressed(path: str, address: _Address, own: _Subnet, subnet: _Subnet | None) -> Iterator[Mistake]:
    """Hold an interface's address against the subnet of its network."""
    if subnet is None:
        given = f"{address} on a network without a declared subnet"
        yield Mistake(path, given, "allowed: a subnet in the network's ipam, or no fixed address")
    elif address in subnet and own.prefixlen != subnet.prefixlen:
        yield Mistake(
            path, f"{address}/{own.prefixlen}", f"allowed: the network's prefix length, /{subnet.prefixlen}"
        )
    else:
        yield from _placed(path, address, subnet)


def _placed(path: str, address: _Address, subnet: _Subnet) -> Iterator[Mistake]:
    """Say so where an address is not one that a node of the subnet can have."""
    if address not in subnet:
        yield Mistake(path, f"{address} is outside {subnet}", f"allowed: {_range(subnet)}")
    elif subnet.num_addresses > 2 and address == subnet.network_address:
        yield Mistake(path, f"{address} is the address of the network itself", f"allowed: {_range(subnet)}")
    elif isinstance(subnet, IPv4Network) and subnet.num_addresses > 2 and address == subnet.broadcast_address:
        yield Mistake(path, f"{address} is the broadcast address of {subnet}", f"allowed: {_range(subnet)}")


def _routes(topology: Topology, node: Node) -> Iterator[Mistake]:
    """A route's next hop must be a neighbour, as far as the subnets are declared."""
    networks = [network for network in topology.networks if network.name in node.networks]
    for route in node.routes:
        path = f"nodes.{node.name}.routes"
        if route.destination.version != route.via.version:
            yield Mistake(path, str(route), "allowed: a next hop of the same IP version")
            continue
        subnets = [n.subnet if route.via.version == 4 else n.subnet6 for n in networks]
        if None not in subnets and not any(route.via in subnet for subnet in subnets if subnet):
            given = f"{route}: {route.via} is on none of the node's networks"
            yield Mistake(path, given, f"allowed: a next hop in {_listed(str(s) for s in subnets)}")


def _claimed_twice(topology: Topology) -> Iterator[Mistake]:
    """On one network an address, and a MAC, belongs to one node."""
    gateways = {
        (n.name, gateway) for n in topology.networks for gateway in (n.gateway, n.gateway6) if gateway
    }
    owners: dict[tuple[str, object], str] = {}
    for node in topology.nodes:
        for interface in node.interfaces:
            for field in ("address", "address6", "mac"):
                value = getattr(interface, field)
                claimed = value if value is None or field == "mac" else value.ip
                key = (interface.network, claimed)
                owner = owners.setdefault(key, node.name)
                if claimed is None or owner == node.name:
                    continue
                what = f"the gateway address {claimed}" if key in gateways else str(claimed)
                path = f"nodes.{node.name}.{interface.network}.{field}"
                yield Mistake(path, f"{what}, which {owner} has", "allowed: one node for each address")


def _range(subnet: _Subnet) -> str:
    if subnet.num_addresses <= 2:
        return str(subnet)
    last = subnet.broadcast_address - (1 if isinstance(subnet, IPv4Network) else 0)
    return f"{subnet.network_address + 1} to {last}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
