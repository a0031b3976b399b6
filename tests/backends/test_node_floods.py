"""Many frames at once, and what lets only a few from each sender pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.faults import Match
from testbed.lab import Lab
from testbed.probe import frames

pytestmark = pytest.mark.docker

PORT = 9764


@pytest.fixture(autouse=True)
def undone(lab: Lab) -> Iterator[None]:
    """Each test leaves the lab as it found it."""
    yield
    lab.undo.unwind()


def datagrams(lab: Lab, senders: int, each: int) -> list[bytes]:
    """UDP from invented hosts of the client's LAN to the neighbour."""
    macs = lab.client.mac_on("lan-a"), lab.neighbour.mac_on("lan-a")
    target = str(lab.neighbour.address_on("lan-a"))
    near = target.rpartition(".")[0]
    made = []
    for number in range(senders * each):
        source = f"{near}.{200 + number % senders}"
        packet = frames.udp((source, 1024 + number), (target, PORT), b"x")
        made.append(frames.ethernet(*macs, 0x0800, frames.ipv4(source, target, 17, packet)))
    return made


def test_many_frames_are_sent_in_one_request_and_no_faster_than_asked(lab: Lab) -> None:
    """Twenty at a hundred a second take a fifth of one, and all of them arrive."""
    with lab.neighbour.drop(Match(protocol="udp", destination_port=PORT)) as all_of_them:
        begin = lab.client.now_ns()
        assert lab.client.send_frames("lan-a", datagrams(lab, 1, 20), rate=100) == 20
        assert (lab.client.now_ns() - begin) / 1e9 >= 0.18
        all_of_them.await_hits(20)


def test_each_sender_is_limited_by_itself(lab: Lab) -> None:
    """Three senders of eight packets each: two of each pass, whoever else is sending."""
    each = Match(protocol="udp", destination_port=PORT)
    with lab.neighbour.limit_each(each, "1/minute", 2, where="input") as limit:
        lab.client.send_frames("lan-a", datagrams(lab, 3, 8), rate=1000)
        limit.await_hits(3 * 6)
        assert (limit.matched(), limit.hits()) == (24, 18)
