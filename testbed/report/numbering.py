"""Relative sequence numbers: counted from each connection's first, as Wireshark shows them.

Pure arithmetic modulo 2**32 (RFC 9293 §3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from testbed.evidence import Endpoint, Frame, receiver, sender


@dataclass(frozen=True, slots=True)
class Numbers:
    """A segment's numbers.

    sequence, acknowledgment: relative; acknowledgment is None without ACK. raw_…: as in the header.
    length: bytes of data. again: whether all that it carries had been sent before.
    """

    sequence: int
    acknowledgment: int | None
    raw_sequence: int
    raw_acknowledgment: int | None
    length: int
    again: bool = False


class Numbering:
    """The first sequence number of each direction of each connection, learned segment by segment.

    repeated: the frames of which all that they carried was sent once more, later.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[Endpoint, Endpoint], int] = {}
        self._sent: dict[tuple[Endpoint, Endpoint], dict[tuple[int, int, bool], int]] = {}
        self.repeated: set[int] = set()

    def of(self, frame: Frame) -> Numbers:
        """Number a segment; segments must come in order of time, each packet once."""
        tcp = frame.packet.tcp
        if tcp is None:
            raise TypeError(f"frame {frame.number} holds no TCP")
        way = (sender(frame), receiver(frame))
        length = tcp.length
        if tcp.syn and self._first.get(way) != tcp.sequence:
            self._begin(way, tcp.sequence)
        elif way not in self._first:  # joined in the middle: the first byte seen is number 1
            self._begin(way, (tcp.sequence - 1) % 2**32 if tcp.sequence or not tcp.rst else tcp.sequence)
        back = (way[1], way[0])
        if tcp.ack and back not in self._first:
            self._begin(back, (tcp.acknowledgment - 1) % 2**32)
        carries = length or tcp.syn or tcp.fin
        mark = (tcp.sequence, length, tcp.fin)
        again = bool(carries) and mark in self._sent[way]
        if again:
            self.repeated.add(self._sent[way][mark])
        if carries:
            self._sent[way][mark] = frame.number
        return Numbers(
            (tcp.sequence - self._first[way]) % 2**32,
            (tcp.acknowledgment - self._first[back]) % 2**32 if tcp.ack else None,
            tcp.sequence,
            tcp.acknowledgment if tcp.ack else None,
            length,
            again,
        )

    def _begin(self, way: tuple[Endpoint, Endpoint], first: int) -> None:
        self._first[way] = first
        self._sent[way] = {}
