"""A ladder says which packet was lost, and where; and never that one was lost that came through."""

from __future__ import annotations

import pytest

from testbed.evidence import FaultRecord
from testbed.matching import Match, expressions
from testbed.report.build import ladder_of
from testbed.report.rules import Unreadable, conditions, struck
from tests import frames_builder as build
from tests.frames_builder import ACK, FIN, SYN
from tests.report.story import CLIENT, MACS, SERVER, Story

LOSE_SECOND = "numgen inc mod 4294967295 1 counter drop"


def fault(
    story: Story, rule: str, *, node: str = "server", where: str = "ingress", hits: int = 1
) -> FaultRecord:
    """A fault that is in force from the beginning to now."""
    placed = FaultRecord(node, "lose something", hits, 0, story.now, None, where, rule)
    story.faults.append(placed)
    return placed


def lost(story: Story) -> list[int]:
    """The first frames of the packets that are drawn as lost."""
    return [arrow.frames[0].number for arrow in ladder_of(story.evidence()).arrows if arrow.lost]


def three_segments() -> Story:
    """Three segments with data that reach the server; none is repeated."""
    story = Story()
    story.handshake()
    for at in range(3):
        story.segment(ACK, seq=1001 + at, ack=9001, data=b"x")
    return story


def test_rule_says_which_packet_a_host_lost() -> None:
    """The second segment with data came to the server, and was taken there: the rule says so."""
    story = three_segments()
    fault(story, f"meta l4proto tcp tcp dport 8888 @ih,0,8 >= 0 counter {LOSE_SECOND}")
    (arrow,) = [arrow for arrow in ladder_of(story.evidence()).arrows if arrow.lost]
    assert arrow.words.detail == "seq=2:3 ack=1"
    assert arrow.network == "lan-b"
    assert arrow.lost is not None
    assert (arrow.lost.arrived, arrow.lost.why) == (True, "something")


def test_rule_that_does_not_fit_the_count() -> None:
    """Where the kernel counted other than the rule says, nothing is claimed."""
    story = three_segments()
    fault(story, "meta l4proto tcp tcp dport 8888 counter counter drop", hits=1)
    assert lost(story) == []


def test_of_two_faults_the_right_one_is_named() -> None:
    """When several faults are in force on a router, the one whose rule fits is named."""
    story = Story()
    story.handshake()
    story.segment(FIN | ACK, seq=1001, ack=9001, hops=1)
    fin = "meta l4proto tcp tcp flags & (syn | ack | fin | rst) == (ack | fin) counter counter drop"
    syn = "meta l4proto tcp tcp flags & (syn | ack | fin | rst) == (syn) counter counter drop"
    fault(story, fin, node="router", where="forward")
    story.faults.append(FaultRecord("router", "drop every SYN", 7, 0, story.now, None, "forward", syn))
    (arrow,) = [arrow for arrow in ladder_of(story.evidence()).arrows if arrow.lost]
    assert arrow.lost is not None
    assert arrow.lost.why == "something"


class _Node:
    """As much of a node as makes a rule."""

    addresses = (SERVER,)
    name = "server"


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        (Match(flags="SYN"), [1]),
        (Match(flags="SYN,ACK", source_port=8888), [2]),
        (Match(flags="ACK", destination_port=8888, payload=False), [3]),
        (Match(payload=b"hel"), [4]),
        (Match(payload=True), [4]),
        (Match(source=_Node()), [2]),
        (Match(source="172.16.10.0/24", protocol="tcp"), [1, 3, 4]),
        (Match(protocol="ip"), [1, 2, 3, 4]),
        (Match(protocol="arp", source=CLIENT), [5]),
        (Match(protocol="udp"), []),
        (Match(icmp_type=8), []),
        (Match(), [1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_every_rule_that_faults_are_placed_with_is_read(match: Match, taken: list[int]) -> None:
    """The rules that `lose` and `drop` make are read as the kernel reads them."""
    story = Story()
    frames = [
        story.segment(SYN, seq=1, hops=1)[0],
        story.segment(SYN | ACK, home=True, seq=1, hops=1)[0],
        story.segment(ACK, seq=2, hops=1)[0],
        story.segment(ACK, seq=2, data=b"hello", hops=1)[0],
        story.arp(1, "client:lan-a", "router:lan-a", at=())[0],
    ]
    without, fitting = expressions(match, _Node(), "ingress")  # type: ignore[arg-type]
    rule = "\n".join([*(f"{line} return" for line in without), f"{fitting} counter counter drop"])
    placed = FaultRecord("x", "drop", len(taken), 0, 1, None, "ingress", rule)
    numbers = {frame.number: at for at, frame in enumerate(frames, start=1)}
    assert sorted(numbers[number] for number in struck(placed, frames)) == taken


def test_foreign_rule() -> None:
    """A rule in other words is not guessed at."""
    with pytest.raises(Unreadable):
        conditions("ct state new")
    assert struck(FaultRecord("x", "d", 1, 0, 1, None, "ingress", "ct state new drop"), []) == frozenset()


def test_translated_addresses() -> None:
    """A packet whose source a router translated went on: it is one journey, and not lost."""
    story = Story()
    for source, ends, sport in (
        ("client:lan-a", (CLIENT, SERVER), 40112),
        ("router:lan-b", ("172.16.20.1", SERVER), 61000),
    ):
        packet = build.tcp(b"", source_port=sport, sequence=77, flags=SYN, ends=ends)
        target = "router:lan-a" if source == "client:lan-a" else "server:lan-b"
        story.hop(build.ipv4(packet, source=ends[0], destination=ends[1], identification=9), source, target)
    arrows = ladder_of(story.evidence()).arrows
    assert [arrow.journey for arrow in arrows] == [1, 1]
    assert not any(arrow.lost for arrow in arrows)


def test_cut_by_a_router() -> None:
    """A packet that a router cut in two went on, too."""
    story = Story()
    whole = build.udp(bytes(1000))
    story.hop(build.ipv4(whole, build.UDP, identification=5, flags=0), "client:lan-a", "router:lan-a")
    for offset, piece, more in ((0, whole[:504], 0x2000), (504, whole[504:], 0)):
        packet = build.ipv4(piece, build.UDP, identification=5, flags=more | offset // 8, ttl=63)
        story.hop(packet, "router:lan-b", "server:lan-b")
    arrows = ladder_of(story.evidence()).arrows
    assert len({arrow.journey for arrow in arrows}) == 1
    assert not any(arrow.lost for arrow in arrows)


def test_told_by_icmp() -> None:
    """What a router did not pass on, and said so, is drawn with that reason."""
    story = Story()
    dying = build.ipv4(build.udp(b"x"), build.UDP, ttl=1, identification=3)
    story.hop(dying, "client:lan-a", "router:lan-a")
    error = build.icmp(11, payload=dying[:28])
    back = build.ipv4(error, build.ICMP, source="172.16.10.1", destination=CLIENT)
    story.hop(back, "router:lan-a", "client:lan-a")
    first, second = ladder_of(story.evidence()).arrows
    assert first.lost is not None
    assert first.lost.why == "not passed on: the router says so by ICMP"
    assert second.words.head == "time exceeded"


def test_not_for_this_host() -> None:
    """A host throws away what is addressed to its card and to another's address."""
    story = Story()
    packet = build.ipv4(build.udp(b"x"), build.UDP, destination="172.16.10.12")
    data = build.ethernet(packet, source=MACS["client:lan-a"], destination=MACS["neighbour:lan-a"])
    story.frame("client:lan-a", "out", data)
    story.frame("neighbour:lan-a", "in", data)
    (arrow,) = ladder_of(story.evidence()).arrows
    assert arrow.lost is not None
    assert arrow.lost.why == "not for this host"


def test_address_that_came_on_the_way() -> None:
    """A host that got an address after the recording had begun takes what is sent to it."""
    story = Story()
    own, other = "172.16.10.201", "172.16.10.11"
    for source, target, ends in (
        ("neighbour:lan-a", "client:lan-a", (other, own)),
        ("client:lan-a", "neighbour:lan-a", (own, other)),
    ):
        story.hop(build.ipv4(build.udp(b"x"), build.UDP, source=ends[0], destination=ends[1]), source, target)
    assert lost(story) == []


def test_padding_that_was_cut_off() -> None:
    """A short frame is padded by who sends it; a bridge that filters hands it on without that."""
    story = Story()
    packet = build.ipv4(build.udp(b"x"), build.UDP, destination="172.16.10.11")
    data = build.ethernet(packet, source=MACS["client:lan-a"], destination=MACS["neighbour:lan-a"])
    story.frame("client:lan-a", "out", data.ljust(60, b"\0"))
    story.frame("neighbour:lan-a", "in", data)
    (arrow,) = ladder_of(story.evidence()).arrows
    assert len(arrow.frames) == 2
    assert arrow.lost is None


def test_fragment_that_a_router_cuts_again() -> None:
    """Each fragment is followed to the pieces that it was cut into."""
    story = Story()
    whole = build.udp(bytes(2000))
    for offset, end, more in ((0, 1000, 0x2000), (1000, 2008, 0)):
        piece = build.ipv4(whole[offset:end], build.UDP, identification=5, flags=more | offset // 8)
        story.hop(piece, "client:lan-a", "router:lan-a")
    for offset, end, more in ((0, 800, 0x2000), (800, 1000, 0x2000), (1000, 1800, 0x2000), (1800, 2008, 0)):
        piece = build.ipv4(whole[offset:end], build.UDP, identification=5, flags=more | offset // 8, ttl=63)
        story.hop(piece, "router:lan-b", "server:lan-b")
    arrows = ladder_of(story.evidence()).arrows
    assert [arrow.journey for arrow in arrows] == [1, 2, 1, 1, 2, 2]
    assert not any(arrow.lost for arrow in arrows)
