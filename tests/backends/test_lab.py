"""The handle on a running topology: nodes by name, cables, undo, who reaches whom, attaching."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.compose import shipped_file
from testbed.errors import LabFailed, LabNotFound, NodeExited, UsageError
from testbed.lab import Lab
from tests.backends.engine_view import LABS, docker, remains, until

pytestmark = pytest.mark.docker


def test_nodes_are_found_by_name_and_as_attributes(lab: Lab) -> None:
    """Both ways lead to the same handle."""
    assert lab["client"] is lab.client
    assert [node.name for node in lab] == [node.name for node in lab.topology.nodes]


def test_a_wrong_name_is_answered_with_the_right_ones(lab: Lab) -> None:
    """By index as our error, as an attribute as Python's, so that hasattr works."""
    with pytest.raises(UsageError, match="client"):
        lab["cleint"]
    assert not hasattr(lab, "cleint")


def test_everybody_reaches_everybody(lab: Lab) -> None:
    """Across the router, too; each answer has a time."""
    seen = lab.ping_all()
    assert seen.complete, seen.unreached
    assert len(list(seen)) == 20
    rtt = seen["client", "server"].rtt_ms
    assert rtt is not None
    assert 0 < rtt < 1000


def test_who_is_behind_a_cut_cable_is_reached_by_nobody(lab: Lab) -> None:
    """Exactly the pairs with that node go unanswered, and all are back when it is healed."""
    with lab.cable("bystander", "lan-a").pulled():
        unreached = {(ping.source, ping.target) for ping in lab.ping_all(timeout=0.5).unreached}
    others = {node.name for node in lab} - {"bystander"}
    assert unreached == {("bystander", name) for name in others} | {(name, "bystander") for name in others}
    lab.forget_neighbours()  # an address that was just asked for in vain is not asked for again at once
    assert lab.ping_all().complete


def test_a_cable_heals_by_itself_at_the_scopes_end(lab: Lab) -> None:
    """What a scenario cuts, the lab heals."""
    with lab.undo.scope():
        lab.cable("client", "lan-a").cut()
        assert carrier(lab, "client") == b"0"
    assert carrier(lab, "client") == b"1"


def test_a_cut_cable_keeps_the_nodes_routes(lab: Lab) -> None:
    """It is the far end that goes down: the node's own interface stays as it was, without a carrier."""
    before = lab.client.run(["ip", "route"], check=True).stdout
    with lab.cable(lab.client, "lan-a").pulled():
        during = lab.client.run(["ip", "route"], check=True).stdout
    assert during.replace(b" linkdown", b"") == before


def test_cutting_twice_and_healing_twice_is_as_good_as_once(lab: Lab) -> None:
    """The undo stack holds nothing afterwards."""
    pending = len(lab.undo)
    cable = lab.cable("neighbour", "lan-a")
    cable.cut()
    cable.cut()
    cable.heal()
    cable.heal()
    assert len(lab.undo) == pending
    assert carrier(lab, "neighbour") == b"1"


def test_a_paused_node_goes_on_at_the_scopes_end(lab: Lab) -> None:
    """Pausing is undone by itself, as everything is."""
    with lab.undo.scope():
        lab.pause("neighbour")
        assert lab.state("neighbour").status == "paused"
    assert lab.state("neighbour").status == "running"


def test_a_second_process_can_use_the_lab(lab: Lab) -> None:
    """What it opens is its own; letting go leaves the lab and the first one's probes as they were."""
    lab.client.run(["true"], check=True)
    with Lab.attach(lab.name) as guest:
        assert guest.topology == lab.topology
        assert guest.client.run(["hostname"], check=True).status == 0
    assert lab.client.run(["true"]).status == 0
    assert lab.state("client").running


def test_what_a_guest_changed_is_undone_when_it_leaves(lab: Lab) -> None:
    """A cable that it cut is healed."""
    with Lab.attach(lab.name) as guest:
        guest.cable("bystander", "lan-a").cut()
    assert carrier(lab, "bystander") == b"1"


def test_a_broken_lab_can_be_attached_to(name: str, two_hosts: Path) -> None:
    """A stopped node says so when it is asked for something, and only then; the other works."""
    with Lab.up(two_hosts, name, environment={}) as lab:
        docker("stop", "--time=0", lab.handle.containers["left"])
        with Lab.attach(name) as guest:
            guest.open()
            assert guest.right.run(["true"]).status == 0
            with pytest.raises(NodeExited, match="the node exited with"):
                guest.left.run(["true"])
            matrix = guest.ping_all(timeout=0.3)
            assert matrix["left", "right"].error.startswith("left exited with")
            assert matrix["right", "left"].error.startswith("left exited with")


@pytest.mark.parametrize("network", ["lan-a", "lan-b"])
def test_an_interface_is_known_when_its_address_is_gone(name: str, network: str) -> None:
    """Somebody took its address away, then we came: the interface is still the end of that cable."""
    with Lab.up(shipped_file(), name, environment={}) as first:
        was = first.router.interface_on(network)
        first.router.run(["ip", "address", "flush", "dev", was], check=True)
        with Lab.attach(name) as lab:
            assert lab.router.interface_on(network) == was


def test_what_a_node_builds_on_an_interface_is_not_the_interface(lab: Lab) -> None:
    """A switch takes the MAC of a port, and may take its address: the cable still ends at the port."""
    node, was = lab.bystander, lab.bystander.interface_on("lan-a")
    bridge = ["above", "address", node.mac_on("lan-a"), "type", "bridge"]
    with lab.undo.scope():
        node.change(["ip", "link", "add", *bridge], ["ip", "link", "delete", "above"])
        node.run(["ip", "address", "add", f"{node.address_on('lan-a')}/24", "dev", "above"], check=True)
        found = {row["name"]: row["network"] for row in node.interfaces()}
    assert found == {"lo": "lo", was: "lan-a", "above": "above"}


def test_a_lab_that_plain_compose_started_can_be_attached_to(name: str) -> None:
    """By its project's name and its file; nothing of it is changed."""
    file = LABS / "three-lans.yaml"
    variables = {"TESTBED_NET": "10.199"}
    compose = ("compose", "--project-name", name, "--file", str(file))
    docker(*compose, "up", "--detach", "--wait", **variables)
    try:
        with pytest.raises(LabNotFound, match=f"-f {file}"):
            Lab.attach(name)
        with Lab.attach(name, file, environment=variables) as lab:
            assert lab["left"].run(["ping", "-c1", "-W1", "10.199.30.10"]).status == 0
            assert {node.name for node in lab} == {"west", "east", "left", "middle", "right"}
            assert lab.handle.logs_of("west") == f"testbed logs west -n {name} -f {file}"
            with pytest.raises(LabFailed, match="docker compose started it"):
                lab.backend.down(lab.handle)
        until(lambda: not remains(name), "the guest's probes are gone")
    finally:
        docker(*compose, "down", "--timeout=0", **variables)


def test_a_file_read_with_other_addresses_is_refused(name: str, two_hosts: Path) -> None:
    """Attaching with a file that does not describe what runs would judge by wrong addresses."""
    compose = ("compose", "--project-name", name, "--file", str(two_hosts))
    docker(*compose, "up", "--detach", TESTBED_NET="10.198")
    try:
        with pytest.raises(LabFailed, match=r"10\.198\.70\.0/24"):
            Lab.attach(name, two_hosts, environment={"TESTBED_NET": "10.197"})
    finally:
        docker(*compose, "down", "--timeout=0", TESTBED_NET="10.198")


def test_a_detached_lab_outlives_its_starter_and_can_be_taken_down(name: str, two_hosts: Path) -> None:
    """`up -d`, and `down` from elsewhere."""
    started = Lab.up(two_hosts, name, environment={}, detached=True)
    started.keep()
    with started:
        pass
    assert remains(name)
    lab = Lab.attach(name)
    lab.down()
    lab.down()
    assert remains(name) == []


def test_a_failed_undo_does_not_keep_the_lab_up(name: str, two_hosts: Path) -> None:
    """Everything is removed, and then the failure is told."""

    def cannot() -> None:
        raise OSError("a disk is full")

    lab = Lab.up(two_hosts, name, environment={})
    lab.undo.push("a file outside the lab", cannot)
    with pytest.raises(LabFailed, match="a disk is full"):
        lab.down()
    assert remains(name) == []


def test_a_node_that_was_killed_does_not_hinder_down(name: str, two_hosts: Path) -> None:
    """What was changed on it went with it."""
    with Lab.up(two_hosts, name, environment={}) as lab:
        lab.cable("left", "lan").cut()
        lab.kill("left")
        until(lambda: not lab.state("left").running, "left has ended")
    assert remains(name) == []


def test_nothing_of_us_is_in_the_nodes(lab: Lab) -> None:
    """The container of a host holds its own program and init, and no capability."""
    status = lab.exec("client", ["cat", "/proc/1/status"]).stdout.decode()
    assert "CapEff:\t0000000000000000" in status
    programs = docker("top", lab.handle.containers["client"], "-o", "pid,args").splitlines()[1:]
    assert len(programs) == 2, programs


def test_the_users_file_runs_as_it_is_but_for_labels(lab: Lab) -> None:
    """What Compose made of the file alone, and with our labels over it, differs in labels only."""
    container = docker("inspect", "--format={{json .Config.Labels}}", lab.handle.containers["client"])
    assert '"testbed.role":"node"' in container
    folder = docker(
        "inspect",
        '--format={{index .Config.Labels "com.docker.compose.project.working_dir"}}',
        lab.handle.containers["client"],
    ).strip()
    assert lab.topology.source is not None
    assert Path(folder) == lab.topology.source.path.parent


def carrier(lab: Lab, node: str) -> bytes:
    """Whether a node with one interface sees a carrier: b"1" or b"0"."""
    (interface,) = (row["name"] for row in lab[node].interfaces() if row["network"] != "lo")
    return lab[node].run(["cat", f"/sys/class/net/{interface}/carrier"], check=True).stdout.strip()
