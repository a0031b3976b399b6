"""Captures as files: pcapng written and read, pcap read.

Owns bytes on disk and what they say about frames: when, where, how long, with which comment.
Does not own what is in a frame (packets).

    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, [InterfaceBlock("client:lan-a")], [Record(0, 1_000_000_001, b"frame", 5, "a comment")])
    >>> _ = file.seek(0)
    >>> capture = read(file)
    >>> capture.interfaces[0].name, capture.records[0].time_ns, capture.records[0].comment
    ('client:lan-a', 1000000001, 'a comment')
"""

from testbed.pcapng.blocks import Capture, Direction, InterfaceBlock, Record, Section, Statistics
from testbed.pcapng.reader import Reader, read
from testbed.pcapng.writer import (
    interface_block,
    packet_block,
    section_block,
    statistics_block,
    write,
)

__all__ = [
    "Capture",
    "Direction",
    "InterfaceBlock",
    "Reader",
    "Record",
    "Section",
    "Statistics",
    "interface_block",
    "packet_block",
    "read",
    "section_block",
    "statistics_block",
    "write",
]
