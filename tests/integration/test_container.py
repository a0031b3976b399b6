"""What every node is on its machine: a program without privilege, on files that cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.node import Node
from tests.integration.process import Process

pytestmark = [
    pytest.mark.lab_nodes,
    pytest.mark.usefixtures("record"),  # and records nothing: none of this is on the wire
]

CAP_NET_ADMIN = 1 << 12  # linux/capability.h
LAB_USER, ROOT = 1000, 0
PROGRAMS = {
    "client": "echo_client.py wait",
    "neighbour": "echo_client.py wait",
    "bystander": "echo_client.py wait",
    "server": "echo_server.py",
    "router": "router.sh",
}
MIB = 1 << 20


def test_it_runs_its_program_and_nothing_else(node: Node, processes: list[Process]) -> None:
    """An init, the program that the file names, and for the router what it waits with."""
    init, program, *rest = processes
    assert "init" in init.command
    assert PROGRAMS[node.name] in program.command
    assert [process.command for process in rest] == (["sleep infinity"] if node.name == "router" else [])


def test_its_program_has_no_capability_but_the_routers_one(node: Node, processes: list[Process]) -> None:
    """Whoever takes over a host can do nothing to its network; the router may set addresses, no more."""
    expected = CAP_NET_ADMIN if node.name == "router" else 0
    for process in processes:
        for kind in ("Eff", "Prm", "Bnd"):
            allowed = expected if kind == "Bnd" or process.user == ROOT else 0
            assert process.capabilities(kind) == allowed, (kind, process.command)
        assert process.capabilities("Amb") == 0
        assert process.capabilities("Inh") in (0, expected)


def test_it_cannot_get_more_than_it_has(processes: list[Process]) -> None:
    """No new privileges by any set-user-ID file, and system calls filtered (seccomp mode 2)."""
    for process in processes:
        assert process.status["NoNewPrivs"] == "1", process.command
        assert process.status["Seccomp"] == "2", process.command


def test_its_user_is_nobody_special(node: Node, inside: Any, program: Process) -> None:
    """A host's program is not root; the router's is, with a root's only capability that it needs."""
    expected = ROOT if node.name == "router" else LAB_USER
    assert program.user == expected
    assert inside.user().uid == expected
    if expected == LAB_USER:
        assert inside.user("lab").uid == LAB_USER
        assert inside.user("lab").groups == ["lab"]


def test_its_files_cannot_be_changed(inside: Any) -> None:
    """The root is mounted read-only, and a write is refused for that very reason."""
    assert "ro" in inside.mount_point("/").options
    refused = inside.run("touch /tmp/new /var/tmp/new")  # there, everybody's permissions would allow it
    assert refused.failed
    assert refused.stderr.count("Read-only file system") == 2


def test_its_program_is_a_file_that_its_user_does_not_own(node: Node, inside: Any) -> None:
    """Executable, root's, and writable by nobody else."""
    file = inside.file(f"/usr/local/bin/{PROGRAMS[node.name].split()[0]}")
    assert file.is_file
    assert file.is_executable
    assert file.uid == ROOT
    assert file.mode & 0o022 == 0


def test_it_holds_no_tools_that_it_does_not_need(node: Node, inside: Any) -> None:
    """Whoever looks at the network does so from a probe: a host's image has nothing to do it with."""
    found = inside.run("for tool in ip tcpdump nft ping ethtool curl nc gcc; do command -v $tool; done")
    assert [path.rpartition("/")[2] for path in found.stdout.split()] == (
        ["ip"] if node.name == "router" else []
    )


def test_it_publishes_no_port(inspected: dict[str, Any]) -> None:
    """The lab is not reached from the machine, or through it."""
    assert not inspected["HostConfig"]["PortBindings"]
    assert not inspected["HostConfig"]["PublishAllPorts"]
    assert not any((inspected["NetworkSettings"]["Ports"] or {}).values())


def test_it_shares_nothing_with_the_machine(inspected: dict[str, Any]) -> None:
    """No privilege, no namespace, no device and no folder of the machine's."""
    host = inspected["HostConfig"]
    assert host["Privileged"] is False
    assert host["PidMode"] == host["UTSMode"] == ""
    assert host["IpcMode"] == "private"
    assert not host["NetworkMode"].startswith(("host", "container"))
    assert not host["Devices"]
    assert inspected["Mounts"] == []


def test_it_is_confined_as_the_file_says(node: Node, inspected: dict[str, Any]) -> None:
    """The engine was told all of it, and of the capabilities just these."""
    host = inspected["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    added = [name.removeprefix("CAP_") for name in host["CapAdd"] or []]
    assert added == (["NET_ADMIN"] if node.name == "router" else [])
    assert host["ReadonlyRootfs"] is True
    assert host["Init"] is True
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_it_can_take_the_machine_no_memory_and_no_processes(inspected: dict[str, Any], inside: Any) -> None:
    """The limits of the file, and the kernel's own word for them where it has cgroups of version 2."""
    host = inspected["HostConfig"]
    assert (host["Memory"], host["PidsLimit"]) == (128 * MIB, 256)
    memory, pids = (inside.file(f"/sys/fs/cgroup/{name}.max") for name in ("memory", "pids"))
    if memory.exists:
        assert (memory.content_string.strip(), pids.content_string.strip()) == (str(128 * MIB), "256")


def test_it_is_healthy_where_it_can_tell(node: Node, inspected: dict[str, Any]) -> None:
    """The lab is given out only when the router routes and the server listens."""
    health = inspected["State"].get("Health", {}).get("Status")
    assert health == ("healthy" if node.name in ("router", "server") else None)
    assert inspected["RestartCount"] == 0
