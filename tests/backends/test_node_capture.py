"""What is recorded of the wire: all of it, once, in order, as it was."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator

import pytest

from testbed import packets
from testbed.lab import Lab
from testbed.probe import frames
from testbed.recorder import Recorder
from testbed.slices import RawFrame
from tests.backends.engine_view import until

pytestmark = pytest.mark.docker

PORT = 7300


@pytest.fixture
def recorder(lab: Lab) -> Iterator[Recorder]:
    """A recorder of its own, whose slices are plain."""
    made = Recorder(lab)
    yield made
    made.stop()
    lab.undo.unwind()


def transfer(lab: Lab, size: int) -> None:
    """Send from client to server, across the router."""
    with (
        lab.server.listen(PORT) as listener,
        lab.client.connect(lab.server, PORT) as ours,
        listener.accept() as theirs,
    ):
        sending = threading.Thread(target=ours.send, args=(b"x" * size,), kwargs={"timeout": 20.0})
        sending.start()
        assert len(theirs.recv_exactly(size, timeout=20.0)) == size
        sending.join()


def test_the_sender_is_never_later_than_the_receiver(lab: Lab, recorder: Recorder) -> None:
    """One clock serves all vantage points of a machine: cause comes before effect, frame by frame."""
    recorder.begin()
    transfer(lab, 2_000_000)
    recorded = recorder.cut("x")
    assert recorded.holes == ()
    hops = [("client:lan-a", "router:lan-a"), ("router:lan-b", "server:lan-b")]
    for near, far in [*hops, *((far, near) for near, far in hops)]:
        sent = {f.data: f.time_ns for f in recorded.frames if f.vantage == near and f.direction == "out"}
        got = [f for f in recorded.frames if f.vantage == far and f.direction == "in" and f.data in sent]
        assert len(got) > 20
        assert all(sent[frame.data] <= frame.time_ns for frame in got)


def test_frames_are_as_they_would_be_on_a_wire(lab: Lab, recorder: Recorder) -> None:
    """No frame exceeds the MTU, and every checksum is right: offloads are off while it is recorded."""
    recorder.begin()
    transfer(lab, 300_000)
    recorded = recorder.cut("x")
    for frame in recorded.frames:
        if frame.vantage.endswith(":lo"):
            continue
        assert frame.original_length == len(frame.data) <= 1514
        packet = packets.decode(frame.data)
        assert packet.malformed is None
        assert packet.tcp is None or packet.tcp.checksum_ok
        assert not frame.checksum_pending


def test_offloads_are_as_before_when_the_recording_ends(lab: Lab) -> None:
    """What is turned off for a recording is turned on after it, and nothing else."""

    def features() -> str:
        return lab.client.run(["ethtool", "-k", lab.client.interface_on("lan-a")], check=True).text

    before = features()
    recorder = Recorder(lab)
    recorder.begin()
    for feature in ("tx-checksumming", "tx-tcp-segmentation", "generic-segmentation-offload"):
        assert f"{feature}: on" in before
        assert f"{feature}: off" in features()
    recorder.stop()
    assert features() == before


def test_a_packet_to_oneself_is_recorded_once(lab: Lab, recorder: Recorder) -> None:
    """Loopback shows each packet, once, and says that its checksum was never filled in."""
    recorder.begin()
    with lab.client.udp(PORT, address="127.0.0.1") as there, lab.client.udp(address="127.0.0.1") as here:
        here.send(b"to myself", "127.0.0.1", PORT)
        there.recv()
    found = [f for f in recorder.cut("x").frames if packets.decode(f.data).payload == b"to myself"]
    assert [frame.vantage for frame in found] == ["client:lo"]
    assert found[0].checksum_pending


def test_direction_is_told_by_the_kernel(lab: Lab, recorder: Recorder) -> None:
    """What a node sends is out, what arrives is in, whatever its addresses say."""
    forged = frames.arp(1, ("02:00:00:00:00:66", "0.0.0.0"), ("00:00:00:00:00:00", "192.0.2.1"))
    recorder.begin()
    lab.client.send_frame("lan-a", frames.ethernet("02:00:00:00:00:66", frames.BROADCAST, 0x0806, forged))
    recorded = recorder.cut("x")
    found = {f.vantage: f.direction for f in recorded.frames if f.data[6:12] == b"\x02\0\0\0\0\x66"}
    assert found == {
        "client:lan-a": "out", "neighbour:lan-a": "in", "bystander:lan-a": "in", "router:lan-a": "in",
    }  # fmt: skip


def test_a_vlan_tag_is_where_it_was(lab: Lab, recorder: Recorder) -> None:
    """The kernel strips a tag off on arrival; the recording puts it back."""
    untagged = frames.ethernet("02:00:00:00:00:55", frames.BROADCAST, 0x88B6, b"tagged")
    tagged = untagged[:12] + struct.pack("!HH", 0x8100, 0x6005) + untagged[12:]
    recorder.begin()
    lab.client.send_frame("lan-a", tagged)
    found = [f for f in recorder.cut("x").frames if f.data[6:12] == b"\x02\0\0\0\0\x55"]
    assert {frame.vantage for frame in found} >= {"neighbour:lan-a", "router:lan-a"}
    assert {(frame.data, frame.original_length) for frame in found} == {(tagged, len(tagged))}


def test_an_interface_that_comes_later_is_recorded_from_its_first_frame(lab: Lab, recorder: Recorder) -> None:
    """A card that a scenario adds is watched like the others."""
    recorder.begin()
    lab.router.run(["ip", "link", "add", "late", "type", "veth", "peer", "name", "later"], check=True)
    try:
        for name in ("late", "later"):
            lab.router.run(["ip", "link", "set", name, "up"], check=True)
        lab.router.run(["ip", "address", "add", "198.51.100.1/24", "dev", "late"], check=True)
        lab.router.run(["ping", "-c", "1", "-W", "0.1", "198.51.100.2"])
        recorded = recorder.cut("x")
    finally:
        lab.router.run(["ip", "link", "delete", "late"], check=True)
    asked = [
        f
        for f in recorded.frames
        if (arp := packets.decode(f.data).arp) and str(arp.target_ip) == "198.51.100.2"
    ]
    assert {(frame.vantage, frame.direction) for frame in asked} == {
        ("router:late", "out"),
        ("router:later", "in"),
    }
    assert recorded.holes == ()


def told(heard: list[RawFrame], text: bytes) -> int:
    """How many of the frames say a text."""
    return sum(packets.decode(frame.data).payload == text for frame in list(heard))


def test_a_live_tap_hears_every_frame(lab: Lab, recorder: Recorder) -> None:
    """Who subscribes gets each frame while it is being recorded, and none after that."""
    heard: list[RawFrame] = []
    recorder.start(keep=False)
    stop = recorder.subscribe(heard.append)
    for _ in range(5):
        lab.client.tcp_echo(lab.server, b"live")
    # There and back, at four places.
    until(lambda: told(heard, b"live") >= 5 * 2 * 4, "every frame is heard")
    stop()
    count = len(heard)
    lab.client.tcp_echo(lab.server, b"unheard")
    assert len(heard) == count


def test_a_flood_is_counted_and_what_was_dropped_is_said(lab: Lab) -> None:
    """With a buffer too small the kernel drops: every frame is recorded or counted as dropped."""
    node = lab.neighbour
    received: list[int] = []

    def count(name: str, value: bytes) -> None:
        if name == "frames":
            received.append(value.count(b"\x02\0\0\0\0\x44\x88\xb6"))

    node.call("capture.start", receive_buffer=4096)
    with node.events(count):
        flood = frames.ethernet("02:00:00:00:00:44", frames.BROADCAST, 0x88B6, b"x" * 1000)
        lab.client.send_frame("lan-a", flood, count=5000)
        statistics = node.call("capture.stop")
        node.call("agent.ping")
    assert statistics["dropped"] > 0
    assert sum(received) + statistics["dropped"] >= 5000
    assert sum(received) <= statistics["received"]
