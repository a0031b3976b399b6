"""What stands beside the lines of a ladder, and on its arrows: states, actions, faults, names."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from testbed.evidence import FaultRecord, NeighbourSample
from testbed.packets import dns
from testbed.report.bands import bands
from testbed.report.build import ladder_of
from testbed.report.ladder import Note, pauses
from testbed.report.notes import described
from tests import frames_builder as build
from tests.frames_builder import SYN
from tests.report.story import EVERYONE, MACS, Story, ladder
from tests.unit.test_packets_dhcp import OFFER
from tests.unit.test_packets_dns import QUERY, answer


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


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"argv": ["ip", "link"]}, "run ip link"),
        ({"argv": ["python3", "-u", "-c", '#!/x\n"""It waits."""\n', "80"]}, "run python3 (It waits.) 80"),
        ({"argv": ["x" * 100]}, "run " + 67 * "x" + "…"),
        ({"key": "net.ipv4.ip_forward", "value": 0}, "run net.ipv4.ip_forward=0"),
        ({"network": "lan-a", "data": b"hello"}, "run lan-a “hello”"),
        ({"address": "0.0.0.0", "port": 80}, "run 0.0.0.0:80"),
    ],
)
def test_described(arguments: dict[str, Any], text: str) -> None:
    """An action reads as one would type it; a program that was given as text, by its first line."""
    story = Story()
    assert described(story.act("client", "run", **arguments)) == text


def test_slow_link() -> None:
    """A slow link strikes nothing: nobody is told that it never did."""
    story = Story()
    story.segment(SYN, seq=1)
    story.faults.append(FaultRecord("router", "limit to 500kbit", 0, story.now, story.now))
    (note,) = [row for row in ladder(story).rows if isinstance(row, Note)]
    assert note.text == "fault: limit to 500kbit"


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


def test_pauses() -> None:
    """Where nothing happened for a while, a ladder says how long."""
    story = Story()
    story.segment(SYN, seq=1)
    story.wait(250_000)
    story.segment(SYN, seq=1)
    assert [round(pause / 1e9, 2) for pause in pauses(ladder(story).rows)] == [0, 0, 0.25, 0]
