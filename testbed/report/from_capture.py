"""A capture file as a recording, so that a ladder can be drawn of it.

Our own captures name their interfaces `node:network` and say which way each frame went. Of any
other, each sender of frames becomes a node: named by its IP address where it has just one, else by
its MAC address. What came of a frame is not known then: it is taken to have arrived.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from testbed import packets
from testbed.evidence import LOOPBACK, Evidence, Frame, Vantage
from testbed.evidence.records import Address, Direction
from testbed.pcapng import Capture, Record
from testbed.text import clean
from testbed.topology import Interface, Node, Topology

EVERYONE: Final = "everyone"
"""The node that broadcasts of a foreign capture go to."""
_OURS: Final = re.compile(r"[\w-]+:[\w.-]+")
_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def evidence_of(capture: Capture, title: str = "capture") -> Evidence:
    """Make a recording of a capture: frames and vantage points, and nothing else. Frames count from 1."""
    records = list(enumerate(capture.records, start=1))
    ours = bool(capture.interfaces) and all(_OURS.fullmatch(one.name) for one in capture.interfaces)
    frames, vantages = _ours(capture, records) if ours else _foreign(capture, records)
    times = [frame.time_ns for frame in frames]
    begin, end = (min(times), max(times)) if times else (0, 0)
    topology = Topology("capture", nodes=tuple(_nodes(vantages)) if ours else ())
    return Evidence(title, topology, begin, end, vantages, frames)


def _nodes(vantages: Iterable[Vantage]) -> Iterator[Node]:
    """What is known of the lab: a node that was recorded on two networks is taken for a router."""
    networks: dict[str, list[str]] = {}
    for vantage in vantages:
        if vantage.network != LOOPBACK:
            networks.setdefault(vantage.node, []).append(vantage.network)
    for node, names in networks.items():
        yield Node(node, "", tuple(Interface(name) for name in names), forwards=len(names) > 1)


def _frame(number: int, record: Record, vantage: str, direction: Direction, linktype: int) -> Frame:
    frame = Frame(number, record.time_ns, vantage, direction, record.data, record.original_length)
    if linktype != packets.ETHERNET:  # a frame takes itself for Ethernet
        frame._packet = packets.decode(record.data, linktype, record.original_length)
    return frame


def _ours(
    capture: Capture, records: Iterable[tuple[int, Record]]
) -> tuple[tuple[Frame, ...], tuple[Vantage, ...]]:
    macs = [_MAC.search(interface.description) for interface in capture.interfaces]
    addresses: dict[int, dict[Address, None]] = defaultdict(dict)
    frames = []
    for number, record in records:
        interface = capture.interfaces[record.interface]
        frame = _frame(number, record, interface.name, record.direction or "in", interface.linktype)
        frames.append(frame)
        source = _address(frame)
        found = macs[record.interface]
        ethernet = frame.packet.ethernet
        own = ethernet is not None and found is not None and ethernet.source == found[0]
        if frame.direction == "out" and own and source is not None and not _passed_on(frame):
            addresses[record.interface][source] = None
    vantages = tuple(
        Vantage(*_names(interface.name), "", found[0] if found else "", tuple(addresses[at]))
        for at, (interface, found) in enumerate(zip(capture.interfaces, macs, strict=True))
    )
    return tuple(frames), tuple({vantage.name: vantage for vantage in vantages}.values())


def _passed_on(frame: Frame) -> bool:
    """Whether a router may have sent a packet for somebody else: its TTL is none that hosts begin with."""
    ip = frame.packet.ip
    return isinstance(ip, packets.IPv4) and ip.ttl not in (64, 128, 255)


def _names(name: str) -> tuple[str, str]:
    node, _, network = name.partition(":")
    return node, network


def _address(frame: Frame) -> Address | None:
    """The network address that a frame's sender gives as its own."""
    if frame.packet.arp is not None:
        return frame.packet.arp.sender_ip
    return frame.packet.ip.source if frame.packet.ip is not None else None


@dataclass(slots=True)
class _Station:
    """A sender of frames on one interface of a foreign capture."""

    network: str
    mac: str
    addresses: dict[Address, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(next(iter(self.addresses))) if len(self.addresses) == 1 else self.mac

    @property
    def vantage(self) -> Vantage:
        return Vantage(self.name, self.network, "", self.mac, tuple(self.addresses))


def _foreign(
    capture: Capture, records: Iterable[tuple[int, Record]]
) -> tuple[tuple[Frame, ...], tuple[Vantage, ...]]:
    stations: dict[tuple[str, str], _Station] = {}
    ways: list[tuple[int, Record, int, _Station, _Station]] = []
    for number, record in records:
        interface = capture.interfaces[record.interface]
        network = clean(interface.name) or f"interface {record.interface}"
        frame = _frame(number, record, "", "out", interface.linktype)
        source, destination = _ends(frame)
        station = stations.setdefault((network, source), _Station(network, source))
        address = _address(frame)
        if address is not None:
            station.addresses[address] = None
        other = stations.setdefault((network, destination), _Station(network, destination))
        ways.append((number, record, interface.linktype, station, other))
    frames: list[Frame] = []
    for number, record, linktype, sender, receiver in ways:
        frames.append(_frame(number, record, sender.vantage.name, "out", linktype))
        frames.append(_frame(number, record, receiver.vantage.name, "in", linktype))
    return tuple(frames), tuple(station.vantage for station in stations.values())


def _ends(frame: Frame) -> tuple[str, str]:
    """Who sent a frame and whom it is for: MAC addresses, or IP addresses where there is no Ethernet."""
    packet = frame.packet
    if packet.ethernet is not None:
        group = int(packet.ethernet.destination[:2], 16) & 1
        return packet.ethernet.source, EVERYONE if group else packet.ethernet.destination
    if packet.ip is not None:
        return str(packet.ip.source), str(packet.ip.destination)
    return "unknown", EVERYONE
