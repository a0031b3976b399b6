"""Addresses: each lab gets its own, or a message that says who holds them."""

from __future__ import annotations

import ipaddress
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed import prefixes
from testbed.backends.base import Owner, ignore
from testbed.backends.docker.addresses import routes
from testbed.backends.docker.client import Engine
from testbed.backends.docker.starting import Start
from testbed.claims import claim
from testbed.compose import load
from testbed.errors import LabFailed, PrefixInUse
from testbed.lab import Lab
from tests.backends.engine_view import docker, remains, small_lab

OWN_PREFIXES = ("10.196", "10.197")
"""Tried by one test here, and by no other: labs beside it take theirs from the candidates."""

pytestmark = pytest.mark.docker


def test_a_second_lab_of_the_same_file_runs_beside_the_first(name: str, two_hosts: Path) -> None:
    """Under another prefix, and neither sees the other."""
    with (
        Lab.up(two_hosts, name, environment={}) as first,
        Lab.up(two_hosts, f"{name}-2", environment={}) as second,
    ):
        assert first.prefix != second.prefix
        assert first.ping_all().complete
        assert second.ping_all().complete
        there = second["left"].address_of(second["right"])
        assert first["left"].run(["ping", "-c1", "-W0.3", there]).status != 0


def test_the_users_own_prefix_is_taken(name: str, two_hosts: Path) -> None:
    """TESTBED_NET in the environment decides."""
    with Lab.up(two_hosts, name, environment={"TESTBED_NET": "10.195"}) as lab:
        assert lab.prefix == "10.195"
        assert str(lab.topology.network("lan").subnet) == "10.195.70.0/24"


def test_the_users_own_prefix_that_is_taken_is_an_error_that_names_the_holder(
    name: str, two_hosts: Path
) -> None:
    """No other prefix is taken behind the user's back, and nothing is left."""
    with (
        Lab.up(two_hosts, name, environment={"TESTBED_NET": "10.194"}),
        pytest.raises(PrefixInUse, match=f"network lan of lab '{name}'") as caught,
    ):
        Lab.up(two_hosts, f"{name}-2", environment={"TESTBED_NET": "10.194"})
    assert "TESTBED_NET" in caught.value.hint
    assert remains(f"{name}-2") == []


def test_addresses_of_a_network_that_is_not_ours_are_taken_too(name: str, two_hosts: Path) -> None:
    """Somebody's network is named as they named it."""
    other = f"{name}-other"
    docker("network", "create", "--subnet=10.193.0.0/16", other)
    try:
        with pytest.raises(PrefixInUse, match=other):
            Lab.up(two_hosts, name, environment={"TESTBED_NET": "10.193"})
    finally:
        docker("network", "rm", other)


def test_addresses_that_this_machine_routes_are_taken(name: str, tmp_path: Path) -> None:
    """A lab on the machine's own network would cut the machine off from it."""
    # Not the engine's own bridges: those of other labs come and go.
    route, device = next(
        (subnet, device) for subnet, device in routes() if not device.startswith(("docker", "br-"))
    )
    inside = next(route.subnets(new_prefix=max(route.prefixlen, 28)))
    network = {"lan": {"ipam": {"config": [{"subnet": str(inside)}]}}}
    file = small_lab(tmp_path, {"host": {}}, networks=network)
    with pytest.raises(PrefixInUse, match=f"(?s){device}|the network"):
        Lab.up(file, name, environment={})
    assert ipaddress.ip_network(inside).overlaps(route)


def test_what_the_engine_refuses_is_told_as_a_taken_prefix_and_nothing_is_left(
    name: str, two_hosts: Path
) -> None:
    """Another process takes the addresses between our look and Compose's start: here before Compose."""
    other = f"{name}-other"
    docker("network", "create", "--subnet=10.192.70.0/25", other)
    topology = load(two_hosts, {"TESTBED_NET": "10.192"})
    start = Start(Engine(), topology, name, secrets.token_hex(6), Owner.current(), ignore, 60)
    try:
        with pytest.raises(PrefixInUse, match="the engine refuses lan"):
            start._compose_up(two_hosts)
    finally:
        docker("network", "rm", other)


def test_labs_that_are_started_at_once_do_not_meet(name: str, two_hosts: Path) -> None:
    """Each finds a prefix of its own at the first attempt."""
    names = [f"{name}-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        labs = list(pool.map(lambda one: Lab.up(two_hosts, one, environment={}), names))
        try:
            assert len({lab.prefix for lab in labs}) == 4
        finally:
            list(pool.map(Lab.down, labs))


def test_a_prefix_that_another_process_is_trying_is_left_to_it(
    name: str, two_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is seen before the engine is asked."""
    first, second = OWN_PREFIXES
    monkeypatch.setattr(prefixes, "candidates", lambda: iter(OWN_PREFIXES))
    with claim(f"prefix {first}") as granted, Lab.up(two_hosts, name, environment={}) as lab:
        assert granted
        assert lab.prefix == second


def test_a_name_that_is_being_started_is_refused(name: str, two_hosts: Path) -> None:
    """Two Composes on one project would each change the other's containers."""
    with claim(f"up {name}"), pytest.raises(LabFailed, match="another process is starting"):
        Lab.up(two_hosts, name, environment={})


def test_a_file_with_fixed_addresses_is_not_tried_again_and_again(name: str, tmp_path: Path) -> None:
    """No other prefix would change anything: the first refusal is the answer."""
    networks = {"lan": {"ipam": {"config": [{"subnet": "10.191.70.0/24"}]}}}
    file = small_lab(tmp_path, {"host": {}}, networks=networks)
    with Lab.up(file, name, environment={}), pytest.raises(PrefixInUse, match=r"10\.191\.70\.0/24"):
        Lab.up(file, f"{name}-2", environment={})
