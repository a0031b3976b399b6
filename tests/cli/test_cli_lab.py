"""The commands that act on a lab that is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.backends.engine_view import wiping_alone
from tests.cli.calling import CTRL_C, ROOT, Key, call, command, completed, environment, on_terminal
from tests.cli.conftest import succeeded


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("testbed exec -n LAB s", "server"),
        ("testbed logs -n LAB client n", "neighbour"),
        ("testbed down LA", "LAB"),
        ("testbed run --attach LA", "LAB"),
    ],
)
def test_labs_and_nodes_are_completed(lab: str, folder: Path, line: str, offered: str) -> None:
    """The shell offers the labs that are up, and the nodes of the one that is named."""
    typed = line.replace("LAB", lab).replace("LA", lab[:-1])
    assert completed(typed, folder) == [offered.replace("LAB", lab)]


def test_ps_names_the_lab_and_its_nodes(lab: str, folder: Path) -> None:
    """A lab that was left up is shown as such, with its nodes and subnets."""
    labs = json.loads(succeeded(call("ps", "--format", "json", cwd=folder)))
    (mine,) = [one for one in labs if one["name"] == lab]
    assert mine["liveness"] == "detached"
    assert mine["nodes"] == dict.fromkeys(("bystander", "client", "neighbour", "router", "server"), "running")
    assert lab in succeeded(call("ps", cwd=folder))


def test_a_second_lab_of_the_name_is_refused(lab: str, folder: Path) -> None:
    """Its name is taken: exit 3, and what to do."""
    again = call("up", "-d", lab, cwd=folder)
    assert again.status == 3
    assert f"testbed down {lab}" in again.stderr


def test_exec_gives_output_and_exit_code(lab: str, folder: Path) -> None:
    """The command runs in the node's own container, and its exit code is ours."""
    assert "uid=1000" in succeeded(call("exec", "-n", lab, "client", "--", "id", cwd=folder))
    assert call("exec", "-n", lab, "client", "--", "sh", "-c", "exit 7", cwd=folder).status == 7


def test_exec_probe_has_the_tools_in_the_nodes_namespace(lab: str, folder: Path) -> None:
    """ip, which no node's image holds, sees the node's own routes."""
    assert call("exec", "-n", lab, "client", "--", "ip", "route", cwd=folder).status != 0
    routes = succeeded(call("exec", "-n", lab, "--probe", "client", "--", "ip", "route", cwd=folder))
    assert "default via" in routes


def test_exec_of_a_command_that_is_not_there(lab: str, folder: Path) -> None:
    """127, as a shell says it, with or without --probe, and no word of the engine's."""
    own = call("exec", "-n", lab, "client", "--", "nosuch", cwd=folder)
    assert (own.status, own.stdout) == (127, "")
    assert "run nosuch in node client: its image testbed/host:1 holds no such command" in own.stderr
    probes = call("exec", "-n", lab, "--probe", "client", "--", "nosuch", cwd=folder)
    assert (probes.status, probes.stdout) == (127, "")
    assert "nosuch: not found" in probes.stderr
    assert "OCI" not in own.stderr + probes.stderr


def test_connect_to_an_image_without_a_shell(folder: Path, own_name: str) -> None:
    """Said in words, with the way that there is."""
    file = str(ROOT / "tests/labs/no-shell/compose.yaml")
    succeeded(call("up", "-d", own_name, "-f", file, cwd=folder))
    refused = call("connect", "--own", "-n", own_name, "here", cwd=folder)
    assert refused.status == 127
    assert "holds no shell" in refused.stderr
    assert "testbed connect here" in refused.stderr


def test_exec_passes_input_on(lab: str, folder: Path) -> None:
    """What is piped in reaches the command."""
    told = call("exec", "-n", lab, "server", "--", "cat", cwd=folder, stdin="中文\n".encode())
    assert told.stdout == "中文\n"


def test_an_unknown_node_is_named_with_those_there_are(lab: str, folder: Path) -> None:
    """A mistyped node is refused with the nearest one."""
    refused = call("exec", "-n", lab, "sever", "--", "id", cwd=folder)
    assert refused.status == 2
    assert "did you mean 'server'?" in refused.stderr


def test_an_unknown_lab_is_refused(folder: Path) -> None:
    """Exit 3, with the labs that there are."""
    refused = call("logs", "-n", "nosuch", cwd=folder)
    assert refused.status == 3
    assert "testbed up" in refused.stderr


def test_down_and_wipe_say_that_there_is_no_such_lab(lab: str, folder: Path) -> None:
    """Taking down what is not there is an error that names what is; to wipe it is none, and says so."""
    refused = call("down", "nosuch", cwd=folder)
    assert refused.status == 3
    assert "take lab 'nosuch' down" in refused.stderr
    assert lab in refused.stderr
    assert "testbed up" not in refused.stderr
    assert "nothing of lab nosuch" in succeeded(call("wipe", "nosuch", cwd=folder))


def test_logs_show_each_nodes_words(lab: str, folder: Path) -> None:
    """The server's first line bears its name."""
    assert "server  server listens on" in succeeded(call("logs", "-n", lab, "server", cwd=folder))


def test_ping_is_a_matrix(lab: str, folder: Path) -> None:
    """Everybody reaches everybody in the default lab, across the router too."""
    told = succeeded(call("ping", "-n", lab, cwd=folder))
    assert "20 of 20 answered" in told
    pings = json.loads(succeeded(call("ping", "-n", lab, "client", "--format", "json", cwd=folder)))
    assert {one["to"] for one in pings} == {"neighbour", "bystander", "router", "server"}
    assert all(one["ms"] > 0 for one in pings)


def test_connect_is_a_shell_with_the_terminal(lab: str, folder: Path) -> None:
    """A shell on a terminal: prompt, tools, the node's namespace, the shell's exit code."""
    keys = [
        Key("server# ", b"ip -color=never -brief address show; tty\n"),
        Key(r"/dev/pts/\d+", b"exit 5\n"),
    ]
    shell = on_terminal("connect", "-n", lab, "server", cwd=folder, keys=keys)
    assert shell.status == 5
    assert ".20.10/24" in shell.stdout


def test_ctrl_c_in_a_shell_is_the_shells(lab: str, folder: Path) -> None:
    """Ctrl-C on the node's terminal ends what runs there, and neither the shell nor testbed."""
    keys = [
        Key("client# ", b"sh -c 'echo begun $((40 + 1)); exec sleep 100'\n"),
        Key("begun 41", CTRL_C),  # said by what is to end: before that, Ctrl-C would be the shell's
        Key("client# ", b"echo still $((40 + 2))\n"),
        Key(r"still 42", b"exit 0\n"),
    ]
    assert on_terminal("connect", "-n", lab, "client", cwd=folder, keys=keys).status == 0


def test_capture_streams_into_a_pipe(lab: str, folder: Path) -> None:
    """Frames come out while they are recorded, named by node and network, and can be decoded."""
    with subprocess.Popen(
        command("capture", "-n", lab, "client", "router:lan-b", "-c", "4", "-w", "-"),
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recording:  # fmt: skip
        assert recording.stderr is not None
        assert recording.stdout is not None
        assert b"recording client:lan-a, router:lan-b" in recording.stderr.readline()
        while recording.poll() is None:
            call("exec", "-n", lab, "--probe", "client", "--", "ping", "-c1", "-W1", "server", cwd=folder)
        data = recording.stdout.read()
    frames = json.loads(call("decode", "-", "--format", "json", cwd=folder, stdin=data).stdout)
    assert len(frames) == 4
    assert {frame["interface"] for frame in frames} <= {"client:lan-a", "router:lan-b"}
    assert all(frame["direction"] for frame in frames)


def test_ctrl_c_ends_a_capture_whole(lab: str, folder: Path) -> None:
    """A capture into a file is ended by Ctrl-C: the file is whole, the exit code 0."""
    path = folder / "ended.pcapng"
    keys = [Key("Ctrl-C ends it", CTRL_C)]
    ended = on_terminal("capture", "-n", lab, "-w", str(path), cwd=folder, keys=keys)
    assert ended.status == 0, ended.stdout
    assert "frames in" in ended.stdout
    assert call("decode", str(path), cwd=folder).status == 0


def test_a_capture_whose_reader_goes_away_ends(lab: str, folder: Path) -> None:
    """Wireshark is closed: the recording ends quietly."""
    with subprocess.Popen(
        command("capture", "-n", lab, "client", "-w", "-"),
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recording:  # fmt: skip
        assert recording.stderr is not None
        assert recording.stdout is not None
        recording.stderr.readline()
        recording.stdout.close()
        while recording.poll() is None:
            call("exec", "-n", lab, "--probe", "client", "--", "ping", "-c1", "-W1", "server", cwd=folder)
        assert b"Traceback" not in recording.stderr.read()
    assert recording.returncode == 0


def test_up_in_the_foreground_shows_output_until_ctrl_c(own_name: str, tmp_path: Path) -> None:
    """`up` without -d follows the nodes' words; Ctrl-C takes the lab down, exit 130, nothing left."""
    ended = on_terminal("up", own_name, cwd=tmp_path, keys=[Key("server listens", CTRL_C)])
    assert ended.status == 130, ended.stdout
    assert own_name not in call("ps", cwd=tmp_path).stdout


def test_what_sigkill_leaves_is_wiped(own_name: str, lab: str, folder: Path) -> None:
    """Killed outright: `ps` says it was left behind, `wipe` removes it, and no lab that is alive."""
    with wiping_alone():
        with subprocess.Popen(
            command("up", own_name), cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
        ) as up:
            assert up.stdout is not None
            try:
                assert any("server listens" in line for line in up.stdout)
            finally:
                os.kill(up.pid, signal.SIGKILL)
        (row,) = [line for line in call("ps", cwd=folder).stdout.splitlines() if line.startswith(own_name)]
        assert "left behind" in row
        assert own_name in succeeded(call("wipe", cwd=folder))
        remaining = call("ps", cwd=folder).stdout
        assert own_name not in remaining
        assert lab in remaining


@pytest.mark.parametrize("form", ["text", "json"])
def test_doctor_examines_this_machine(form: str, folder: Path) -> None:
    """Where labs run, nothing is bad; the scenarios that can run are named."""
    told = succeeded(call("doctor", "--format", form, cwd=folder))
    assert "Docker engine" in told
    assert "arp.via-gateway" in told
