"""Recordings for tests of reports: the default lab, and packets that cross it copy by copy."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.evidence import (
    Action,
    Citation,
    Endpoint,
    Evidence,
    FaultRecord,
    Frame,
    Gap,
    Step,
    TcpSample,
    Vantage,
)
from testbed.report.build import ladder_of
from testbed.report.ladder import Ladder
from testbed.topology import Interface, Network, Node, Topology
from tests import frames_builder as build
from tests.frames_builder import ACK, FIN, PSH, SYN

BEGIN = 1_700_000_000_000_000_000
CLIENT, SERVER, PORT = "172.16.10.10", "172.16.20.10", 40112
MACS = {
    "client:lan-a": "02:42:ac:10:0a:0a",
    "neighbour:lan-a": "02:42:ac:10:0a:0b",
    "bystander:lan-a": "02:42:ac:10:0a:0c",
    "router:lan-a": "02:42:ac:10:0a:01",
    "router:lan-b": "02:42:ac:10:14:01",
    "server:lan-b": "02:42:ac:10:14:0a",
}
ADDRESSES = {
    "client:lan-a": "172.16.10.10",
    "neighbour:lan-a": "172.16.10.11",
    "bystander:lan-a": "172.16.10.12",
    "router:lan-a": "172.16.10.1",
    "router:lan-b": "172.16.20.1",
    "server:lan-b": "172.16.20.10",
}
EVERYONE = ("neighbour:lan-a", "bystander:lan-a", "router:lan-a")
OUTWARD = (("client:lan-a", "router:lan-a"), ("router:lan-b", "server:lan-b"))
HOMEWARD = (("server:lan-b", "router:lan-b"), ("router:lan-a", "client:lan-a"))


def default_topology() -> Topology:
    """The shipped lab, as its Compose file declares it."""

    def node(name: str, forwards: bool = False) -> Node:
        own = [place for place in ADDRESSES if place.startswith(f"{name}:")]
        interfaces = tuple(
            Interface(place.split(":")[1], IPv4Interface(f"{ADDRESSES[place]}/24")) for place in own
        )
        return Node(name, "testbed/router:1" if forwards else "testbed/host:1", interfaces, forwards)

    networks = (
        Network("lan-a", IPv4Network("172.16.10.0/24"), IPv4Address("172.16.10.1")),
        Network("lan-b", IPv4Network("172.16.20.0/24"), IPv4Address("172.16.20.1")),
    )
    names = ("client", "neighbour", "bystander", "server")
    return Topology("testbed", networks, (node("router", forwards=True), *map(node, names)))


class Story:
    """A recording in the making. Time goes on by 10 µs with each copy of a frame."""

    def __init__(self, topology: Topology | None = None) -> None:
        self.topology = topology or default_topology()
        self.now = BEGIN + 1_000_000
        self.frames: list[Frame] = []
        self.samples: list[TcpSample] = []
        self.actions: list[Action] = []
        self.steps: list[Step] = []
        self.faults: list[FaultRecord] = []
        self.gaps: list[Gap] = []
        self._identification = 100

    def wait(self, microseconds: int) -> None:
        """Let time go on."""
        self.now += microseconds * 1000

    def frame(self, vantage: str, direction: str, data: bytes) -> Frame:
        """One copy of a frame at one vantage point."""
        self.wait(10)
        frame = Frame(len(self.frames) + 1, self.now, vantage, direction, data)  # type: ignore[arg-type]
        self.frames.append(frame)
        return frame

    def hop(self, packet: bytes, source: str, target: str, *, arrives: bool = True) -> list[Frame]:
        """An IP packet on one network, from one vantage point to another."""
        data = build.ethernet(packet, source=MACS[source], destination=MACS[target])
        copies = [self.frame(source, "out", data)]
        return [*copies, self.frame(target, "in", data)] if arrives else copies

    def arp(
        self, operation: int, source: str, about: str, *, at: tuple[str, ...], alone: bool = False
    ) -> list[Frame]:
        """An ARP packet: a request for the address of a place, or a reply to it; alone: asked of it alone."""
        asks = operation == 1
        target = ("00:00:00:00:00:00" if asks else MACS[about], ADDRESSES[about])
        packet = build.arp(operation, (MACS[source], ADDRESSES[source]), target)
        destination = "ff:ff:ff:ff:ff:ff" if asks and not alone else MACS[about]
        data = build.ethernet(packet, build.ARP, source=MACS[source], destination=destination)
        return [self.frame(source, "out", data), *(self.frame(place, "in", data) for place in at)]

    def segment(
        self,
        flags: int,
        *,
        home: bool = False,
        seq: int,
        ack: int = 0,
        data: bytes = b"",
        port: int = PORT,
        hops: int = 2,
        arrives: bool = True,
        identification: int | None = None,
    ) -> list[Frame]:
        """A TCP segment across the router, to the server or home. hops: networks it gets to."""
        ends = (SERVER, CLIENT) if home else (CLIENT, SERVER)
        ports = (8888, port) if home else (port, 8888)
        self._identification += 1
        made: list[Frame] = []
        for at, (source, target) in enumerate((HOMEWARD if home else OUTWARD)[:hops]):
            whole = build.tcp(
                data,
                source_port=ports[0],
                destination_port=ports[1],
                sequence=seq,
                acknowledgment=ack,
                flags=flags,
                ends=ends,
            )
            packet = build.ipv4(
                whole,
                source=ends[0],
                destination=ends[1],
                ttl=64 - at,
                identification=self._identification if identification is None else identification,
            )
            made += self.hop(packet, source, target, arrives=arrives or at < hops - 1)
        return made

    def state(self, node: str, state: str, port: int = PORT) -> TcpSample:
        """What the kernel says of a node's socket of the connection."""
        ends = Endpoint(ip_address(CLIENT), port), Endpoint(ip_address(SERVER), 8888)
        local, remote = ends if node == "client" else ends[::-1]
        sample = TcpSample(len(self.samples) + 1, self.now, node, local, remote, state)
        self.samples.append(sample)
        return sample

    def act(
        self, node: str, name: str, *, error: str | None = None, lasts: int = 5, **arguments: object
    ) -> Action:
        """Something that the scenario did; it lasts some microseconds."""
        begin = self.now
        self.wait(lasts)
        step = self.steps[-1].name if self.steps else None
        number = len(self.actions) + 1
        action = Action(number, begin, self.now, node, name, arguments, error=error, step=step)
        self.actions.append(action)
        return action

    def step(self, name: str) -> None:
        """Begin a named part."""
        self.steps.append(Step(name, self.now, self.now))

    def handshake(self, x: int = 1000, y: int = 9000, port: int = PORT) -> list[Frame]:
        """SYN, SYN-ACK, ACK, with the states of both kernels."""
        self.act("client", "connect", remote=[SERVER, 8888], local=[CLIENT, port])
        made = self.segment(SYN, seq=x, port=port)
        self.state("client", "SYN-SENT", port)
        self.state("server", "SYN-RECV", port)
        made += self.segment(SYN | ACK, home=True, seq=y, ack=x + 1, port=port)
        self.state("client", "ESTABLISHED", port)
        made += self.segment(ACK, seq=x + 1, ack=y + 1, port=port)
        self.state("server", "ESTABLISHED", port)
        return made

    def talk(self, text: bytes, x: int = 1001, y: int = 9001) -> list[Frame]:
        """The client says something, the server acknowledges."""
        made = self.segment(PSH | ACK, seq=x, ack=y, data=text)
        return made + self.segment(ACK, home=True, seq=y, ack=x + len(text))

    def close(self, x: int, y: int) -> list[Frame]:
        """FIN, ACK, FIN, ACK."""
        made = self.segment(FIN | ACK, seq=x, ack=y)
        made += self.segment(ACK, home=True, seq=y, ack=x + 1)
        made += self.segment(FIN | ACK, home=True, seq=y, ack=x + 1)
        return made + self.segment(ACK, seq=x + 1, ack=y + 1)

    def evidence(self, scenario: str = "tcp.handshake") -> Evidence:
        """All of it, as a recording."""
        vantages = tuple(
            Vantage(node, network, "eth0", MACS[place], (ip_address(ADDRESSES[place]),))
            for place, (node, network) in ((place, place.split(":")) for place in MACS)
        )
        return Evidence(
            scenario,
            self.topology,
            BEGIN,
            self.now + 1_000_000,
            vantages,
            tuple(self.frames),
            tuple(self.samples),
            (),
            tuple(self.actions),
            tuple(self.steps),
            tuple(self.faults),
            {},
            tuple(self.gaps),
        )


def ladder(story: Story, verdict: Verdict | None = None) -> Ladder:
    """The ladder of a story."""
    return ladder_of(story.evidence(), verdict)


def citing(*citations: Citation, name: str = "three_segments") -> Verdict:
    """A verdict of one check that stands on these."""
    finding = Finding(Status.PASSED, "as it should be", citations)
    return Verdict("tcp.handshake", (CheckVerdict(Check(name, "a title"), finding),))


def bulk(segments: int = 40) -> Story:
    """A long transfer in one direction."""
    story = Story()
    story.handshake()
    for at in range(segments):
        story.segment(ACK, seq=1001 + at * 100, ack=9001, data=b"x" * 100)
    story.segment(FIN | ACK, seq=1001 + segments * 100, ack=9001)
    return story
