"""What every node is on the network: addresses, routes, neighbours, listening sockets, what it forwards."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, ip_interface
from typing import Any

import pytest

from testbed.lab import Lab
from testbed.node import Node

pytestmark = pytest.mark.lab_nodes

LISTENING = {"server": {"0.0.0.0:8888"}}
"""What the lab's programs listen on; every other node listens on nothing."""


def shown(beside: Any, *what: str) -> list[dict[str, Any]]:
    """What ip(8) shows, as values."""
    rows: list[dict[str, Any]] = json.loads(beside.check_output("ip -json -4 " + " ".join(what)))
    return rows


def test_it_has_its_declared_addresses_and_no_other(node: Node, beside: Any) -> None:
    """The addresses that the file gives are the ones that the lab has: Docker's own are gone."""
    declared = {str(interface.address) for interface in node.declared.interfaces}
    rows = [row for link in shown(beside, "address", "show", "scope", "global") for row in link["addr_info"]]
    assert {f"{row['local']}/{row['prefixlen']}" for row in rows} == declared


def test_each_address_is_on_an_interface_that_is_up(node: Node, beside: Any) -> None:
    """An interface for each network, with carrier, beside the loopback."""
    names = [name for name in beside.interface.names() if name != "lo"]
    assert len(names) == len(node.declared.interfaces)
    for name in names:
        (link,) = beside.interface(name).link
        assert link["operstate"] == "UP"
        assert {"UP", "LOWER_UP"} <= set(link["flags"])


def test_its_own_networks_are_near(node: Node, beside: Any) -> None:
    """The kernel's routes to what is near are the declared networks, each by the interface that is on it."""
    rows = shown(beside, "route", "show", "scope", "link")
    declared = {
        str(interface.address.network): node.interface_on(interface.network)
        for interface in node.declared.interfaces
        if interface.address is not None
    }
    assert {row["dst"]: row["dev"] for row in rows} == declared


def test_a_host_leaves_its_network_by_the_router_and_the_router_by_nothing(
    node: Node, lab: Lab, beside: Any
) -> None:
    """A host's default route is its network's gateway, which is the router; the lab has no way out."""
    rows = shown(beside, "route", "show", "default")
    if node.declared.forwards:
        assert rows == []
        assert not beside.interface.default().name
    else:
        (network,) = node.declared.networks
        assert [row["gateway"] for row in rows] == [str(lab.router.address_on(network))]
        assert beside.interface.default().name == node.interface_on(network)


def test_only_the_router_forwards(node: Node, beside: Any) -> None:
    """A host that forwarded would be a second way through the lab, unseen."""
    assert beside.sysctl("net.ipv4.ip_forward") == int(node.name == "router")
    assert node.declared.forwards == (node.name == "router")


def test_it_sends_no_redirects_and_filters_no_sources(beside: Any) -> None:
    """What the machine's defaults would add is turned off: frames are seen as the lesson has them."""
    assert beside.sysctl("net.ipv4.conf.all.rp_filter") == 0
    assert beside.sysctl("net.ipv4.conf.all.send_redirects") == 0


def test_it_listens_on_what_it_is_there_for_alone(node: Node, beside: Any) -> None:
    """The server on 8888, nobody else on anything; Docker's own DNS is at 127.0.0.11 only."""
    expected = LISTENING.get(node.name, set())
    sockets = {str(one).partition("://")[2] for one in beside.socket.get_listening_sockets()}
    assert {one for one in sockets if not one.startswith("127.0.0.11:")} == expected
    assert beside.socket("tcp://0.0.0.0:8888").is_listening == bool(expected)


def test_its_neighbour_table_holds_the_macs_that_its_neighbours_have(
    node: Node, lab: Lab, beside: Any
) -> None:
    """After a word with each, it knows each node of its networks by that node's own MAC, and nobody else."""
    node.forget_neighbours()
    true: dict[str, str] = {}
    for network in node.declared.networks:
        for other in lab:
            if other is not node and network in other.declared.networks:
                address = str(other.address_on(network))
                node.run(["ping", "-c1", "-W2", address], check=True)
                true[address] = other.mac_on(network)
    assert {row["dst"]: row.get("lladdr") for row in shown(beside, "neighbour", "show")} == true


def test_it_reaches_every_other_node(node: Node, lab: Lab, beside: Any) -> None:
    """Near or across the router."""
    for other in lab:
        if other is not node:
            assert beside.run(f"ping -c1 -W2 {node.address_of(other)}").rc == 0


def test_what_passes_the_router_has_lost_one_from_its_ttl(node: Node, lab: Lab, beside: Any) -> None:
    """One hop fewer to live on the other network, none lost on its own."""
    for other in lab:
        if other is not node:
            far = not set(node.declared.networks) & set(other.declared.networks)
            said = beside.check_output(f"ping -c1 -W2 {node.address_of(other)}")
            assert f"ttl={63 if far else 64} " in said


@pytest.mark.lab_nodes("client", "neighbour", "bystander")
def test_a_host_passes_nothing_on(node: Node, lab: Lab) -> None:
    """A packet for the other network, given to a host instead of the router, ends there."""
    other = lab.client if node is not lab.client else lab.neighbour
    before = node.counters()
    other.add_route(f"{lab.server.address_on('lan-b')}/32", node.address_on("lan-a"))
    assert other.run(["ping", "-c1", "-W1", str(lab.server.address_on("lan-b"))]).status == 1
    after = node.counters()
    assert after["IpForwDatagrams"] == before["IpForwDatagrams"]
    assert after["IpInAddrErrors"] + after["IpInDiscards"] > before["IpInAddrErrors"] + before["IpInDiscards"]


@pytest.mark.lab_nodes("client", "neighbour", "bystander", "server")
def test_names_lead_to_addresses_across_networks(lab: Lab, inside: Any) -> None:
    """A host knows every other host by name, on the far network too, without asking anybody."""
    hosts = [other for other in lab if not other.declared.forwards]
    found = inside.check_output("getent ahostsv4 " + " ".join(other.name for other in hosts))
    addresses = {line.split()[0] for line in found.splitlines()}
    assert addresses == {str(address) for other in hosts for address in other.addresses}


def test_the_networks_are_of_the_labs_prefix(node: Node, lab: Lab) -> None:
    """Two labs side by side share no address: all are under the prefix that this one took."""
    assert lab.prefix is not None
    first, second = lab.prefix.split(".")
    own = IPv4Network(f"{first}.{second}.0.0/16")
    for address in node.addresses:
        assert ip_interface(str(address)).ip in own
