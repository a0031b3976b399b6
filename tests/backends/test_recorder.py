"""A recording: its slices, what stands beside the frames, and what makes a hole in it."""

from __future__ import annotations

import functools
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import packets
from testbed.errors import ProbeDied
from testbed.faults import Match
from testbed.lab import Lab
from testbed.recorder import Recorder
from testbed.slices import RawSlice
from tests.backends.engine_view import docker

pytestmark = pytest.mark.docker

PORT = 7400
PLACES = {
    "client:lan-a", "neighbour:lan-a", "bystander:lan-a", "router:lan-a", "router:lan-b", "server:lan-b",
}  # fmt: skip


@pytest.fixture
def recorder(lab: Lab) -> Iterator[Recorder]:
    """A recorder of its own, whose slices are plain."""
    made = Recorder(lab)
    yield made
    made.stop()
    lab.undo.unwind()


def payloads(recorded: RawSlice, vantage: str) -> list[bytes]:
    """The application's bytes in the frames that one place saw."""
    found = (packets.decode(frame.data).payload for frame in recorded.frames if frame.vantage == vantage)
    return [data for data in found if data and not data.startswith(b"testbed-mark")]


def test_every_place_shows_every_marker_of_its_lan(lab: Lab, recorder: Recorder) -> None:
    """The positive control: where nothing is seen, these are."""
    recorder.begin()
    recorded = recorder.cut("quiet")
    assert recorded.holes == ()
    lans = {"lan-a": 4, "lan-b": 2}
    for phase in ("begin", "end"):
        seen = [mark.vantage for mark in recorded.marks if mark.mark.phase == phase]
        for place in PLACES:
            assert seen.count(place) == lans[place.partition(":")[2]], (place, phase)
        for node in lab:
            assert seen.count(f"{node.name}:lo") == 1
    assert {vantage.name for vantage in recorded.vantages} == PLACES | {f"{node.name}:lo" for node in lab}
    assert all(recorded.begin_ns <= frame.time_ns <= recorded.end_ns for frame in recorded.frames)


def test_a_slice_holds_what_was_in_it_and_nothing_else(lab: Lab, recorder: Recorder) -> None:
    """What is said before, between and after two slices is in neither; in `before` it is."""
    slices = []
    for number in range(3):
        recorder.begin()
        lab.client.tcp_echo(lab.server, b"inside %d" % number)
        slices.append(recorder.cut(f"slice {number}"))
        lab.client.tcp_echo(lab.server, b"between")
    for number, recorded in enumerate(slices):
        for place in ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b"):
            assert payloads(recorded, place) == [b"inside %d" % number] * 2
        assert payloads(recorded, "neighbour:lan-a") == []
        before = [packets.decode(frame.data).payload for frame in recorded.before]
        assert before.count(b"between") == (8 if number else 0)
        assert list(recorded.frames) == sorted(recorded.frames, key=lambda frame: frame.time_ns)


def test_what_was_done_is_in_the_slice(lab: Lab, recorder: Recorder) -> None:
    """Actions with what they returned or raised, the steps they belong to, the connection they tried."""
    recorder.begin()
    with lab.step("talks"):
        lab.client.tcp_echo(lab.server, b"hello")
    with lab.step("is refused"), pytest.raises(ConnectionRefusedError):
        lab.client.connect(lab.server, PORT)
    recorded = recorder.cut("x")
    done = [(one.step, one.node, one.name, one.error) for one in recorded.actions]
    assert done == [
        ("talks", "client", "connect", None),
        ("talks", "client", "send", None),
        ("talks", "client", "recv_exactly", None),
        ("talks", "client", "close", None),
        ("is refused", "client", "connect", "ECONNREFUSED"),
    ]
    refused = recorded.actions[-1].arguments
    syn = next(
        tcp
        for frame in recorded.frames
        if (tcp := packets.decode(frame.data).tcp) is not None and tcp.destination_port == PORT
    )
    assert refused["local"][1] == syn.source_port
    assert [step.name for step in recorded.steps] == ["talks", "is refused"]


def test_the_kernels_states_are_sampled_while_they_last(lab: Lab, recorder: Recorder) -> None:
    """A half-open socket is seen as such, then as established; the times fit the frames."""
    recorder.begin()
    lost = Match(flags="ACK", payload=False, destination_port=PORT)
    with lab.server.listen(PORT), lab.router.lose(lost, times=2):
        stream = lab.client.connect(lab.server, PORT)
        lab.server.await_tcp_state(stream, "ESTABLISHED", timeout=30)
        stream.close()
    recorded = recorder.cut("x")
    states = [
        (sample.row["state"], sample.time_ns)
        for sample in recorded.samples
        if sample.node == "server" and sample.kind == "tcp" and sample.row["remote_port"] == stream.local.port
    ]
    first = dict(reversed(states))
    assert list(dict.fromkeys(state for state, _ in states))[:2] == ["SYN-RECV", "ESTABLISHED"]
    assert first["ESTABLISHED"] - first["SYN-RECV"] > 500_000_000  # until the SYN-ACK was repeated
    acks = [
        frame.time_ns
        for frame in recorded.frames
        if frame.vantage == "server:lan-b"
        and (tcp := packets.decode(frame.data).tcp) is not None
        and tcp.destination_port == PORT
        and tcp.flag_names == "ACK"
    ]
    assert first["SYN-RECV"] < acks[0] < first["ESTABLISHED"]


def test_neighbours_are_sampled_as_they_change(lab: Lab, recorder: Recorder) -> None:
    """Asking, learning: the kernel's announcements, by interface and address."""
    recorder.begin()
    lab.client.forget_neighbours()
    lab.client.tcp_echo(lab.server, b"x")
    recorded = recorder.cut("x")
    gateway = str(lab.router.address_on("lan-a"))
    rows = [
        sample.row
        for sample in recorded.samples
        if (sample.node, sample.kind) == ("client", "neighbour") and sample.row["address"] == gateway
    ]
    learned = next(row for row in rows if row["state"] == "REACHABLE")
    assert learned["mac"] == lab.router.mac_on("lan-a")
    assert learned["interface"] == lab.client.interface_on("lan-a")
    end = recorded.facts["client"].end
    assert any(row["address"] == gateway for row in end["neighbours"])
    assert any(route["gateway"] == gateway for route in end["routes"])
    begin = recorded.facts["client"].begin["counters"]
    assert end["counters"]["TcpActiveOpens"] - begin["TcpActiveOpens"] == 1
    assert end["settings"]["net.ipv4.ip_forward"] == "0"
    wait = f"net.ipv4.neigh.{lab.client.interface_on('lan-a')}.retrans_time_ms"
    assert end["settings"][wait] == lab.client.sysctl(wait)


def test_an_interface_that_is_down_is_a_hole(lab: Lab, recorder: Recorder) -> None:
    """Where no marker can be shown the recording says so, and does not wait for it."""
    interface = lab.bystander.interface_on("lan-a")
    recorder.begin()
    try:
        lab.bystander.run(["ip", "link", "set", interface, "down"], check=True)
        recorded = recorder.cut("x")
    finally:
        lab.bystander.run(["ip", "link", "set", interface, "up"], check=True)
        gateway = lab.router.address_on("lan-a")
        lab.bystander.run(["ip", "route", "replace", "default", "via", str(gateway)], check=True)
    (hole,) = recorded.holes
    assert hole.vantage == "bystander:lan-a"
    assert "Network is down" in hole.reason
    links = [one.row for one in recorded.samples if (one.node, one.kind) == ("bystander", "link")]
    assert any(row["name"] == interface and not row["up"] for row in links)


def test_dropped_frames_are_a_hole(lab: Lab, recorder: Recorder) -> None:
    """What the kernel could not keep for us is never passed over in silence."""
    recorder.begin()
    lab.neighbour.call("capture.stop")
    lab.neighbour.call("capture.start", receive_buffer=4096)
    lab.client.send_frame("lan-a", b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb6" + b"x" * 1000, count=5000)
    recorded = recorder.cut("x")
    assert recorded.dropped["neighbour"] > 0
    assert any(
        hole.vantage == "neighbour" and f"dropped {recorded.dropped['neighbour']} frames" in hole.reason
        for hole in recorded.holes
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_is_a_hole_and_what_came_before_is_kept(
    lab: Lab, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The recording ends where the room ended, says what to do, and leaves nothing on the disk."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)]
    if (ran := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"cannot mount: {ran.stderr.strip()}")
    request.addfinalizer(functools.partial(subprocess.run, ["umount", "--lazy", str(tmp_path)], check=True))
    recorder = Recorder(lab, spool=tmp_path, memory=50_000)
    recorder.begin()
    kept = threading.Event()  # a node hands its frames over in its own time
    recorder.subscribe(
        lambda one: kept.set() if one.vantage == "server:lan-b" and one.data.endswith(b"early") else None
    )
    lab.client.tcp_echo(lab.server, b"early")
    assert kept.wait(10)
    frame = b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb6" + b"x" * 1400
    for _ in range(20):
        lab.client.send_frame("lan-a", frame, count=50)
    recorded = recorder.cut("x")
    recorder.stop()
    assert recorded.failure is not None
    assert "No space left" in recorded.failure.seen
    assert any("No space left" in hole.reason for hole in recorded.holes)
    assert b"early" in payloads(recorded, "server:lan-b")
    assert list(tmp_path.iterdir()) == []


def test_a_probe_that_dies_is_a_hole_and_the_next_slice_is_whole(two_hosts: Path) -> None:
    """What the others saw is kept; the node is named; a new probe takes over."""
    with Lab.up(two_hosts, f"test-{secrets.token_hex(4)}", environment={}) as lab:
        recorder = Recorder(lab)
        recorder.begin()
        with lab.right.listen(PORT) as listener, lab.left.connect(lab.right, PORT), listener.accept():
            pass
        filters = (f"label=testbed.lab={lab.name}", "label=testbed.node=right", "label=testbed.role=probe")
        probe = docker("ps", "--quiet", *(f"--filter={one}" for one in filters)).split()
        docker("kill", *probe)
        with pytest.raises(ProbeDied, match="right"):
            lab.right.run(["sleep", "5"])
        recorded = recorder.cut("x")
        assert {hole.vantage for hole in recorded.holes} == {"right"}
        assert any(frame.vantage == "left:lan" for frame in recorded.frames)
        recorder.begin()
        assert recorder.cut("y").holes == ()
        recorder.stop()


def test_the_labs_recorder_makes_evidence(lab: Lab) -> None:
    """`lab.record` is all that a scenario's runner needs, again and again, on one recorder."""
    for word in (b"first", b"second"):
        with lab.record("my.scenario") as recording:
            lab.client.tcp_echo(lab.server, word)
        evidence = recording.evidence
        assert evidence is not None
        assert evidence.scenario == "my.scenario"
        assert evidence.gaps == ()
        said = [frame.packet.payload for frame in evidence.frames if frame.vantage == "server:lan-b"]
        assert said.count(word) == 2
        assert evidence.connection("client").server.port == 8888
