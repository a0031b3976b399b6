"""A ladder of any capture file, whoever made it."""

from __future__ import annotations

from testbed import packets
from testbed.pcapng import Capture, InterfaceBlock, Record
from testbed.report import ladder_text
from testbed.report.build import ladder_of
from testbed.report.from_capture import evidence_of
from tests import frames_builder as build
from tests.report.story import MACS, Story


def told(capture: Capture) -> list[str]:
    """Each arrow as `a>b: head`."""
    ladder = ladder_of(evidence_of(capture))
    names = [line.node for line in ladder.lines]
    return [
        f"{names[arrow.source]}>{'+'.join(names[at] for at in arrow.targets)}: {arrow.words.head}"
        for arrow in ladder.arrows
    ]


def own_capture(story: Story) -> Capture:
    """What our own store writes of a story."""
    places = list(MACS)
    interfaces = tuple(InterfaceBlock(place, f"eth0 {MACS[place]}") for place in places)
    records = [
        Record(places.index(f.vantage), f.time_ns, f.data, len(f.data), None, f.direction)
        for f in story.frames
    ]
    return Capture(interfaces, records)


def test_own_capture(story: Story) -> None:
    """Our own capture gives the arrows of the recording itself, and the same frame numbers."""
    recorded = ladder_of(story.evidence()).arrows
    drawn = ladder_of(evidence_of(own_capture(story))).arrows
    assert [arrow.words for arrow in drawn] == [arrow.words for arrow in recorded]
    assert [arrow.number for arrow in drawn] == [arrow.number for arrow in recorded]
    assert [arrow.lost is not None for arrow in drawn] == [arrow.lost is not None for arrow in recorded]


def test_foreign_capture(story: Story) -> None:
    """Of one taken at one place, each sender is a node, and broadcasts go to everyone."""
    frames = [frame for frame in story.frames if frame.vantage == "client:lan-a"][:3]
    records = [Record(0, frame.time_ns, frame.data, len(frame.data)) for frame in frames]
    capture = Capture((InterfaceBlock("eth0"),), records)
    mac = MACS["router:lan-a"]
    assert told(capture) == [
        "172.16.10.10>everyone: who has 172.16.10.1?",
        f"172.16.10.1>172.16.10.10: 172.16.10.1 is at {mac}",
        "172.16.10.10>172.16.10.1: SYN",
    ]


def test_nothing_is_lost_in_a_foreign_capture(story: Story) -> None:
    """Where nobody watched the other end, nothing is said of what got there."""
    frames = [frame for frame in story.frames if frame.vantage == "client:lan-a"]
    records = [Record(0, frame.time_ns, frame.data, len(frame.data)) for frame in frames]
    ladder = ladder_of(evidence_of(Capture((InterfaceBlock("eth0"),), records)))
    assert not any(arrow.lost for arrow in ladder.arrows)


def test_capture_without_ethernet() -> None:
    """Where there is no Ethernet, IP addresses are the nodes."""
    record = Record(0, 5, build.ipv4(build.tcp()), 40)
    assert told(Capture((InterfaceBlock("tun0", linktype=packets.RAW),), [record])) == [
        "172.16.10.10>172.16.20.10: SYN"
    ]


def test_empty_capture() -> None:
    """A capture without frames is drawn as nothing, aloud."""
    drawn = ladder_text.render(ladder_of(evidence_of(Capture((), []))))
    assert drawn == "nothing was recorded that could be drawn\n"
