"""The frames of a capture file one by one: as lines, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from testbed import packets
from testbed.evidence.plain import plain
from testbed.text import clean

if TYPE_CHECKING:
    from testbed.pcapng import InterfaceBlock, Record

HEADERS = ("ethernet", "arp", "ip", "icmp", "tcp", "udp")


class Frames(Protocol):
    """What is read frame by frame: the interfaces grow as it goes on."""

    @property
    def interfaces(self) -> list[InterfaceBlock]:
        """The interfaces described so far."""

    def __iter__(self) -> Iterator[Record]: ...


def lines(frames: Frames) -> Iterator[str]:
    """One line for each frame: number, seconds since the first, where, what; comments below."""
    first: int | None = None
    for number, record in enumerate(frames, 1):
        first = record.time_ns if first is None else first
        interface = frames.interfaces[record.interface]
        where = clean(interface.name) or f"interface {record.interface}"
        way = {"in": "◀", "out": "▶"}.get(record.direction or "", " ")
        packet = packets.decode(record.data, interface.linktype, record.original_length)
        told = clean(packet.summary())
        yield f"{number:>6} {(record.time_ns - first) / 1e9:13.9f}  {where:<16} {way} {told}"
        for comment in (record.comment or "").splitlines():
            yield f"{'':>20}  {clean(comment)}"


def documents(frames: Frames) -> Iterator[str]:
    """A JSON array of all frames, a piece at a time."""
    lead = "[\n"
    for number, record in enumerate(frames, 1):
        yield lead + json.dumps(
            _document(number, record, frames.interfaces[record.interface]), ensure_ascii=False
        )
        lead = ",\n"
    yield "\n]\n" if lead != "[\n" else "[]\n"


def _document(number: int, record: Record, interface: InterfaceBlock) -> dict[str, Any]:
    packet = packets.decode(record.data, interface.linktype, record.original_length)
    headers = {name: header(getattr(packet, name)) for name in HEADERS if getattr(packet, name) is not None}
    return {
        "number": number,
        "time_ns": record.time_ns,
        "interface": clean(interface.name),
        "direction": record.direction,
        "length": len(record.data),
        "original_length": record.original_length,
        "comment": clean(record.comment or "") or None,
        "summary": clean(packet.summary()),
        "malformed": packet.malformed,
        "layers": [{"name": layer.name, "start": layer.start, "end": layer.end} for layer in packet.layers],
        **headers,
        "payload": packet.payload.hex(),
    }


def header(value: Any) -> dict[str, Any]:
    """The public fields and properties of a header, as JSON has them."""
    names = [field.name for field in fields(value) if not field.name.startswith("_")]
    names += [name for name in _properties(type(value)) if name not in ("quoted", "raw")]
    return {name: plain(getattr(value, name)) for name in names}


def _properties(kind: type) -> Iterable[str]:
    return (name for name, member in vars(kind).items() if isinstance(member, property) and name[0] != "_")
