"""Topologies: what they answer, what contradicts itself, and that their JSON loses nothing."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_network,
)
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import InvalidTopology, UsageError
from testbed.topology import Interface, Network, Node, Route, Source, Topology

LAN_A = Network("lan-a", IPv4Network("10.1.1.0/24"), IPv4Address("10.1.1.1"))
LAN_B = Network("lan-b", IPv4Network("10.1.2.0/24"), IPv4Address("10.1.2.1"))


def at(network: str, address: str) -> Interface:
    """Return an interface on a network."""
    return Interface(network, IPv4Interface(address))


ROUTER = Node("router", "r", (at("lan-a", "10.1.1.1/24"), at("lan-b", "10.1.2.1/24")), forwards=True)
CLIENT = Node("first-client", "h", (at("lan-a", "10.1.1.10/24"),))
SERVER = Node("server", "h", (at("lan-b", "10.1.2.10/24"),))
LAB = Topology("lab", (LAN_A, LAN_B), (ROUTER, CLIENT, SERVER))


def test_a_sound_topology_is_itself() -> None:
    """Validation returns what it was asked about."""
    assert LAB.validate() is LAB


def test_who_is_where() -> None:
    """A topology answers by name, by network and by role, in the order of declaration."""
    assert LAB.node("server") is SERVER
    assert LAB.node("first_client") is LAB.node("first-client") is CLIENT
    assert LAB.network("lan-b") is LAN_B
    assert LAB.routers() == (ROUTER,)
    assert LAB.nodes_on("lan-a") == (ROUTER, CLIENT)
    assert LAB.hosts_on("lan-a") == (CLIENT,)
    assert LAB.router_of("lan-b") is ROUTER
    assert ROUTER.networks == ("lan-a", "lan-b")
    assert ROUTER.on("lan-b").address == IPv4Interface("10.1.2.1/24")


def test_a_network_without_gateway_has_no_router() -> None:
    """An address that is not declared is nobody's gateway."""
    lone = Topology("l", (Network("n"),), (Node("a", "i", (Interface("n"),)),))
    assert lone.router_of("n") is None


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: LAB.node("sever"), "did you mean 'server'?"),
        (lambda: LAB.network("lan_a"), "did you mean 'lan-a'?"),
        (lambda: CLIENT.on("lan-b"), "did you mean 'lan-a'?"),
        (lambda: LAB.node("zzz"), "router, first-client, server"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_those_that_are(ask: object, hint: str) -> None:
    """A slip of the finger costs no search."""
    assert callable(ask)
    with pytest.raises(UsageError, match=hint):
        ask()


def wrong(*nodes: Node, networks: tuple[Network, ...] = (LAN_A, LAN_B), name: str = "lab") -> dict[str, str]:
    """Return the mistakes of a topology: path to what was given."""
    with pytest.raises(InvalidTopology) as raised:
        Topology(name, networks, nodes or (CLIENT,)).validate()
    return {mistake.path: mistake.given for mistake in raised.value.mistakes}


def test_all_mistakes_come_at_once() -> None:
    """Whoever mends one does not meet the next."""
    broken = Topology(
        "No!",
        (LAN_A, Network("lo"), Network("other", IPv4Network("10.1.0.0/20"), IPv4Address("10.9.9.9"))),
        (
            Node("1", "i", (at("lan-a", "10.1.1.0/24"), at("lan-a", "10.1.1.7/25"), Interface("gone"))),
            Node("two", "i"),
            dataclasses.replace(
                CLIENT, name="three", routes=(Route(ip_network("10.5.0.0/16"), IPv4Address("1.1.1.1")),)
            ),
            Node("four", "i", (at("lan-a", "10.1.1.10/24"), at("lo", "10.1.1.4/24"))),
        ),
    )
    with pytest.raises(InvalidTopology) as raised:
        broken.validate()
    assert [mistake.path for mistake in raised.value.mistakes] == [
        "name",
        "networks.lo",
        "nodes.1",
        "networks.other.gateway",
        "networks.other.subnet",
        "nodes.1.lan-a.address",
        "nodes.1.lan-a",
        "nodes.1.lan-a.address",
        "nodes.1.gone",
        "nodes.two",
        "nodes.three.routes",
        "nodes.four.lo.address",
        "nodes.four.lan-a.address",
    ]
    assert "13 mistakes" in str(raised.value)


def test_two_routers_cannot_own_one_gateway() -> None:
    """Nor two hosts one address, nor two interfaces on one network one MAC."""
    second = dataclasses.replace(ROUTER, name="second")
    assert wrong(ROUTER, second) == {
        "nodes.second.lan-a.address": "the gateway address 10.1.1.1, which router has",
        "nodes.second.lan-b.address": "the gateway address 10.1.2.1, which router has",
    }
    same = [Node(name, "i", (Interface("lan-a", mac="02:00:00:00:00:01"),)) for name in ("a", "b")]
    assert wrong(*same) == {"nodes.b.lan-a.mac": "02:00:00:00:00:01, which a has"}


def test_names_that_python_would_not_tell_apart_are_refused() -> None:
    """`lab.a_b` is one node."""
    twins = [Node(name, "i", (Interface("lan-a"),)) for name in ("a-b", "a_b")]
    assert set(wrong(*twins)) == {"nodes.a_b"}


@pytest.mark.parametrize("name", ["", "1a", "a.b", "a b", "a:b", "é", "-a", "a" * 64])
def test_a_node_is_named_so_that_it_can_be_an_attribute(name: str) -> None:
    """A letter first, then letters, digits, '-' and '_'."""
    assert set(wrong(Node(name, "i", (Interface("lan-a"),)))) == {f"nodes.{name}"}


def test_ipv6_is_held_to_the_same_rules() -> None:
    """Outside its subnet, twice, and without a subnet."""
    both = Network("v6", None, None, IPv6Network("fd00::/64"), IPv6Address("fd01::1"))
    nodes = [
        Node(name, "i", (Interface("v6", None, IPv6Interface(address)),))
        for name, address in (
            ("a", "fd02::5/64"),
            ("b", "fd00::7/64"),
            ("c", "fd00::7/64"),
            ("d", "fd00::/64"),
        )
    ]
    lost = Node("e", "i", (Interface("lan-a", None, IPv6Interface("fd00::9/64")),))
    assert set(wrong(*nodes, lost, networks=(both, LAN_A))) == {
        "networks.v6.gateway6",
        "nodes.a.v6.address6",
        "nodes.c.v6.address6",
        "nodes.d.v6.address6",
        "nodes.e.lan-a.address6",
    }


def test_point_to_point_subnets_use_both_addresses() -> None:
    """RFC 3021: a /31 has neither a network nor a broadcast address."""
    wire = Network("wire", IPv4Network("10.0.0.0/31"))
    ends = [Node(n, "i", (at("wire", f"10.0.0.{i}/31"),)) for i, n in enumerate("ab")]
    Topology("lab", (wire,), tuple(ends)).validate()


def test_a_replica_knows_its_service() -> None:
    """Also where the service's name ends in a number."""
    assert Node("web-2-10", "i", replica=10).service == "web-2"
    assert Node("web-2", "i").service == "web-2"


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
V4 = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
V6 = st.builds(IPv6Address, st.integers(0, 2**128 - 1))
V4_NETS = st.builds(lambda a, n: IPv4Network((a, n), strict=False), V4, st.integers(0, 32))
V6_NETS = st.builds(lambda a, n: IPv6Network((a, n), strict=False), V6, st.integers(0, 128))
INTERFACES = st.builds(
    Interface,
    NAMES,
    st.none() | st.builds(lambda a, n: IPv4Interface((a, n)), V4, st.integers(0, 32)),
    st.none() | st.builds(lambda a, n: IPv6Interface((a, n)), V6, st.integers(0, 128)),
    st.none() | st.text(max_size=17),
)
NODES = st.builds(
    Node,
    NAMES,
    st.text(),
    st.lists(INTERFACES, max_size=3).map(tuple),
    st.booleans(),
    st.none() | st.lists(st.text(), max_size=3).map(tuple),
    st.lists(NAMES, max_size=2).map(tuple),
    st.lists(st.builds(Route, V4_NETS | V6_NETS, V4 | V6), max_size=2).map(tuple),
    st.none() | st.integers(1, 1023),
)
NETWORKS = st.builds(Network, NAMES, st.none() | V4_NETS, st.none() | V4, st.none() | V6_NETS, st.none() | V6)
SOURCES = st.builds(
    Source,
    st.just(Path("/labs/compose.yaml")),
    st.lists(st.tuples(NAMES, st.text()), max_size=3).map(tuple),
    st.lists(NAMES, max_size=2).map(tuple),
)
TOPOLOGIES = st.builds(
    Topology,
    NAMES,
    st.lists(NETWORKS, max_size=3).map(tuple),
    st.lists(NODES, max_size=4).map(tuple),
    st.none() | SOURCES,
)


@given(TOPOLOGIES)
def test_json_loses_nothing(topology: Topology) -> None:
    """What a label or a recording holds is the topology that ran; equal ones give equal text."""
    text = topology.to_json()
    assert Topology.from_json(text) == topology
    assert Topology.from_json(text).to_json() == text
    assert "\n" not in text
    assert json.loads(text)["schema_version"] == 1
    text.encode("ascii")


@given(TOPOLOGIES)
def test_any_topology_is_sound_or_its_mistakes_are_named(topology: Topology) -> None:
    """No topology crashes the rules."""
    try:
        topology.validate()
    except InvalidTopology as invalid:
        assert invalid.mistakes  # noqa: PT017


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    ).map(json.dumps)
)
def test_other_text_is_refused(text: str) -> None:
    """A label that somebody else wrote is no topology, and no crash."""
    with pytest.raises(InvalidTopology):
        Topology.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 2),
        ("name", None),
        ("nodes", [{}]),
        ("nodes", 5),
        ("networks", [{"name": "a", "subnet": "x", "gateway": None, "subnet6": None, "gateway6": None}]),
        ("source", {"path": "p", "environment": [["a"]], "profiles": []}),
        ("source", []),
    ],
)
def test_json_with_one_wrong_field_is_refused(field: str, value: object) -> None:
    """A newer version first of all."""
    document = json.loads(LAB.to_json()) | {field: value}
    with pytest.raises(InvalidTopology):
        Topology.from_json(json.dumps(document))


def test_topologies_are_values() -> None:
    """Frozen, hashable, and they cross process borders."""
    assert pickle.loads(pickle.dumps(LAB)) == LAB
    assert len({LAB, dataclasses.replace(LAB)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        LAB.name = "other"  # type: ignore[misc]


def test_importing_topologies_is_cheap() -> None:
    """And so is importing the reader: neither yaml nor pydantic comes along before it is used."""
    program = (
        "import sys, testbed.topology, testbed.compose; testbed.compose.shipped_file();"
        "print([name for name in ('yaml', 'pydantic', 'docker', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
