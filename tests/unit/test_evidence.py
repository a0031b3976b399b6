"""The questions that a recording answers."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from testbed.evidence import Frame, NothingSeen, macs_of, tcp_of, ttl_of
from tests import frames_builder as build
from tests.unit.story import CLIENT_MAC, MS, ROUTER_MAC, evidence, segment


def numbers(frames: object) -> list[int]:
    """Give the numbers of some frames."""
    return [frame.number for frame in frames]  # type: ignore[attr-defined]


def test_frames_are_asked_in_the_words_of_the_field() -> None:
    """Each question narrows what is left, and keeps the order of time."""
    here = evidence().at("client:lan-a")
    assert numbers(here.arp.requests(IPv4Address("172.16.10.1"))) == [2]
    assert numbers(here.arp.replies()) == [3]
    assert here.arp.requests().targets == {IPv4Address("172.16.10.1")}
    assert numbers(here.tcp.syns) == [4]
    assert numbers(here.tcp.syn_acks) == [5]
    assert numbers(here.tcp.pure_acks) == [6]
    assert numbers(here.tcp.with_data) == [7, 8, 9]
    assert numbers(here.tcp.received) == [5, 10]
    assert numbers(here.from_mac(ROUTER_MAC).tcp) == [5, 10]
    assert numbers(here.tcp.after(here.tcp.syns.first).before(8 * MS)) == [5, 6, 7, 8]
    assert macs_of(here.tcp.first) == (CLIENT_MAC, ROUTER_MAC)


def test_markers_are_kept_apart() -> None:
    """They are the recorder's own, never the lab's traffic, but prove that the place was watched."""
    here = evidence().at("client:lan-a")
    assert numbers(here.markers) == [1, 11]
    assert 1 not in numbers(here)
    assert [c.number for c in here.tcp.fins.markers_cited] == [1, 11]


def test_the_first_of_nothing_says_what_was_looked_for() -> None:
    """A check that looks for what is not there is told in words, not by an index."""
    with pytest.raises(NothingSeen, match="nothing seen: FIN TCP at client:lan-a"):
        _ = evidence().at("client:lan-a").tcp.fins.first
    with pytest.raises(NothingSeen, match="number 4: there are 3"):
        _ = evidence().at("client:lan-a").tcp.with_data[3]


def test_an_unknown_place_is_a_mistake_of_the_check() -> None:
    """A vantage point that was not recorded is named, with those that were."""
    with pytest.raises(KeyError, match="client:lan-a"):
        evidence().at("client:lan-b")


def test_payload_counts_what_was_sent_twice_once() -> None:
    """Repeated and overlapping segments make one stream."""
    seen = evidence()
    segments = seen.at("client:lan-a").tcp.of(seen.connection("client"))
    assert segments.from_end(seen.connection("client").client).payload == b"hello"


def test_payload_is_whole_where_sequence_numbers_wrap() -> None:
    """A stream may pass 2**32 in its middle."""
    data = build.PSH | build.ACK
    wrapped = evidence().edited(
        frames=(segment(1, 1, data, 2**32 - 2, 1, b"ab"), segment(2, 2, data, 0, 1, b"cd"))
    )
    assert wrapped.at("client:lan-a").tcp.payload == b"abcd"


def test_a_hole_in_a_stream_is_not_papered_over() -> None:
    """Bytes that were never seen are not left out in silence."""
    data = build.PSH | build.ACK
    holed = evidence().edited(frames=(segment(1, 1, data, 100, 1, b"ab"), segment(2, 2, data, 105, 1, b"cd")))
    with pytest.raises(NothingSeen, match="3 bytes of TCP at client:lan-a, from byte 2 on"):
        _ = holed.at("client:lan-a").tcp.payload


def test_a_segment_is_known_again_in_all_its_copies() -> None:
    """The first that was repeated, whatever came between; what was sent once is no copy."""
    data = build.PSH | build.ACK
    said = ((1, 100, b"ab"), (2, 102, b"cd"), (3, 104, b"ef"), (4, 102, b"cd"), (5, 102, b"cd"))
    sent = evidence().edited(frames=tuple(segment(n, n, data, at, 1, text) for n, at, text in said))
    segments = sent.at("client:lan-a").tcp
    assert numbers(segments.copies) == [2, 4, 5]
    assert [frame.number for frame in segments.sent_twice] == [2, 4]
    with pytest.raises(NothingSeen, match="a repetition among"):
        _ = segments[:3].copies


def test_where_there_are_two_none_is_the_only_one() -> None:
    """A network that says a thing twice is told so: it is no mistake of the check."""
    segments = evidence().at("client:lan-a").tcp
    assert segments.syns.only is segments.syns[0]
    with pytest.raises(NothingSeen, match="a single one with data TCP at client:lan-a: there are 3"):
        _ = segments.with_data.only


def test_a_step_is_a_part_of_the_recording() -> None:
    """Frames, samples and actions of a step, with the markers; one never reached says so."""
    seen = evidence()
    talk = seen.during("talk")
    assert numbers(talk.at("client:lan-a")) == [4, 5, 6, 7, 8, 9, 10]
    assert len(talk.at("client:lan-a").markers) == 2
    with pytest.raises(NothingSeen, match="step 'silence'"):
        seen.during("silence")


def test_states_are_told_with_how_long_they_were_held() -> None:
    """Each state lasts until the next is seen, the last until the end of the recording."""
    seen = evidence()
    states = seen.tcp_states("client", seen.connection("client"))
    assert states.names == ("SYN-SENT", "ESTABLISHED", "CLOSED")
    assert [held.seconds for held in states.held_all()] == [0.002, 0.004, 0.011]


def test_nodes_are_told_by_what_is_declared_and_what_they_had() -> None:
    """Addresses come from the Compose file, MACs from the running lab, counters as differences."""
    seen = evidence()
    assert (str(seen.client.ip), seen.client.mac) == ("172.16.10.10", CLIENT_MAC)
    assert str(seen.router["lan-a"].ip) == "172.16.10.1"
    assert seen.counter("client", "TcpExtListenDrops") == 3
    with pytest.raises(AttributeError, match="printer"):
        _ = seen.printer


def across_the_router(*, ttl: int = 63, source: str = build.CLIENT) -> tuple[Frame, Frame]:
    """One segment, as the router received it and as it sent it on."""
    inner = build.tcp(b"x", flags=build.ACK)
    before = build.ethernet(build.ipv4(inner, ttl=64, identification=7))
    after = build.ethernet(build.ipv4(inner, ttl=ttl, identification=7, source=source), source=ROUTER_MAC)
    return Frame(1, 1, "router:lan-a", "in", before), Frame(2, 2, "router:lan-b", "out", after)


def test_a_packet_is_known_again_behind_the_router() -> None:
    """MACs and TTL differ on the two sides, and it is the same packet."""
    frames = across_the_router()
    vantages = tuple(
        vantage
        for network in ("lan-a", "lan-b")
        for vantage in [type(evidence().vantages[0])("router", network, "eth0", ROUTER_MAC)]
    )
    seen = evidence().edited(frames=frames, vantages=vantages)
    crossing = seen.crossings("router:lan-a", "router:lan-b")
    ((before, after),) = crossing.pairs
    assert (ttl_of(before), ttl_of(after)) == (64, 63)
    translated = seen.edited(frames=across_the_router(source="172.16.20.1"))
    crossing = translated.crossings("router:lan-a", "router:lan-b")
    assert (len(crossing.pairs), len(crossing.lost), len(crossing.made)) == (0, 1, 1)


def test_an_edited_frame_is_decoded_anew() -> None:
    """A mutant changes bytes, and what is decoded changes with them."""
    frame = segment(1, 1, build.SYN, 100)
    data = bytearray(frame.data)
    data[38:42] = (7).to_bytes(4, "big")
    assert tcp_of(frame).sequence == 100
    assert tcp_of(frame.replaced(data=bytes(data))).sequence == 7


def test_sockets_at_a_moment_are_as_they_were_last_seen() -> None:
    """Each socket once: neither what it was before nor what became of it."""
    sockets = evidence().sockets("client")
    assert [one.state for one in sockets.at(2 * MS)] == []
    assert [one.state for one in sockets.at(5 * MS)] == ["ESTABLISHED"]
    assert [one.state for one in sockets.at(20 * MS)] == ["CLOSED"]
