"""Labs that are not the default one: any Compose file with networks and services is a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.lab import Lab
from tests.backends.engine_view import LABS, docker, remains, small_lab, until

pytestmark = pytest.mark.docker


def test_three_lans_with_two_routers_in_a_row(name: str) -> None:
    """Everybody reaches everybody, and what crosses both routers has lost two of its TTL."""
    with Lab.up(LABS / "three-lans.yaml", name, environment={}) as lab:
        seen = lab.ping_all()
        assert seen.complete, seen.unreached
        answer = lab["left"].run(["ping", "-c1", "-W1", lab["left"].address_of(lab["right"])], check=True)
        assert b"ttl=62" in answer.stdout
        assert {router.name for router in lab.topology.routers()} == {"west", "east"}


def test_nodes_of_images_that_we_did_not_make_and_that_hold_no_shell(name: str) -> None:
    """Whatever the image lacks, its probe has: the host is examined and pinged from, across a router."""
    with Lab.up(LABS / "no-shell" / "compose.yaml", name, environment={}) as lab:
        with pytest.raises(UsageError, match="holds no such command"):
            lab.exec("here", ["sh", "-c", "true"])
        assert lab["here"].run(["ping", "-c1", "-W2", lab["here"].address_of(lab["there"])]).status == 0
        assert lab["here"].run(["ip", "route", "show", "default"]).stdout.startswith(b"default via")


def test_addresses_that_the_engine_chose_are_known(name: str, tmp_path: Path) -> None:
    """A file without subnets or addresses is a lab too."""
    file = small_lab(tmp_path, {"one": {}, "two": {}}, networks={"lan": {}})
    with Lab.up(file, name, environment={}) as lab:
        network = lab.topology.network("lan").subnet
        assert network is not None
        addresses = [node.on("lan").address for node in lab.topology.nodes]
        assert all(address is not None and address.ip in network for address in addresses)
        assert lab.ping_all().complete
        assert Lab.attach(name).topology == lab.topology


def test_replicas_are_nodes_of_their_own(name: str, tmp_path: Path) -> None:
    """One service of the file, three nodes of the lab, told apart by number."""
    file = small_lab(tmp_path, {"many": {"deploy": {"replicas": 3}}, "one": {}})
    with Lab.up(file, name, environment={}) as lab:
        assert {node.name for node in lab} == {"many-1", "many-2", "many-3", "one"}
        assert len(set(lab.handle.containers.values())) == 4
        assert lab.ping_all().complete


def test_a_service_that_ends_with_0_has_done_its_work(name: str, tmp_path: Path) -> None:
    """It is no failure of `up`, as it is one for `docker compose up --wait`."""
    waited_for: dict[str, object] = {"healthcheck": {"test": "true", "interval": "1s"}}
    file = small_lab(tmp_path, {"once": {"command": ["sh", "-c", "echo done"]}, "host": waited_for})
    with Lab.up(file, name, environment={}) as lab:
        until(lambda: lab.state("once").exit_code == 0, "it has ended")
        assert lab.logs("once") == b"done\n"


def test_volumes_go_with_the_lab_and_others_stay(name: str, tmp_path: Path) -> None:
    """A volume that the file declares is the lab's; an external one is somebody else's."""
    other = f"{name}-external"
    docker("volume", "create", other)
    try:
        file = small_lab(
            tmp_path,
            {"host": {"volumes": ["own:/own", "other:/other"]}},
            volumes={"own": {}, "other": {"external": True, "name": other}},
        )
        with Lab.up(file, name, environment={}):
            assert f"volume testbed-{name}_own" in remains(name)
        assert remains(name) == []
        assert docker("volume", "ls", "--quiet", f"--filter=name={other}").strip() == other
    finally:
        docker("volume", "rm", other)
