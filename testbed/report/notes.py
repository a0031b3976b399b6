"""What a ladder writes beside its lines: TCP states, neighbour entries, actions and their ends, faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from testbed.evidence import (
    Action,
    Citation,
    Endpoint,
    Evidence,
    FaultRecord,
    NeighbourSample,
    TcpSample,
    receiver,
    sender,
)
from testbed.report.ladder import Note
from testbed.report.lines import Line
from testbed.report.words import excerpt
from testbed.text import clean

Citers = Mapping[Citation, tuple[str, ...]]

_SOON_NS = 100_000_000
"""How long after a packet of ARP's a change of the neighbour table may be announced."""

_TOLD = ("how", "network", "mac", "match")
"""Arguments of actions that are worth telling, beside addresses, ports, settings and commands."""

LONGEST: Final = 72
"""Letters of an action that are told."""


def notes(evidence: Evidence, lines: Sequence[Line], cited: Citers) -> Iterator[Note]:
    """Yield the notes of a recording, kind by kind; a node without a line has none."""
    place = _Place(lines)
    yield from _states(evidence, place, cited)
    yield from _neighbours(evidence, place, cited)
    yield from _actions(evidence, place, cited)
    yield from _faults(evidence, place)


class _Place:
    """Which line of a node a note belongs to."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def of(self, node: str, address: object = None) -> int | None:
        """The line that bears an address, else the node's first; None when it has no line."""
        own = [at for at, line in enumerate(self._lines) if line.node == node]
        for at in own:
            if str(address) in self._lines[at].addresses:
                return at
        return own[0] if own else None


def _states(evidence: Evidence, place: _Place, cited: Citers) -> Iterator[Note]:
    """A note where a socket changes its state.

    Of listening sockets, and of those of which no segment was recorded, only what is cited.
    """
    seen = _conversations(evidence)
    many = len(seen) > 1
    last: dict[tuple[str, Endpoint, Endpoint], str] = {}
    for sample in evidence.tcp_samples:
        names = cited.get(sample.citation, ())
        listening = not sample.remote.port
        spoken = frozenset((sample.local, sample.remote)) in seen
        if (not spoken or last.get(_socket(sample)) == sample.state) and not names:
            continue
        line = place.of(sample.node, sample.local.address)
        last[_socket(sample)] = sample.state
        if line is None:
            continue
        subject = f"{sample.local} – {sample.remote}" if sample.remote.port else str(sample.local)
        text = sample.state
        if listening:
            text += f" :{sample.local.port} ({sample.receive_queue} of {sample.send_queue} wait)"
        elif many:
            text += f" :{max(sample.local.port, sample.remote.port)}"
        yield Note(sample.time_ns - evidence.begin_ns, line, "state", text, sample.citation, names, subject)


def _conversations(evidence: Evidence) -> set[frozenset[Endpoint]]:
    """Both ends of each connection of which there is a segment."""
    ways = {(sender(f), receiver(f)) for f in evidence.frames if f.packet.tcp is not None}
    return set(map(frozenset, ways))


def _socket(sample: TcpSample) -> tuple[str, Endpoint, Endpoint]:
    return sample.node, sample.local, sample.remote


def _neighbours(evidence: Evidence, place: _Place, cited: Citers) -> Iterator[Note]:
    """A note for each change of a neighbour entry that a check cites, or that taught a node a MAC."""
    known: dict[tuple[str, object], str | None] = {}
    heard = _hearing(evidence)
    for sample in evidence.neighbour_samples:
        names = cited.get(sample.citation, ())
        learned = known.get((sample.node, sample.address)) != sample.mac and heard(sample)
        if sample.state == "DELETED":
            known.pop((sample.node, sample.address), None)
            learned = False
        elif sample.mac is not None:
            known[sample.node, sample.address] = sample.mac
        line = place.of(sample.node)
        if line is not None and (names or (learned and sample.address.version == 4)):
            time_ns = sample.time_ns - evidence.begin_ns
            yield Note(time_ns, line, "neighbour", _neighbour(sample), sample.citation, names)


def _hearing(evidence: Evidence) -> Callable[[NeighbourSample], bool]:
    """Return a function that says whether a node heard by ARP of a neighbour just before a sample."""
    node_of = {vantage.name: vantage.node for vantage in evidence.vantages}
    times: dict[tuple[str | None, object], list[int]] = defaultdict(list)
    for frame in evidence.frames:
        if frame.packet.arp is not None and frame.direction == "in":
            times[node_of.get(frame.vantage), frame.packet.arp.sender_ip].append(frame.time_ns)

    def heard(sample: NeighbourSample) -> bool:
        found = times.get((sample.node, sample.address), ())
        return any(0 <= sample.time_ns - time_ns < _SOON_NS for time_ns in found)

    return heard


def _neighbour(sample: NeighbourSample) -> str:
    if sample.mac is None:
        return f"{sample.address} {sample.state}"
    return f"{sample.address} at {sample.mac} {sample.state}"


def _actions(evidence: Evidence, place: _Place, cited: Citers) -> Iterator[Note]:
    """A note where an action begins, and one where it ends otherwise than well."""
    for action in evidence.actions:
        line = place.of(action.node)
        names = cited.get(action.citation, ())
        if line is None or (_waits(action) and not names and not action.error):
            continue
        begin, end = action.begin_ns - evidence.begin_ns, action.end_ns - evidence.begin_ns
        yield Note(begin, line, "action", described(action), action.citation, names)
        if action.error:
            text = f"{action.name}: {clean(action.error)} after {action.seconds:.3f} s"
            yield Note(end, line, "outcome", text, action.citation, names)


def _waits(action: Action) -> bool:
    """Whether an action provokes nothing on the wire by itself, or is told by a note of another kind."""
    return action.name.startswith(("await", "recv")) or action.name in ("lose", "drop", "undo", "sockets")


def described(action: Action) -> str:
    """An action in a few words: `connect 172.16.20.10:8888`, `run ip neigh`."""
    given = action.arguments
    parts = [action.name]
    remote = given.get("remote")
    if remote is None and {"address", "port"} <= set(given):
        remote = [given["address"], given["port"]]
    if remote:
        parts.append(f"{remote[0]}:{remote[1]}" if isinstance(remote, list | tuple) else str(remote))
    elif "port" in given:
        parts.append(f":{given['port']}")
    if isinstance(given.get("argv"), list | tuple):
        parts.append(_command([str(word) for word in given["argv"]]))
    if {"key", "value"} <= set(given):
        parts.append(f"{given['key']}={given['value']}")
    parts += [str(given[key]) for key in _TOLD if given.get(key) is not None]
    parts += [_datum(given["data"])] if "data" in given else []
    text = clean(" ".join(part for part in parts if part)).replace("\n", " ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _command(words: Sequence[str]) -> str:
    """A command as it would be typed; of a program that is given as text, what its first line says."""
    at = next((at for at, word in enumerate(words) if "\n" in word), 0)
    if not at or words[at - 1] != "-c":
        return " ".join(words)
    lines = (line.strip("\"' ") for line in words[at].splitlines() if not line.startswith("#"))
    title = next(filter(None, lines), "")
    return " ".join((words[0], f"({title if len(title) < 46 else f'{title[:45]}…'})", *words[at + 1 :]))


def _datum(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return excerpt(bytes(value)) or f"{len(value)} bytes"
    if isinstance(value, str):
        return excerpt(value.encode("utf-8", "replace"))
    return "" if value is None else str(value)[:40]


def _faults(evidence: Evidence, place: _Place) -> Iterator[Note]:
    """A note where a fault comes into force, with how often it struck."""
    for fault in evidence.faults:
        line = place.of(fault.node)
        if line is not None:
            often = f" ({struck})" if (struck := how_often(fault)) else ""
            text = f"fault: {clean(fault.description)}{often}"
            yield Note(fault.begin_ns - evidence.begin_ns, line, "fault", text)


def how_often(fault: FaultRecord) -> str:
    """How often a fault struck, in words; empty for one that is no filter: a slow link strikes nothing."""
    if not fault.hits:
        return "struck never" if fault.rule else ""
    return f"struck {fault.hits} time{'s' if fault.hits != 1 else ''}"
