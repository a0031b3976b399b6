"""Where our reader and decoder say something else than tshark, on a whole capture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from testbed.packets import Packet, decode
from testbed.pcapng import InterfaceBlock, Reader, Record
from tests.oracle import tshark
from tests.oracle.fields import READERS, Values, chain, ours
from tests.oracle.leniences import LENIENCES, may_be_malformed, may_be_whole

_FRAME: Final = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name", "frame.comment")
_MALFORMED: Final = "_ws.malformed"
_SEVERITY: Final = "_ws.expert.severity"
_NOTE: Final = 0x400000  # expert information of tshark's from 'note' on: 'warning' and 'error' are above
_ASKED: Final = (*READERS, *_FRAME, _MALFORMED, _SEVERITY)

Row = dict[str, list[str]]


def disagreements(capture: Path | str) -> list[str]:
    """Compare frame by frame and field by field; each disagreement as a line, none if there is none.

    Where a header is cut by the capture or malformed, one goes on further than the other: as far as
    both have values of a field, they must be the same. A checksum is then not compared.
    """
    path = Path(capture)
    lines: list[str] = []
    with Reader(path) as reader:
        records = iter(reader)
        count = 0
        for count, row in enumerate(tshark.rows(path, _ASKED), 1):
            record = next(records, None)
            if record is None:
                lines.append(f"frame {count}: tshark has it, our reader has not")
                continue
            interface = reader.interfaces[record.interface]
            packet = decode(record.data, interface.linktype, record.original_length)
            told = [*_record(record, interface, row), *_fields(packet, row), *_faults(packet, row)]
            lines += (f"frame {count}: {one}; {record.data.hex()}" for one in told)
        if next(records, None) is not None:
            lines.append(f"our reader has more than the {count} frames of tshark's")
    return lines


def _record(record: Record, interface: InterfaceBlock, row: Row) -> Iterator[str]:
    seconds, nanoseconds = divmod(record.time_ns, 1_000_000_000)
    mine = {
        "frame.time_epoch": [f"{seconds}.{nanoseconds:09}"],
        "frame.len": [str(record.original_length)],
        "frame.cap_len": [str(len(record.data))],
        "frame.interface_name": [interface.name] if interface.name else [],
        "frame.comment": record.comment.splitlines() if record.comment else [],
    }
    for name, values in mine.items():
        if values != row[name]:
            yield f"{name}: ours {values}, tshark's {row[name]}"


def _fields(packet: Packet, row: Row) -> Iterator[str]:
    mine = ours(packet)
    others: Values = defaultdict(list)
    others.update((name, [read(text) for text in row[name]]) for name, read in READERS.items())
    for lenience in LENIENCES:
        lenience(packet, mine, others)
    broken = _is_broken(packet)
    for name in mine.keys() | others.keys():
        values, other = mine[name], others[name]
        if broken:
            both = 0 if name.endswith(".checksum.status") else min(len(values), len(other))
            values, other = values[:both], other[:both]
        if values != other:
            yield f"{name}: ours {values}, tshark's {other}"


def _is_broken(packet: Packet) -> bool:
    """Whether a header, a quoted packet or an ICMP message in it is malformed or cut."""
    return any(
        one.malformed is not None
        or any(layer.name == "truncated" for layer in one.layers)
        or (one.truncated and (one is not packet or one.icmp is not None))
        for one in chain(packet)
    )


def _faults(packet: Packet, row: Row) -> Iterator[str]:
    """We call malformed what tshark does, or at least remarks on."""
    remarked = any(int(severity) >= _NOTE for severity in row[_SEVERITY])
    if row[_MALFORMED] and not _is_broken(packet) and not may_be_malformed(packet):
        yield "tshark calls it malformed, we do not"
    if packet.malformed is not None and not (row[_MALFORMED] or remarked or may_be_whole(packet)):
        yield f"we call it malformed ({packet.malformed}), tshark does not"
