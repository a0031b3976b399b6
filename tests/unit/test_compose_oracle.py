"""What we read in a Compose file is what Compose reads in it.

Compose itself is the oracle, over every Compose file of the repository.
"""

from __future__ import annotations

import subprocess
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from testbed import compose
from testbed.topology import Network, Node, Topology
from tests.compose_oracle import SETTINGS, config

ROOT = Path(__file__).parent.parent.parent
WRONG = ROOT / "tests" / "labs" / "wrong"
Json = dict[str, Any]


def compose_files() -> list[Path]:
    """Return every YAML file of the repository that declares services, but for the wrong ones."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.yaml", "*.yml"]
    found = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    paths = [ROOT / line for line in found.stdout.splitlines()] or [
        *ROOT.glob("*.yaml"),
        *ROOT.glob("tests/labs/**/*.yaml"),
    ]
    return sorted(
        path
        for path in paths
        if path.is_file() and WRONG not in path.parents and "\nservices:" in f"\n{path.read_text()}"
    )


CASES = [
    pytest.param(path, extra, profiles, id=f"{path.relative_to(ROOT)}-{label}")
    for path in compose_files()
    for label, extra, profiles in (
        ("as it is", {}, ()),
        (
            "another prefix",
            {"TESTBED_NET": "10.231", "TESTBED_CLIENT": "wait", "PASSED_THROUGH": "a $ b", "PAIR": "4"},
            (),
        ),
        ("another name", {"COMPOSE_PROJECT_NAME": "other", "LAB_NAME": "named"}, ()),
        ("all profiles", {}, ("*",)),
        ("profiles of the environment", {"COMPOSE_PROFILES": "extra,many-clients"}, ()),
    )
]


@pytest.mark.parametrize(("path", "extra", "profiles"), CASES)
def test_our_reading_is_that_of_compose(path: Path, extra: dict[str, str], profiles: tuple[str, ...]) -> None:
    """Names, networks, subnets, gateways, nodes, addresses, images, commands, sysctls and replicas."""
    environment = SETTINGS | extra
    theirs = config(path, extra, profiles)
    assert theirs is not None, "Compose refuses the file"
    ours = compose.load(path, environment, profiles)

    assert ours.name == theirs["name"]
    nodes = {name: service for name, service in theirs["services"].items() if "network_mode" not in service}
    assert {node.service for node in ours.nodes} == set(nodes)
    assert {network.name for network in ours.networks} == used_networks(nodes)
    for network in ours.networks:
        assert pools_of(network) == their_pools(theirs["networks"][network.name]), network.name
    for name, service in nodes.items():
        hold_service(ours, name, service)


def used_networks(nodes: Json) -> set[str]:
    """Return the networks that nodes are on."""
    return {network for service in nodes.values() for network in service.get("networks") or {"default": None}}


def pools_of(network: Network) -> set[tuple[str, str | None]]:
    """Return our subnets with their gateways."""
    pairs = ((network.subnet, network.gateway), (network.subnet6, network.gateway6))
    return {(str(subnet), str(gateway) if gateway else None) for subnet, gateway in pairs if subnet}


def their_pools(network: Json) -> set[tuple[str, str | None]]:
    """Return Compose's subnets with their gateways."""
    return {(pool["subnet"], pool.get("gateway")) for pool in (network.get("ipam") or {}).get("config") or ()}


def hold_service(ours: Topology, name: str, service: Json) -> None:
    """Hold the nodes of one service against what Compose says of it."""
    nodes = [node for node in ours.nodes if node.service == name]
    replicas = (service.get("deploy") or {}).get("replicas", service.get("scale", 1))
    assert len(nodes) == replicas, name
    assert [node.name for node in nodes] == (
        [name] if replicas == 1 else [f"{name}-{n}" for n in range(1, replicas + 1)]
    )
    for node in nodes:
        assert node.image == service.get("image", "")
        assert (None if node.command is None else list(node.command)) == service.get("command")
        assert node.profiles == tuple(service.get("profiles", ()))
        forwarding = {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"}
        sysctls = {key for key, value in (service.get("sysctls") or {}).items() if str(value) == "1"}
        assert node.forwards == bool(forwarding & sysctls)
        hold_addresses(node, service)


def hold_addresses(node: Node, service: Json) -> None:
    """Hold a node's addresses against those of Compose, then of ROUTER_ADDRESSES."""
    environment = service.get("environment") or {}
    taken = [ip_interface(word) for word in environment.get("ROUTER_ADDRESSES", "").split()]
    networks = service.get("networks") or {"default": None}
    assert set(node.networks) == set(networks)
    for network, attachment in networks.items():
        own = node.on(network)
        for address, key, version in ((own.address, "ipv4_address", 4), (own.address6, "ipv6_address", 6)):
            if address in taken:
                taken.remove(address)
                continue
            assert (str(address.ip) if address else None) == (attachment or {}).get(key), (
                node.name,
                network,
                version,
            )
    assert not taken, "each address of ROUTER_ADDRESSES is on one interface"
    assert ", ".join(map(str, node.routes)) == environment.get("ROUTER_ROUTES", "").replace(
        "default", "0.0.0.0/0"
    )


def test_the_files_are_found() -> None:
    """The oracle is asked about something: the default lab, and labs of other shapes."""
    names = {str(path.relative_to(ROOT)) for path in compose_files()}
    assert {"compose.yaml", "tests/labs/three-lans.yaml", "tests/labs/no-shell/compose.yaml"} <= names
