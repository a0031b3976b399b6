"""A small recording made by hand: the client asks for its gateway, connects, and closes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from testbed.evidence import Action, Endpoint, Evidence, Frame, NodeFacts, Step, TcpSample, Vantage
from testbed.topology import Interface, Network, Node, Topology
from tests import frames_builder as build

CLIENT_MAC, ROUTER_MAC = build.CLIENT_MAC, build.ROUTER_MAC
PORT = 40000
MS = 1_000_000


def topology() -> Topology:
    """A client and a router on one LAN."""
    network = Network("lan-a", IPv4Network("172.16.10.0/24"), IPv4Address("172.16.10.1"))
    client = Node("client", "host", (Interface("lan-a", IPv4Interface("172.16.10.10/24")),))
    router = Node("router", "router", (Interface("lan-a", IPv4Interface("172.16.10.1/24")),), forwards=True)
    return Topology("story", (network,), (client, router))


def marker(number: int, time_ms: int, vantage: str = "client:lan-a") -> Frame:
    """A marker frame."""
    data = build.ethernet(b"testbed", build.MARKER, destination="ff:ff:ff:ff:ff:ff")
    return Frame(number, time_ms * MS, vantage, "out", data)


def segment(
    number: int,
    time_ms: int,
    flags: int,
    sequence: int,
    acknowledgment: int = 0,
    data: bytes = b"",
    *,
    back: bool = False,
) -> Frame:
    """A segment of the client's connection, as the client sees it."""
    ports = (8888, PORT) if back else (PORT, 8888)
    addresses = (build.SERVER, build.CLIENT) if back else (build.CLIENT, build.SERVER)
    macs = (ROUTER_MAC, CLIENT_MAC) if back else (CLIENT_MAC, ROUTER_MAC)
    packet = build.ipv4(
        build.tcp(
            data, flags=flags, sequence=sequence, acknowledgment=acknowledgment,
            source_port=ports[0], destination_port=ports[1], ends=addresses,
        ),
        source=addresses[0],
        destination=addresses[1],
    )  # fmt: skip
    frame = build.ethernet(packet, source=macs[0], destination=macs[1])
    return Frame(number, time_ms * MS, "client:lan-a", "in" if back else "out", frame)


def evidence() -> Evidence:
    """Markers, an ARP exchange, a handshake, an echo of two pieces, a reset."""
    question = build.ethernet(build.arp(1), build.ARP, destination="ff:ff:ff:ff:ff:ff")
    answer = build.ethernet(
        build.arp(2, (ROUTER_MAC, "172.16.10.1"), (CLIENT_MAC, build.CLIENT)),
        build.ARP, source=ROUTER_MAC, destination=CLIENT_MAC,
    )  # fmt: skip
    frames = (
        marker(1, 0),
        Frame(2, 1 * MS, "client:lan-a", "out", question),
        Frame(3, 2 * MS, "client:lan-a", "in", answer),
        segment(4, 3, build.SYN, 100),
        segment(5, 4, build.SYN | build.ACK, 500, 101, back=True),
        segment(6, 5, build.ACK, 101, 501),
        segment(7, 6, build.ACK | build.PSH, 101, 501, b"hel"),
        segment(8, 7, build.ACK | build.PSH, 104, 501, b"lo"),
        segment(9, 8, build.ACK | build.PSH, 101, 501, b"hello"),
        segment(10, 9, build.RST | build.ACK, 501, 106, back=True),
        marker(11, 20),
    )
    ends = Endpoint.of(("172.16.10.10", PORT)), Endpoint.of(("172.16.20.10", 8888))
    samples = tuple(
        TcpSample(number, time * MS, "client", *ends, state)
        for number, time, state in ((1, 3, "SYN-SENT"), (2, 5, "ESTABLISHED"), (3, 9, "CLOSED"))
    )
    connect = Action(
        1, 3 * MS, 5 * MS, "client", "connect",
        result={"local": ["172.16.10.10", PORT], "remote": ["172.16.20.10", 8888]}, step="talk",
    )  # fmt: skip
    return Evidence(
        "unit.story",
        topology(),
        0,
        20 * MS,
        (
            Vantage("client", "lan-a", "eth0", CLIENT_MAC, (IPv4Address(build.CLIENT),)),
            Vantage("router", "lan-a", "eth0", ROUTER_MAC, (IPv4Address("172.16.10.1"),)),
        ),
        frames,
        samples,
        actions=(connect,),
        steps=(Step("talk", 3 * MS, 10 * MS),),
        facts={"client": NodeFacts("client", counters={"TcpExtListenDrops": (2, 5)})},
    )
