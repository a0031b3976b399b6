"""What every backend promises; one body for all of them."""

from __future__ import annotations

import functools
import itertools
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.backends.base import Backend, Handle, Liveness, Owner, Progress
from testbed.errors import DeadlinePassed, LabNotFound, NodeExited, ProbeDied, UsageError
from testbed.prefixes import with_free_prefix
from tests.backends.engine_view import docker, remains, until

pytestmark = pytest.mark.docker

CARRIER = """
import pathlib
links = [path for path in pathlib.Path('/sys/class/net').iterdir() if path.name != 'lo']
channel.send([(link / 'carrier').read_text().strip() for link in links])
"""
ADDRESSES = """
import subprocess
channel.send(subprocess.run(['ip', '-4', '-o', 'addr'], capture_output=True, text=True).stdout)
"""


def probes_of(handle: Handle) -> list[str]:
    """The containers of a lab's probes."""
    filters = (f"label=testbed.lab={handle.name}", "label=testbed.role=probe")
    return docker("ps", "--all", "--quiet", *(f"--filter={one}" for one in filters)).split()


def test_a_lab_that_is_up_has_all_its_nodes_running(backend: Backend, handle: Handle) -> None:
    """What the file declares is there, and runs."""
    names = {node.name for node in handle.topology.nodes}
    assert set(handle.containers) == names == {"router", "client", "neighbour", "bystander", "server"}
    assert {backend.state(handle, node).status for node in names} == {"running"}


def test_nodes_that_can_tell_are_healthy_when_up_returns(backend: Backend, handle: Handle) -> None:
    """`up` returns when the health checks have passed, not before."""
    assert backend.state(handle, "router").health == "healthy"
    assert backend.state(handle, "server").health == "healthy"


def test_progress_tells_of_networks_and_nodes(backend: Backend, name: str, two_hosts: Path) -> None:
    """Who waits is told what comes and what goes, under the file's names."""
    told: list[Progress] = []
    start = functools.partial(
        backend.up, name=name, run_id=secrets.token_hex(6), owner=Owner.current(), progress=told.append
    )
    handle = with_free_prefix(two_hosts, {}, (), start)
    backend.down(handle, told.append)
    assert Progress("network", "lan", "created") in told
    assert Progress("node", "left", "running") in told
    assert {one.name for one in told if one.state == "removed"} >= {"left", "right", "lan"}


def test_a_gateway_is_python_in_the_nodes_own_network_namespace(backend: Backend, handle: Handle) -> None:
    """The channel ends where the node's addresses are."""
    addresses = backend.open_gateway(handle, "client").remote_exec(ADDRESSES).receive(10)
    assert str(handle.topology.node("client").on("lan-a").address) in addresses


def test_a_node_has_one_gateway_however_often_it_is_asked_for(backend: Backend, handle: Handle) -> None:
    """Threads that ask at once share one probe."""
    found: list[object] = []
    ask = functools.partial(backend.open_gateway, handle, "server")
    threads = [threading.Thread(target=lambda: found.append(ask())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one is found[0] for one in found)


def test_a_command_gives_back_its_bytes_and_exit_code(backend: Backend, handle: Handle) -> None:
    """Nothing of a command's result is lost or mixed."""
    done = backend.exec(handle, "client", ["sh", "-c", "printf 'out\\0'; printf err >&2; exit 3"])
    assert (done.status, done.stdout, done.stderr) == (3, b"out\0", b"err")


def test_a_command_reads_more_input_than_any_pipe_holds(backend: Backend, handle: Handle) -> None:
    """Input and output flow at once: neither waits for the other to be taken."""
    data = bytes(itertools.islice(itertools.cycle(range(256)), 3_000_000))
    assert backend.exec(handle, "client", ["cat"], input=data).stdout == data


def test_a_command_that_the_image_lacks_is_a_usage_error(backend: Backend, handle: Handle) -> None:
    """That the image holds no such command is the caller's mistake, told as such."""
    with pytest.raises(UsageError, match="holds no such command"):
        backend.exec(handle, "client", ["/no/such/command"])


def test_a_command_that_does_not_end_in_time_is_told_of(backend: Backend, handle: Handle) -> None:
    """A time limit holds though the engine cannot end the command."""
    with pytest.raises(DeadlinePassed, match="still runs"):
        backend.exec(handle, "client", ["sleep", "60"], timeout=0.2)


def test_logs_are_what_the_program_wrote(backend: Backend, handle: Handle) -> None:
    """A node's words can be read, all of them or their end."""
    assert b"waiting" in backend.logs(handle, "client")
    assert backend.logs(handle, "client", tail=0) == b""


def test_a_node_that_the_topology_lacks_is_a_usage_error(backend: Backend, handle: Handle) -> None:
    """A wrong name is answered with the names that there are."""
    with pytest.raises(UsageError, match="clientele"):
        backend.open_gateway(handle, "clientele")


def test_a_pulled_cable_takes_the_carrier_and_a_plugged_one_gives_it_back(
    backend: Backend, handle: Handle
) -> None:
    """The node itself notices, both times."""
    gateway = backend.open_gateway(handle, "bystander")
    backend.pull(handle, "bystander", "lan-a")
    assert gateway.remote_exec(CARRIER).receive(10) == ["0"]
    backend.plug(handle, "bystander", "lan-a")
    assert gateway.remote_exec(CARRIER).receive(10) == ["1"]


def test_pulling_one_of_two_cables_leaves_the_other(backend: Backend, handle: Handle) -> None:
    """A router's other leg stays up."""
    gateway = backend.open_gateway(handle, "router")
    backend.pull(handle, "router", "lan-b")
    try:
        assert sorted(gateway.remote_exec(CARRIER).receive(10)) == ["0", "1"]
    finally:
        backend.plug(handle, "router", "lan-b")


def test_a_cable_to_a_network_that_the_node_is_not_on_is_a_usage_error(
    backend: Backend, handle: Handle
) -> None:
    """A cable that does not exist cannot be pulled."""
    with pytest.raises(UsageError, match="lan-b"):
        backend.pull(handle, "client", "lan-b")


def test_a_live_lab_is_listed_with_its_owner(backend: Backend, handle: Handle) -> None:
    """`ps` shows who holds what."""
    (status,) = [status for status in backend.list() if status.name == handle.name]
    assert status.liveness is Liveness.LIVE
    assert not status.leftover
    assert status.owner == str(Owner.current())
    assert set(status.nodes.values()) == {"running"}
    assert set(status.subnets) == {"lan-a", "lan-b"}


def test_a_lab_can_be_attached_to_by_name(backend: Backend, handle: Handle) -> None:
    """The running lab bears all that a second process needs."""
    assert backend.attach(handle.name) == handle


def test_a_lab_that_is_not_there_is_not_found(backend: Backend) -> None:
    """The name asked for is in the message."""
    with pytest.raises(LabNotFound, match="nobody-has-this-name"):
        backend.attach("nobody-has-this-name")


def test_logs_can_be_followed_while_they_grow(backend: Backend, handle: Handle) -> None:
    """What is written after following began arrives."""
    following: Iterator[tuple[str, bytes]] = backend.follow(handle, ["client", "server"], tail=0)
    said = backend.exec(handle, "client", ["sh", "-c", "echo something new > /proc/1/fd/1"])
    assert said.status == 0, said.stderr
    assert next(following) == ("client", b"something new")


def test_a_paused_node_can_go_on(backend: Backend, small: Handle) -> None:
    """Freezing is undone without a trace in the state."""
    backend.pause(small, "left")
    assert backend.state(small, "left").status == "paused"
    backend.unpause(small, "left")
    assert backend.state(small, "left").status == "running"


def test_a_killed_node_says_so_and_the_others_go_on(backend: Backend, small: Handle) -> None:
    """Whatever is asked of it, the answer is how it ended; its neighbour works on."""
    backend.kill(small, "left")
    docker("wait", small.containers["left"])
    state = backend.state(small, "left")
    assert (state.status, state.exit_code, state.running) == ("exited", 137, False)
    for act in (backend.open_gateway, backend.kill, backend.pause):
        with pytest.raises(NodeExited, match="SIGKILL"):
            act(small, "left")
    with pytest.raises(NodeExited, match="SIGKILL"):
        backend.exec(small, "left", ["true"])
    assert backend.exec(small, "right", ["true"]).status == 0


def test_a_node_that_was_removed_does_not_keep_us_from_the_others(backend: Backend, small: Handle) -> None:
    """A broken lab can be attached to and looked at."""
    docker("rm", "--force", small.containers["left"])
    attached = backend.attach(small.name)
    assert backend.state(attached, "left").status == "missing"
    with pytest.raises(NodeExited):
        backend.open_gateway(attached, "left")
    assert backend.open_gateway(attached, "right").remote_exec("channel.send(1)").receive(10) == 1
    backend.release(attached)


def test_a_probe_that_dies_is_told_of_and_the_next_one_works(backend: Backend, small: Handle) -> None:
    """Only that channel ends, and it can be opened anew."""
    gateway = backend.open_gateway(small, "left")
    channel = gateway.remote_exec("channel.receive()")
    docker("kill", *probes_of(small))
    with pytest.raises(EOFError):
        channel.receive(10)
    gateway.join(10)
    assert backend.open_gateway(small, "left").remote_exec("channel.send(2)").receive(10) == 2


def test_a_probe_that_cannot_start_says_why(backend: Backend, small: Handle) -> None:
    """The node ends between our look at it and the start of its probe."""
    backend.kill(small, "right")
    docker("wait", small.containers["right"])
    gone = Handle(small.name, small.project, "other", small.topology, {"right": "0" * 64, "left": "0" * 64})
    with pytest.raises((ProbeDied, NodeExited)):
        backend.open_gateway(gone, "left")


def test_released_probes_are_gone_and_the_lab_is_not(backend: Backend, small: Handle) -> None:
    """Letting go of a lab leaves nothing of ours beside its nodes."""
    backend.open_gateway(small, "left")
    backend.release(small)
    until(lambda: not probes_of(small), "the probe is gone")
    assert backend.state(small, "left").status == "running"


def test_down_removes_everything_and_twice_is_as_good_as_once(
    backend: Backend, name: str, two_hosts: Path
) -> None:
    """Afterwards nothing bears the lab's label."""
    start = functools.partial(backend.up, name=name, run_id=secrets.token_hex(6), owner=Owner.current())
    handle = with_free_prefix(two_hosts, {}, (), start)
    backend.open_gateway(handle, "left")
    assert remains(name)
    backend.down(handle)
    assert remains(name) == []
    backend.down(handle)
    with pytest.raises(LabNotFound):
        backend.attach(name)


def test_versions_name_the_engine_compose_and_kernel(backend: Backend) -> None:
    """A run's record says what it ran on."""
    assert all(backend.versions()[key] for key in ("engine", "compose", "kernel"))
