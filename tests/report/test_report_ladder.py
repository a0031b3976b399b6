"""A ladder shows who sent what to whom, through the router, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.evidence import Citation, Evidence, FaultRecord, NeighbourSample
from testbed.packets import dns
from testbed.report.bands import bands
from testbed.report.build import citers, ladder_of
from testbed.report.folding import focused, folded
from testbed.report.ladder import Arrow, Fold, Heading, Ladder, Note, pauses, seconds
from tests import frames_builder as build
from tests.frames_builder import ACK, FIN, RST, SYN
from tests.report.story import MACS, Story
from tests.unit.test_packets_dhcp import OFFER
from tests.unit.test_packets_dns import QUERY, answer

EVERYONE = ("neighbour:lan-a", "bystander:lan-a", "router:lan-a")


def ladder(story: Story, verdict: Verdict | None = None) -> Ladder:
    """The ladder of a story."""
    return ladder_of(story.evidence(), verdict)


def citing(*citations: Citation, name: str = "three_segments") -> Verdict:
    """A verdict of one check that stands on these."""
    finding = Finding(Status.PASSED, "as it should be", citations)
    return Verdict("tcp.handshake", (CheckVerdict(Check(name, "a title"), finding),))


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


def test_states() -> None:
    """States are notes on the line of their host when they change."""
    story = Story()
    story.handshake()
    story.state("client", "ESTABLISHED")
    drawn = ladder(story)
    states = [(drawn.lines[row.line].node, row.text) for row in drawn.rows if isinstance(row, Note)]
    assert states == [
        ("client", "connect 172.16.20.10:8888"),
        ("client", "SYN-SENT"),
        ("server", "SYN-RECV"),
        ("client", "ESTABLISHED"),
        ("server", "ESTABLISHED"),
    ]


def test_states_of_several() -> None:
    """States of several connections name the port."""
    story = Story()
    for port in (40001, 40002):
        story.segment(SYN, seq=1, port=port)
        story.state("client", "SYN-SENT", port)
    story.state("client", "TIME-WAIT", 40003)  # of a time before this recording
    notes = [row.text for row in ladder(story).rows if isinstance(row, Note) and row.kind == "state"]
    assert notes == ["SYN-SENT :40001", "SYN-SENT :40002"]


def test_failed_action() -> None:
    """An action that fails says how."""
    story = Story()
    story.act("client", "await_tcp_state")
    story.act("client", "connect", error="ECONNREFUSED", remote=["172.16.20.10", 99])
    notes = [row.text for row in ladder(story).rows if isinstance(row, Note)]
    assert notes == ["connect 172.16.20.10:99", "connect: ECONNREFUSED after 0.000 s"]


def test_steps() -> None:
    """Steps head what happened in them."""
    story = Story()
    story.step("first")
    story.segment(SYN, seq=1)
    story.step("second")
    story.segment(RST, home=True, seq=0)
    kinds = [row.text if isinstance(row, Heading) else type(row).__name__ for row in ladder(story).rows]
    assert kinds == ["first", "Arrow", "Arrow", "second", "Arrow", "Arrow"]


def test_neighbour_learned() -> None:
    """A neighbour that is learned is a note."""
    story = Story()
    story.arp(1, "client:lan-a", "router:lan-a", at=EVERYONE)
    story.arp(2, "router:lan-a", "client:lan-a", at=("client:lan-a",))
    address, mac = ip_address("172.16.10.1"), MACS["router:lan-a"]
    samples = tuple(
        NeighbourSample(number, story.now, "client", "eth0", address, mac, state)
        for number, state in enumerate(("REACHABLE", "STALE"), start=1)
    )
    drawn = ladder_of(replace(story.evidence(), neighbour_samples=samples))
    notes = [row.text for row in drawn.rows if isinstance(row, Note)]
    assert notes == [f"172.16.10.1 at {mac} REACHABLE"]


def test_neighbour_that_ages() -> None:
    """A neighbour that was known before and only ages is none."""
    story = Story()
    story.segment(SYN, seq=1)
    address, mac = ip_address("172.16.10.1"), MACS["router:lan-a"]
    samples = (NeighbourSample(1, story.now, "client", "eth0", address, mac, "STALE"),)
    drawn = ladder_of(replace(story.evidence(), neighbour_samples=samples))
    assert not [row for row in drawn.rows if isinstance(row, Note)]


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


def test_copies_at_a_bridge() -> None:
    """What a switch hands to itself is on no network: it is counted, not drawn."""
    story = Story()
    story.segment(SYN, seq=1)
    story.frame("router:bridge0", "in", story.frames[0].data)
    drawn = ladder(story)
    assert len(drawn.arrows) == 2
    assert drawn.omitted == ("1 copies at router:bridge0",)


@pytest.mark.parametrize(
    ("ports", "payload", "label"),
    [
        ((40000, 53), QUERY, "DNS query www.lab.test A"),
        ((53, 40000), answer(dns.A, bytes([172, 16, 20, 10])), "DNS answer www.lab.test is 172.16.20.10"),
        ((53, 40000), answer(dns.CNAME, b"", 0x8183), "DNS answer www.lab.test: no such name"),
        ((53, 40000), answer(dns.CNAME, b"", 0x8182), "DNS answer www.lab.test: error 2"),
        ((53, 40000), answer(dns.CNAME, b""), "DNS answer www.lab.test: no A record"),
        ((53, 40000), b"no DNS", "53 to 40000"),
        ((67, 68), OFFER, "DHCP OFFER 172.16.10.200"),
        ((68, 67), b"no DHCP", "68 to 67"),
    ],
)  # fmt: skip
def test_names_and_leases(ports: tuple[int, int], payload: bytes, label: str) -> None:
    """A datagram of DNS or DHCP says what it asks or answers; one that is none says its ports."""
    story = Story()
    datagram = build.udp(payload, source_port=ports[0], destination_port=ports[1])
    story.hop(build.ipv4(datagram, build.UDP), "client:lan-a", "router:lan-a")
    (arrow,) = ladder(story).arrows
    assert f"{arrow.words.head} {arrow.words.detail}".strip() == label


def bulk(segments: int = 40) -> Story:
    """A long transfer in one direction."""
    story = Story()
    story.handshake()
    for at in range(segments):
        story.segment(ACK, seq=1001 + at * 100, ack=9001, data=b"x" * 100)
    story.segment(FIN | ACK, seq=1001 + segments * 100, ack=9001)
    return story


def test_folded() -> None:
    """A long transfer is folded and says how much."""
    drawn = folded(ladder(bulk()))
    (fold,) = [row for row in drawn.rows if isinstance(row, Fold)]
    assert fold.text == "… 36 more segments, 3600 bytes of data"
    assert len(fold.arrows) + len(drawn.arrows) == len(ladder(bulk()).arrows)


def test_loss_not_folded() -> None:
    """What was lost is not folded away among what was not."""
    story = bulk(20)
    story.segment(ACK, seq=1, ack=9001, data=b"y", hops=1)
    for at in range(20):
        story.segment(ACK, seq=4001 + at * 100, ack=9001, data=b"x" * 100)
    assert [arrow.words.detail for arrow in folded(ladder(story)).arrows if arrow.lost]


def test_many_losses_folded() -> None:
    """Of many that were lost in the same way, two are drawn; how many more there were is said."""
    story = bulk(20)
    for at in range(40):
        story.segment(SYN, seq=at, port=41000 + at, hops=1)
    drawn = folded(ladder(story))
    assert len([arrow for arrow in drawn.arrows if arrow.lost]) == 3
    assert "… 37 more connections, 37 segments, 37 of them lost" in [
        row.text for row in drawn.rows if isinstance(row, Fold)
    ]


def test_many_looks_folded() -> None:
    """A state that was asked for again and again until it came is told a few times, and counted."""
    story = Story()
    story.segment(SYN, seq=1)
    for _ in range(30):
        story.act("client", "run", argv=["bridge", "link"])
    drawn = folded(ladder(story))
    assert len([row for row in drawn.rows if isinstance(row, Note)]) == 3
    assert [row.text for row in drawn.rows if isinstance(row, Fold)] == ["… 27 more notes"]


def test_focused() -> None:
    """A window keeps what is cited."""
    story = bulk(200)
    cited = story.frames[300].citation
    drawn = focused(ladder(story, citing(cited)), most=20)
    assert len(drawn.rows) < 25
    assert any(cited in (frame.citation for frame in arrow.frames) for arrow in drawn.arrows)


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


def test_many_connections() -> None:
    """Of many connections of one step, the first two and the last are drawn; the others are counted."""
    story = Story()
    story.step("many")
    for port in range(40000, 40020):
        story.handshake(port=port)
    drawn = folded(ladder(story))
    (fold,) = [row for row in drawn.rows if isinstance(row, Fold)]
    assert fold.text == "… 17 more connections, 51 segments"
    assert len(drawn.arrows) == 3 * 6


def test_bands() -> None:
    """The states of a socket lie along its host's line, one behind the other, up to its end."""
    story = Story()
    story.handshake()
    story.close(1001, 9001)
    story.state("client", "TIME-WAIT")
    story.state("server", "CLOSED")
    drawn = ladder(story)
    told = [(drawn.lines[band.line].node, band.state, band.last is None) for band in bands(drawn)]
    assert sorted(told) == [
        ("client", "ESTABLISHED", False),
        ("client", "SYN-SENT", False),
        ("client", "TIME-WAIT", True),
        ("server", "ESTABLISHED", False),
        ("server", "SYN-RECV", False),
    ]


def test_bands_end_in_a_fold() -> None:
    """A socket that ends where the ladder is folded ends in the picture, too."""
    story = Story()
    for port in range(40000, 40020):
        story.handshake(port=port)
    for port in range(40000, 40020):
        story.state("client", "CLOSED", port)
        story.state("server", "CLOSED", port)
    drawn = folded(ladder(story))
    assert not [band for band in bands(drawn) if band.last is None]


def test_pauses() -> None:
    """Where nothing happened for a while, a ladder says how long."""
    story = Story()
    story.segment(SYN, seq=1)
    story.wait(250_000)
    story.segment(SYN, seq=1)
    assert [round(pause / 1e9, 2) for pause in pauses(ladder(story).rows)] == [0, 0, 0.25, 0]
