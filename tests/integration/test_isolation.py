"""The lab reaches neither its machine nor the Internet, and is not reached from them."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from testbed.lab import Lab
from testbed.node import Node

ELSEWHERE = "198.51.100.1"  # TEST-NET-2 (RFC 5737): asked of routing tables, never sent to


def machine_addresses(machine: Any) -> list[str]:
    """The machine's IPv4 addresses, docker0's among them, without its loopback's."""
    links = json.loads(machine.check_output("ip -json -4 address show scope global"))
    return [row["local"] for link in links for row in link["addr_info"]]


@pytest.mark.lab_nodes
def test_no_node_reaches_the_machine(node: Node, lab: Lab, machine: Any) -> None:
    """A ping to each address of the machine goes unanswered, where one to another node is answered."""
    other = next(one for one in lab if one is not node)
    node.run(["ping", "-c1", "-W2", str(node.address_of(other))], check=True)
    addresses = machine_addresses(machine)
    assert addresses
    asked = [node.spawn(["ping", "-c1", "-W1", address]) for address in addresses]
    assert all(ping.wait(timeout=5).status != 0 for ping in asked)


def test_the_router_knows_no_way_out(lab: Lab) -> None:
    """What is for neither network is unreachable at the router: `ip route get` asks, and sends nothing."""
    answer = lab.router.run(["ip", "route", "get", ELSEWHERE])
    assert answer.status != 0
    assert "unreachable" in answer.error_text


@pytest.mark.lab_nodes
def test_whatever_leaves_a_node_goes_to_the_router_or_stays_near(node: Node, lab: Lab) -> None:
    """There is no route in any table of any node by anything but the lab's own networks."""
    networks = [network.subnet for network in lab.topology.networks]
    for row in node.routes():
        if row["gateway"]:
            assert any(IPv4Address(row["gateway"]) in subnet for subnet in networks if subnet)


def test_the_machine_has_no_address_on_a_lan(lab: Lab, machine: Any) -> None:
    """The host bridge is a switch and no more: the address .1 is the router's alone."""
    subnets = [network.subnet for network in lab.topology.networks]
    for address in machine_addresses(machine):
        assert not any(IPv4Address(address) in subnet for subnet in subnets if subnet)


def test_the_machine_has_no_route_to_a_lan(lab: Lab, machine: Any) -> None:
    """So nothing of the machine's is sent into the lab."""
    rows = json.loads(machine.check_output("ip -json -4 route show table all"))
    known = [IPv4Network(row["dst"]) for row in rows if row["dst"][0].isdigit()]
    for network in lab.topology.networks:
        assert network.subnet not in known


@pytest.mark.parametrize("network", ["lan-a", "lan-b"])
def test_nothing_of_a_lan_is_translated_on_its_way_out(lab: Lab, machine: Any, network: str) -> None:
    """The engine was told not to masquerade it, and has no such rule: what strayed out had no way back."""
    options = "{{json .Options}}"
    told = machine.check_output(
        "docker network inspect --format %s %s", options, f"{lab.handle.project}_{network}"
    )
    assert json.loads(told)["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    rules = machine.run("iptables --table nat --list-rules POSTROUTING")  # where it has that command
    assert str(lab.topology.network(network).subnet) not in rules.stdout
