"""One frame on one network, with every copy that the vantage points there made of it.

A bridge hands a frame on byte for byte, so copies of one frame are equal, but for the padding of a short
one: a bridge that filters has cut it off. Owns that pairing; the one
across routers is journeys.py's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from testbed.evidence import LOOPBACK, Evidence, Frame, Vantage

_SKEW_NS: Final = 1_000_000
"""How much earlier than its sending a copy may bear: the taps of two interfaces are not ordered."""
_SHORTEST: Final = 60
"""Bytes to which a sender may pad a frame (IEEE 802.3 §3.2.8: 64 with the check sequence)."""


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """A frame on its way over one network.

    place: the network; of a node's own loopback, the vantage point.
    sent: the copy of the node that sent it; None where that node was not recorded.
    received: the copies of all others, in order of time.
    """

    place: str
    sent: Frame | None
    received: tuple[Frame, ...]

    @property
    def frame(self) -> Frame:
        """The copy that stands for all: the sender's, or else the first."""
        return self.sent or self.received[0]

    @property
    def frames(self) -> tuple[Frame, ...]:
        return (self.sent, *self.received) if self.sent else self.received

    @property
    def time_ns(self) -> int:
        return self.frame.time_ns


def place_of(vantage: Vantage) -> str:
    """The broadcast domain that a vantage point looks at: every node's loopback is one of its own."""
    return vantage.name if vantage.network == LOOPBACK else vantage.network


def hops(evidence: Evidence) -> list[Hop]:
    """Return every frame of a recording once for each network that it passed, by time; markers apart."""
    places = {vantage.name: place_of(vantage) for vantage in evidence.vantages}
    copies: dict[tuple[str, bytes], list[Frame]] = defaultdict(list)
    for frame in evidence.frames:
        if not frame.is_marker:
            copies[places.get(frame.vantage, frame.vantage), _unpadded(frame)].append(frame)
    found = [hop for (place, _), frames in copies.items() for hop in _paired(place, frames)]
    return sorted(found, key=lambda hop: (hop.time_ns, hop.frame.number))


def _unpadded(frame: Frame) -> bytes:
    """The bytes of a frame that say something."""
    if len(frame.data) == _SHORTEST and (last := frame.packet.layers[-1]).name == "padding":
        return frame.data[: last.start]
    return frame.data


def _paired(place: str, frames: list[Frame]) -> Iterator[Hop]:
    """Tell equal frames on one network apart: which copy belongs to which sending."""
    if len(frames) == 1:
        frame = frames[0]
        yield Hop(place, frame, ()) if frame.direction == "out" else Hop(place, None, (frame,))
        return
    sent = sorted((f for f in frames if f.direction == "out"), key=_order)
    taken: list[dict[str, Frame]] = [{} for _ in sent]
    strays: list[dict[str, Frame]] = []
    for copy in sorted((f for f in frames if f.direction != "out"), key=_order):
        home = _home(copy, sent, taken)
        if home is None:
            home = next((stray for stray in strays if copy.vantage not in stray), None)
        if home is None:
            home = {}
            strays.append(home)
        home[copy.vantage] = copy
    yield from (Hop(place, frame, tuple(by.values())) for frame, by in zip(sent, taken, strict=True))
    yield from (Hop(place, None, tuple(stray.values())) for stray in strays)


def _home(copy: Frame, sent: Sequence[Frame], taken: Sequence[dict[str, Frame]]) -> dict[str, Frame] | None:
    """The latest sending before a copy, or the next within the skew, of which its vantage point has none."""
    at = bisect_right(sent, _order(copy), key=_order)
    for by in reversed(taken[:at]):
        if copy.vantage not in by:
            return by
    for frame, by in zip(sent[at:], taken[at:], strict=True):
        if frame.time_ns > copy.time_ns + _SKEW_NS:
            break
        if copy.vantage not in by:
            return by
    return None


def _order(frame: Frame) -> tuple[int, int]:
    return frame.time_ns, frame.number
