"""A ladder shows who sent what to whom, through the router, and what became of it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from testbed.evidence import Citation, Evidence, FaultRecord
from testbed.report import ladder_svg
from testbed.report.build import citers, ladder_of
from testbed.report.ladder import Arrow, Heading, Ladder, Note, seconds
from tests import frames_builder as build
from tests.frames_builder import ACK, RST, SYN
from tests.report.story import EVERYONE, Story, bulk, citing, ladder

SVG = "{http://www.w3.org/2000/svg}"


def told(drawn: Ladder) -> list[str]:
    """Each arrow as `client>router lan-a: SYN`."""
    names = [line.node for line in drawn.lines]
    return [
        f"{names[arrow.source]}>{'+'.join(names[at] for at in arrow.targets)} "
        f"{arrow.network}: {arrow.words.head}"
        for arrow in drawn.arrows
    ]


def test_hops() -> None:
    """A packet is one arrow for each network that it passes."""
    story = Story()
    story.segment(SYN, seq=1)
    drawn = ladder(story)
    assert told(drawn) == ["client>router lan-a: SYN", "router>server lan-b: SYN"]
    assert len({arrow.journey for arrow in drawn.arrows}) == 1


def test_copies() -> None:
    """An arrow holds every copy of its frame and leads with the senders."""
    story = Story()
    copies = story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    (arrow,) = ladder(story).arrows
    assert arrow.frames == tuple(copies)
    assert (arrow.number, arrow.time_ns, arrow.end_ns) == (1, 1_010_000, 1_040_000)


@pytest.mark.parametrize("cited", [False, True])
def test_an_interface_that_came_up_meanwhile(cited: bool) -> None:
    """It has no line of its own: what it sent is drawn only where a check cites it, from outside."""
    story = Story()
    story.segment(SYN, seq=1)
    frame = story.frame("client:vx0", "out", story.frames[0].data)
    drawn = ladder(story, citing(frame.citation) if cited else None)
    assert "vx0" not in " ".join(line.vantage for line in drawn.lines)
    assert len(drawn.arrows) == (3 if cited else 2)


def test_order_of_lines() -> None:
    """The router has a line on each side and the nodes stand in the order of the way."""
    story = Story()
    story.handshake()
    assert [line.vantage for line in ladder(story).lines] == [
        "client:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    ]


def test_first_line() -> None:
    """The way begins with who spoke first."""
    story = Story()
    story.act("client", "listen")
    story.segment(SYN, home=True, seq=1)
    assert [line.node for line in ladder(story).lines] == ["server", "router", "router", "client"]


def test_broadcast() -> None:
    """A broadcast reaches all that took part and no bystander is drawn for it."""
    story = Story()
    story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    story.arp(2, "router:lan-a", "client:lan-a", at=("client:lan-a",))
    assert told(ladder(story))[0] == "client>router lan-a: who has 172.16.10.1?"


def test_cited_bystander() -> None:
    """Who saw a cited frame takes part."""
    story = Story()
    copies = story.arp(1, "client:lan-a", "neighbour:lan-a", at=EVERYONE)
    story.arp(2, "neighbour:lan-a", "client:lan-a", at=("client:lan-a",))
    seen_by_bystander = next(copy for copy in copies if copy.vantage == "bystander:lan-a")
    drawn = ladder(story, citing(seen_by_bystander.citation))
    assert [line.node for line in drawn.lines] == ["client", "neighbour", "bystander"]
    assert told(drawn)[0] == "client>neighbour+bystander lan-a: who has 172.16.10.11?"
    assert drawn.arrows[0].cited_by == ("three_segments",)


def test_equal_frames() -> None:
    """Equal frames are told apart by time."""
    story = Story()
    first = story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    second = story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    assert [arrow.frames for arrow in ladder(story).arrows] == [tuple(first), tuple(second)]


def test_equal_frames_one_lost() -> None:
    """A copy that is missing is the one that was lost."""
    story = Story()
    lost = story.segment(SYN, seq=1, hops=1, arrives=False, identification=0)
    again = story.segment(SYN, seq=1, identification=0)
    drawn = ladder(story)
    assert [arrow.frames for arrow in drawn.arrows] == [tuple(lost), tuple(again[:2]), tuple(again[2:])]
    assert [arrow.lost is not None for arrow in drawn.arrows] == [True, False, False]


def test_lost_on_the_wire() -> None:
    """Lost on the wire is drawn on its way."""
    story = Story()
    story.handshake()
    story.segment(ACK, seq=1001, ack=9001, data=b"x", hops=1, arrives=False)
    arrow = ladder(story).arrows[-1]
    assert arrow.lost is not None
    assert (arrow.targets, arrow.lost.line, arrow.lost.arrived) == ((), 1, False)
    assert arrow.lost.why == "on the wire"


def test_lost_in_the_router() -> None:
    """What reaches the router and never leaves is lost there by the fault that was in force."""
    story = Story()
    story.handshake()
    begin = story.now
    story.segment(SYN | ACK, home=True, seq=9000, ack=1001, hops=1)
    story.faults.append(FaultRecord("router", "lose SYN,ACK to client, once", 1, begin, story.now))
    drawn = ladder(story)
    arrow = drawn.arrows[-1]
    assert arrow.lost is not None
    assert (arrow.lost.line, arrow.lost.arrived) == (2, True)
    assert arrow.lost.why == "SYN,ACK to client, once"
    (note,) = [row for row in drawn.rows if isinstance(row, Note) and row.kind == "fault"]
    assert note.text == "fault: lose SYN,ACK to client, once (struck 1 time)"


def test_lost_in_the_host() -> None:
    """What a fault takes in the receiving host is known by being sent again."""
    story = Story()
    story.handshake()
    begin = story.now
    story.segment(ACK, seq=1001, ack=9001, data=b"lost")
    story.segment(ACK, seq=1001, ack=9001, data=b"lost")
    story.faults.append(FaultRecord("server", "lose the first segment with data", 1, begin, story.now))
    first, second = [arrow for arrow in ladder(story).arrows if arrow.network == "lan-b"][-2:]
    assert first.lost is not None
    assert first.lost.arrived
    assert second.lost is None
    assert second.words.head == "ACK again"


def test_nothing_lost() -> None:
    """Nothing is lost in a clean conversation."""
    story = Story()
    story.handshake()
    story.talk(b"hello")
    story.close(1006, 9001)
    assert not any(arrow.lost for arrow in ladder(story).arrows)


def test_relative_numbers() -> None:
    """Numbers count from the first of each connection with the raw ones beside."""
    story = Story()
    story.handshake(x=2**32 - 2, y=5)
    story.segment(ACK, seq=2**32 - 1, ack=6, data=b"wraps")
    arrow = ladder(story).arrows[-1]
    assert (arrow.words.detail, arrow.words.data) == ("seq=1:6 ack=1", "5 bytes “wraps”")
    assert arrow.words.raw == f"raw {2**32 - 1}, 6"


def test_port_used_again() -> None:
    """A port used again counts from its new first number."""
    story = Story()
    story.handshake(x=10, y=20)
    story.handshake(x=7000, y=8000)
    assert [arrow.words.detail for arrow in ladder(story).arrows][-1] == "seq=1 ack=1"


def test_joined_in_the_middle() -> None:
    """A connection joined in the middle counts from one."""
    story = Story()
    story.segment(ACK, seq=500, ack=900, data=b"ab")
    assert ladder(story).arrows[0].words.detail == "seq=1:3 ack=1"


def test_broadcast_both_ways() -> None:
    """A broadcast is drawn to all that it reached, also where its head does not point."""
    story = Story()
    story.segment(SYN, seq=1)
    story.arp(1, "neighbour:lan-a", "router:lan-a", at=("client:lan-a", "router:lan-a"))
    drawn = ElementTree.fromstring(ladder_svg.render(ladder(story)).encode())
    (row,) = [row for row in drawn.iter(f"{SVG}g") if "p-arp" in row.get("class", "")]
    assert len(row.findall(f"{SVG}line")) == 2


def test_steps() -> None:
    """Steps head what happened in them."""
    story = Story()
    story.step("first")
    story.segment(SYN, seq=1)
    story.step("second")
    story.segment(RST, home=True, seq=0)
    kinds = [row.text if isinstance(row, Heading) else type(row).__name__ for row in ladder(story).rows]
    assert kinds == ["first", "Arrow", "Arrow", "second", "Arrow", "Arrow"]


def test_housekeeping() -> None:
    """What a lan does by itself is left out and said."""
    story = Story()
    report = build.icmpv6(143, ends=("fe80::1", "ff02::16"))
    packet = build.ipv6(report, build.ICMPV6, source="fe80::1", destination="ff02::16")
    data = build.ethernet(packet, build.IPV6, source="02:00:00:00:00:99", destination="33:33:00:00:00:16")
    copy = story.frame("client:lan-a", "in", data)
    story.segment(SYN, seq=1)
    assert ladder(story).omitted == ("1 IPv6 multicast listener messages",)
    drawn = ladder(story, citing(copy.citation))
    assert drawn.omitted == ()
    assert told(drawn)[0].startswith("others>client")


def test_polls_of_known_neighbours() -> None:
    """What kernels ask to prove their tables is left out, and who is asked gets no line for it."""
    story = Story()
    story.arp(1, "neighbour:lan-a", "client:lan-a", at=("client:lan-a",), alone=True)
    story.arp(2, "client:lan-a", "neighbour:lan-a", at=("neighbour:lan-a",))
    story.segment(SYN, seq=1)
    drawn = ladder(story)
    assert drawn.omitted == ("2 ARP polls of known neighbours",)
    assert "neighbour" not in {line.node for line in drawn.lines}
    asked = story.arp(1, "neighbour:lan-a", "client:lan-a", at=EVERYONE)
    answered = story.arp(2, "client:lan-a", "neighbour:lan-a", at=("neighbour:lan-a",))
    assert {frame.number for arrow in ladder(story).arrows for frame in arrow.frames} >= {
        frame.number for frame in (*asked, *answered)
    }


def test_copies_at_a_bridge() -> None:
    """What a switch hands to itself is on no network: it is counted, not drawn."""
    story = Story()
    story.segment(SYN, seq=1)
    story.frame("router:bridge0", "in", story.frames[0].data)
    drawn = ladder(story)
    assert len(drawn.arrows) == 2
    assert drawn.omitted == ("1 copies at router:bridge0",)


def test_deterministic() -> None:
    """The same recording makes the same ladder."""
    evidence = bulk().evidence()
    assert ladder_of(evidence) == ladder_of(evidence)


def test_empty() -> None:
    """An empty recording makes an empty ladder."""
    empty = Story().evidence()
    assert isinstance(empty, Evidence)
    assert ladder_of(empty).rows == ()


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(0, "0.000000"), (1_234_567, "0.001234"), (61_000_000_000, "61.000000"), (-1, "-0.000000")],
)
def test_times(time_ns: int, text: str) -> None:
    """Times are told to the microsecond."""
    assert seconds(time_ns) == text


def test_citers() -> None:
    """Who cites what is known by name."""
    verdict = citing(Citation("frame", 3), Citation("sample", 1))
    assert citers(verdict) == {
        Citation("frame", 3): ("three_segments",),
        Citation("sample", 1): ("three_segments",),
    }


def test_far() -> None:
    """Arrows know how far they reach."""
    story = Story()
    story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    story.act("bystander", "sniff")
    drawn = ladder(story)
    arrow = drawn.arrows[0]
    assert isinstance(arrow, Arrow)
    assert drawn.lines[arrow.far].node == "bystander"
