"""From a Compose file to a topology: what each key that is read does."""

from __future__ import annotations

import textwrap
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from testbed import compose
from testbed.errors import InvalidComposeFile
from testbed.topology import Interface, Route, Topology
from tests.compose_oracle import SETTINGS, config

LABS = Path(__file__).parent.parent / "labs"

NETWORK = "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}]}}}\n"


def lab(text: str, folder: Path, environment: dict[str, str] | None = None, *profiles: str) -> Topology:
    """Read a text as the Compose file of a folder."""
    (folder / "compose.yaml").write_text(textwrap.dedent(text))
    return compose.load(folder / "compose.yaml", environment or {}, profiles)


def test_the_shipped_lab_is_the_one_of_the_lesson() -> None:
    """Two LANs, a router that owns both gateways, four hosts, their addresses; sidecars are no nodes."""
    topology = compose.load(compose.shipped_file(), {})
    assert topology.name == "testbed"
    assert {network.name: str(network.subnet) for network in topology.networks} == {
        "lan-a": "172.16.10.0/24",
        "lan-b": "172.16.20.0/24",
    }
    addresses = {node.name: [str(i.address) for i in node.interfaces] for node in topology.nodes}
    assert addresses == {
        "router": ["172.16.10.1/24", "172.16.20.1/24"],
        "server": ["172.16.20.10/24"],
        "client": ["172.16.10.10/24"],
        "neighbour": ["172.16.10.11/24"],
        "bystander": ["172.16.10.12/24"],
    }
    assert [node.name for node in topology.routers()] == ["router"]
    assert topology.router_of("lan-a") == topology.router_of("lan-b") == topology.node("router")


def test_a_prefix_moves_the_whole_lab_and_is_remembered() -> None:
    """The same file is a second lab beside the first; the source says how to have it again."""
    topology = compose.load(compose.shipped_file(), {"TESTBED_NET": "10.7", "UNRELATED": "secret"})
    assert topology.network("lan-b").subnet == IPv4Network("10.7.20.0/24")
    assert topology.node("router").on("lan-a").address == IPv4Interface("10.7.10.1/24")
    assert topology.source is not None
    assert topology.source.path == compose.shipped_file()
    assert topology.source.environment == (("TESTBED_NET", "10.7"),)


def test_three_lans_and_two_routers_in_a_row() -> None:
    """Each router knows the way to the LAN behind the other."""
    topology = compose.load(LABS / "three-lans.yaml", {})
    assert [node.name for node in topology.routers()] == ["west", "east"]
    assert [router.name for name in ("lan-a", "lan-b", "lan-c") if (router := topology.router_of(name))] == [
        "west",
        "west",
        "east",
    ]
    assert [str(route) for route in topology.node("west").routes] == ["172.16.30.0/24 via 172.16.20.2"]
    assert topology.node("east").on("lan-b").address == IPv4Interface("172.16.20.2/24")


def test_every_form_of_every_key() -> None:
    """Lists and mappings, merges, IPv6, MACs, replicas, the default network, files of variables."""
    topology = compose.load(LABS / "everything.yaml", {})
    names = [node.name for node in topology.nodes]
    assert names == "none-named listed mapped gateway crowd-1 crowd-2 crowd-3 pair-1 pair-2 built".split()
    assert [network.name for network in topology.networks] == [
        "default",
        "four",
        "both",
        "chosen",
        "isolated",
    ]
    assert topology.node("none-named").interfaces == (Interface("default"),)
    assert topology.node("mapped").interfaces == (
        Interface("four", IPv4Interface("10.77.0.20/20"), mac="02:42:0a:4d:00:14"),
        Interface(
            "both", IPv4Interface("10.77.16.20/24"), IPv6Interface("fd00:77::20/64"), "02:42:0a:4d:10:14"
        ),
        Interface("isolated", IPv4Interface("10.77.32.1/24")),
    )
    gateway = topology.node("gateway")
    assert gateway.forwards
    assert gateway.on("both").address6 == IPv6Interface("fd00:77::1/64")
    assert isinstance(gateway.routes[1], Route)
    assert str(gateway.routes[1].destination) == "0.0.0.0/0"
    assert topology.node("crowd-2").service == "crowd"
    assert topology.node("built").image == ""
    assert topology.node("listed").command == ("run", "--name", "two words", "--time", "22:22")


def test_a_service_of_a_profile_is_a_node_when_the_profile_is_active(tmp_path: Path) -> None:
    """By argument, by COMPOSE_PROFILES where there is none, and all by '*'."""
    text = "services: {a: {image: i}, b: {image: i, profiles: [x, y]}, c: {image: i, profiles: [z]}}"
    for environment, profiles, expected in (
        ({}, (), "a"),
        ({}, ("y",), "ab"),
        ({}, ("*",), "abc"),
        ({"COMPOSE_PROFILES": "x, z"}, (), "abc"),
        ({"COMPOSE_PROFILES": "z"}, ("y",), "ab"),
    ):
        topology = lab(text, tmp_path, environment, *profiles)
        assert "".join(node.name for node in topology.nodes) == expected


def test_the_env_file_gives_what_the_environment_does_not(tmp_path: Path) -> None:
    """The environment wins; the variables that were used are remembered, wherever they came from."""
    (tmp_path / ".env").write_text("ONE=file\nTWO=file\nNOT_USED=1\n")
    topology = lab("services: {a: {image: '${ONE}-${TWO}-${THREE:-3}'}}", tmp_path, {"TWO": "environment"})
    assert topology.node("a").image == "file-environment-3"
    assert topology.source is not None
    assert topology.source.environment == (("ONE", "file"), ("TWO", "environment"))


def test_a_router_may_be_told_by_a_file_or_by_the_environment(tmp_path: Path) -> None:
    """`env_file`, and a variable that is passed through, are the service's environment too."""
    (tmp_path / "r.env").write_text("ROUTER_ADDRESSES=10.0.0.1/24\n")
    text = NETWORK + "services: {r: {image: i, networks: [n], env_file: [r.env]}}"
    assert lab(text, tmp_path).node("r").on("n").address == IPv4Interface("10.0.0.1/24")
    text = (
        NETWORK + "services: {r: {image: i, networks: [n], env_file: r.env, environment: [ROUTER_ADDRESSES]}}"
    )
    passed = lab(text, tmp_path, {"ROUTER_ADDRESSES": "10.0.0.9/24"})
    assert passed.node("r").on("n").address == IPv4Interface("10.0.0.9/24")


@pytest.mark.parametrize(
    ("folder", "environment", "text", "name"),
    [
        ("My Lab_1", {}, "services: {a: {image: i}}", "mylab_1"),
        ("f", {}, "name: given\nservices: {a: {image: i}}", "given"),
        ("f", {"N": "var"}, "name: ${N}\nservices: {a: {image: i}}", "var"),
        ("f", {"COMPOSE_PROJECT_NAME": "env"}, "name: given\nservices: {a: {image: i}}", "env"),
    ],
)
def test_a_lab_is_named_as_compose_names_its_project(
    folder: str, environment: dict[str, str], text: str, name: str, tmp_path: Path
) -> None:
    """By the environment, the file, or the folder; and the file can ask for it."""
    (tmp_path / folder).mkdir()
    text = text.replace("image: i", "image: 'i:${COMPOSE_PROJECT_NAME}'")
    topology = lab(text, tmp_path / folder, environment)
    assert topology.name == name
    assert topology.node("a").image == f"i:{name}"
    theirs = config(tmp_path / folder / "compose.yaml", environment)
    assert theirs is not None
    assert (theirs["name"], theirs["services"]["a"]["image"]) == (name, f"i:{name}")


def test_the_first_of_the_usual_names_is_found(tmp_path: Path) -> None:
    """The order is that of Compose."""
    assert compose.find_file(tmp_path) is None
    for name in reversed(compose.FILE_NAMES):
        (tmp_path / name).touch()
        assert compose.find_file(tmp_path) == tmp_path / name


def test_compose_resolves_what_only_it_can(tmp_path: Path) -> None:
    """`include` brings services in; what the user wrote comes first, in the user's order."""
    (tmp_path / "more.yaml").write_text("services: {z: {image: i, networks: [n]}}\n" + NETWORK)
    text = "include: [more.yaml]\nservices: {b: {image: i}, a: {extends: b, command: 'a $$b'}}"
    (tmp_path / "compose.yaml").write_text(text)
    assert config(tmp_path / "compose.yaml", {}) is not None
    topology = lab(text, tmp_path, dict(SETTINGS))
    assert [node.name for node in topology.nodes] == ["b", "a", "z"]
    assert topology.node("a").command == ("a", "$b")
    assert topology.network("n").subnet == IPv4Network("10.0.0.0/24")


def test_a_mistake_in_what_compose_resolved_has_a_line_where_there_is_one(tmp_path: Path) -> None:
    """The user's own lines are still known."""
    text = (
        NETWORK
        + "services:\n  b: {image: i}\n  a:\n    extends: b\n    networks: {n: {ipv4_address: 10.9.9.9}}\n"
    )
    (tmp_path / "compose.yaml").write_text(text)
    config(tmp_path / "compose.yaml", {})
    with pytest.raises(InvalidComposeFile) as raised:
        lab(text, tmp_path, dict(SETTINGS))
    (mistake,) = raised.value.mistakes
    assert (mistake.path, mistake.line) == ("services.a.networks.n.ipv4_address", 6)


def test_what_compose_says_of_a_file_it_cannot_resolve_is_passed_on(tmp_path: Path) -> None:
    """At the key for which it was asked."""
    (tmp_path / "compose.yaml").write_text("services: {a: {image: i}}")
    config(tmp_path / "compose.yaml", {})
    with pytest.raises(InvalidComposeFile, match=r"Compose says: .*no-such") as raised:
        lab("services:\n  a:\n    extends: no-such\n", tmp_path, dict(SETTINGS))
    assert [(m.path, m.line) for m in raised.value.mistakes] == [("services.a.extends", 3)]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("include: [x.yaml]\n", "include"),
        ("services:\n  a: {image: i, extends: b}\n  b: {image: i}\n", "services.a.extends"),
        ("services:\n  a: {image: i, ports: !reset []}\n", "services.a.ports"),
        ("services: {a: {image: i}}\n---\nservices: {b: {image: i}}\n", "compose.yaml"),
    ],
)
def test_without_compose_the_key_that_needs_it_is_named(text: str, path: str, tmp_path: Path) -> None:
    """Rather than a reading that is wrong."""
    with pytest.raises(InvalidComposeFile, match="only Compose resolves") as raised:
        lab(text, tmp_path, {"PATH": str(tmp_path)})
    assert [mistake.path for mistake in raised.value.mistakes] == [path]


WORDS = """
    services: networks: image: i ipam: config: subnet: 10.0.0.0/24 gateway: 10.0.0.1 ipv4_address: 10.0.0.9
    x-a: &a *a <<: environment: ROUTER_ADDRESSES: ROUTER_ROUTES: depends_on: scale: 3 -1 deploy: replicas:
    command: sysctls: network_mode: service:a profiles: [ ] { } , - ? | > ' " # ! !!str !!int $ ${A} ${ ${A:?}
    null true 1.5 .inf .nan external: enable_ipv6: name: env_file: mac_address: a default fd00::/64 ::1 é %
""".split()
FRAGMENTS = st.sampled_from([*WORDS, "\n", "\n  ", "\n    ", "\n      ", "\n- ", " ", "\t"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.lists(FRAGMENTS, max_size=40).map(" ".join) | st.text())
@example(
    text="services: {a: {networks: {n: {ipv4_address: 10.0.0.9}}}}\nnetworks: {n: {ipam: {config: [{}]}}}"
)
@example(text="? {a: b}\n: c")
@example(text="services: {a: {environment: {A: .inf}, scale: .nan, sysctls: [[]]}}")
@example(text="services: {a: {networks: {n: []}, deploy: [], env_file: [{}], depends_on: 5}}\nnetworks: []")
@example(text="include: 5\nservices: {a: {extends: {}}}")
def test_any_text_is_a_lab_or_is_refused(text: str, tmp_path: Path) -> None:
    """Nothing but InvalidComposeFile leaves the reader, and it names what is wrong."""
    (tmp_path / "compose.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        compose.load(tmp_path / "compose.yaml", {"PATH": ""}).validate()
    except InvalidComposeFile as refusal:
        assert refusal.mistakes  # noqa: PT017


KEYS = """
    a n networks ipam config subnet gateway ipv4_address image command environment scale deploy replicas
    sysctls profiles depends_on network_mode env_file path external driver mac_address priority
""".split()
NAMES = st.sampled_from("an")
TEXTS = st.sampled_from(["a", "n", "10.0.0.1", "10.0.0.0/24", "${A}", ""])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "10.0.0.1", "n", "${A}", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(services=st.dictionaries(NAMES, JSON), networks=st.dictionaries(NAMES, JSON))
def test_any_values_of_any_kind_are_a_lab_or_are_refused(
    services: dict[str, object], networks: dict[str, object], tmp_path: Path
) -> None:
    """Also where the file is well-formed, and each value is of a kind that nobody expects there."""
    import yaml

    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"services": services, "networks": networks}))
    try:
        compose.load(tmp_path / "compose.yaml", {"PATH": ""}).validate()
    except InvalidComposeFile as refusal:
        assert refusal.mistakes  # noqa: PT017
