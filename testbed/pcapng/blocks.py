"""What a capture file holds, as values; and the numbers of the pcapng format.

Source: draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 0x00000001
SIMPLE_PACKET: Final = 0x00000003
STATISTICS: Final = 0x00000005
ENHANCED_PACKET: Final = 0x00000006
BYTE_ORDER: Final = 0x1A2B3C4D

END_OF_OPTIONS: Final = 0
COMMENT: Final = 1
SHB_HARDWARE, SHB_OS, SHB_APPLICATION = 2, 3, 4
IF_NAME, IF_DESCRIPTION, IF_RESOLUTION, IF_OFFSET = 2, 3, 9, 14
EPB_FLAGS: Final = 2
ISB_RECEIVED, ISB_DROPPED = 4, 5

Direction = Literal["in", "out"]
FLAG_OF_DIRECTION: Final[dict[Direction, int]] = {"in": 1, "out": 2}
DIRECTION_OF_FLAG: Final[dict[int, Direction]] = {1: "in", 2: "out"}


@dataclass(frozen=True, slots=True)
class InterfaceBlock:
    """One vantage point. name: 'node:network'. linktype: 1 is Ethernet. snaplen: bytes, 0: no limit."""

    name: str
    description: str = ""
    linktype: int = 1
    snaplen: int = 262144


@dataclass(slots=True)
class Record:
    """One captured frame.

    interface: index into the capture's interfaces. time_ns: since 1970, UTC; 0 where the file holds
    no time (simple packet blocks). original_length: bytes on the wire, >= len(data). comment: lines
    of text, one for each comment in the file. direction: seen from the interface; None: not known.
    """

    interface: int
    time_ns: int
    data: bytes
    original_length: int
    comment: str | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Frames that an interface received and that the kernel dropped before they were captured.

    time_ns: when they were counted. None: not told.
    """

    interface: int
    time_ns: int
    received: int | None = None
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """What a file says of itself: who made it, where, and why."""

    comment: str = ""
    hardware: str = ""
    os: str = ""
    application: str = ""


@dataclass(slots=True)
class Capture:
    """A capture file, read.

    truncated: None, or where and how the file breaks off; all that stands before it is here.
    """

    interfaces: tuple[InterfaceBlock, ...]
    records: list[Record]
    statistics: tuple[Statistics, ...] = ()
    section: Section = field(default_factory=Section)
    truncated: str | None = None
