"""A ladder diagram as a value: who took part, and what happened in which order.

Built from a recording, and a verdict where there is one; drawn elsewhere, as text, Mermaid or SVG.
An arrow is one frame on one network; a packet that a router passes on is two arrows of one journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from testbed.evidence import Citation, Frame
from testbed.report.lines import Line
from testbed.report.numbering import Numbers
from testbed.report.words import Words, protocol, words


@dataclass(frozen=True, slots=True)
class Loss:
    """Where a packet ended before its time. line: the line it got to, or was on its way to. why: in words."""

    line: int
    arrived: bool
    why: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One frame on one network.

    time_ns: when it was sent (first seen, where the sender was not recorded), end_ns: when the last
    copy was taken; both since the ladder's beginning. source, targets: places in the ladder's lines.
    journey: the same number for the hops of one packet. frames: all copies, the sender's first.
    cited_by, cited_frames: names of checks, and the numbers of the copies that they cite.
    """

    time_ns: int
    end_ns: int
    source: int
    targets: tuple[int, ...]
    network: str
    frames: tuple[Frame, ...]
    journey: int
    numbers: Numbers | None = None
    broadcast: bool = False
    lost: Loss | None = None
    cited_by: tuple[str, ...] = ()
    cited_frames: tuple[int, ...] = ()

    @property
    def protocol(self) -> str:
        """`ARP`, `TCP`, `UDP`, `ICMP`, `ICMPv6`, `IP` or `Ethernet`."""
        return protocol(self.frames[0])

    @property
    def words(self) -> Words:
        """Its label. Made when asked for: most arrows of a long ladder are never drawn."""
        return words(self.frames[0], self.numbers)

    @property
    def number(self) -> int:
        """The number, as Wireshark shows it, of the copy that stands for all: a cited one, or the first."""
        return self.cited_frames[0] if self.cited_frames else self.frames[0].number

    @property
    def far(self) -> int:
        """The line at which its head is drawn: the farthest that it reached."""
        reached = self.targets or ((self.lost.line,) if self.lost else (self.source,))
        return max(reached, key=lambda line: (abs(line - self.source), line))


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened on one line: a TCP state, an action, how it ended, a fault that began.

    state: the socket's state from here on, for notes of kind `state`. subject: which socket, in words.
    """

    time_ns: int
    line: int
    kind: Literal["state", "action", "outcome", "neighbour", "fault"]
    text: str
    citation: Citation | None = None
    cited_by: tuple[str, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """The beginning of a step."""

    time_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows that are left out of the drawing: a long run of like packets, or of like connections."""

    time_ns: int
    end_ns: int
    text: str
    hidden: tuple[Row, ...] = ()

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        """The packets that are left out."""
        return tuple(row for row in self.hidden if isinstance(row, Arrow))


Row = Arrow | Note | Heading | Fold


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole diagram. begin_ns: what times count from, nanoseconds since the epoch.

    omitted: what was recorded and is not drawn, in words.
    """

    title: str
    begin_ns: int
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]
    omitted: tuple[str, ...] = field(default=())

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        return tuple(row for row in self.rows if isinstance(row, Arrow))

    @property
    def cited(self) -> frozenset[str]:
        """The names of the checks that stand on something in this ladder."""
        return frozenset(name for row in self.rows if isinstance(row, Arrow | Note) for name in row.cited_by)


LONG_NS: Final = 100_000_000
"""A pause that a drawing tells: a tenth of a second."""


def pauses(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return for each row how long nothing happened before it, in nanoseconds; 0 where that was not long."""
    found, last = [], None
    for row in rows:
        pause = row.time_ns - last if last is not None else 0
        found.append(pause if pause >= LONG_NS else 0)
        last = row.end_ns if isinstance(row, Arrow | Fold) else row.time_ns
    return tuple(found)


def pause_told(pause_ns: int) -> str:
    """A pause in words: `1.006 s later`."""
    return f"{pause_ns / 1e9:.3f} s later"


def seconds(time_ns: int) -> str:
    """A time since the beginning, to the microsecond: `0.000123`."""
    sign = "-" if time_ns < 0 else ""
    whole, rest = divmod(abs(time_ns), 1_000_000_000)
    return f"{sign}{whole}.{rest // 1000:06d}"
