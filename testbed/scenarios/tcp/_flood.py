"""What the scenarios of the SYN flood share: the flood itself, where its answers end, and calm afterwards.

Bounded in number and rate, and inside the lab: the invented hosts have addresses that are set aside
for benchmarks and are nobody's (RFC 2544 §C.2.2), and the router throws away what is sent to them.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, check, expect, expect_none, expect_that
from testbed.evidence import (
    Endpoint,
    Evidence,
    Frame,
    IpFrames,
    NothingSeen,
    Segments,
    States,
    connection_of,
    ip_of,
    receiver,
)
from testbed.probe import frames
from testbed.scenario import Edit, Layer, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node
    from testbed.undo import Undo

PORT = 9009
BACKLOG = 31  # so the queue of a victim holds 32
SYNS = 96
RATE = 500.0  # SYNs a second
CLOCKS = 0.05  # by how much two clocks of a machine may differ in speed while it sets one of them
INVENTED = IPv4Network("198.18.0.0/15")
ATTACKER = "bystander"
FLOOD = "the flood"
CALM = "calm afterwards"
COOKIES = "net.ipv4.tcp_syncookies"
RETRIES = "net.ipv4.tcp_synack_retries"
MOST_SYNS = "net.ipv4.tcp_max_syn_backlog"
MSS = b"\x02\x04\x05\xb4"  # the one option of the flood's SYNs: 1460


class FloodScenario(Scenario):
    """A server under a flood of SYNs. What is done about it differs; not a scenario itself."""

    layer = Layer.TRANSPORT
    places = (
        "client:lan-a",
        "neighbour:lan-a",
        "bystander:lan-a",
        "router:lan-a",
        "router:lan-b",
        "server:lan-b",
    )

    victims: ClassVar[tuple[str, ...]] = ("server",)
    hosts = SYNS  # so many hosts are invented; all send equally many SYNs
    cookies = 0
    retries: int | None = None  # of a SYN-ACK, at the server; None: as the kernel has it
    floods = True
    rate = RATE

    def prepare(self, lab: Lab) -> None:
        """Set the victims' kernels, and have the router throw away what is for the invented hosts.

        Were it to say by ICMP that it knows no way there, the half-open sockets would be gone at once.
        """
        for name in self.victims:
            lab[name].sysctl(COOKIES, self.cookies)
        if self.retries is not None:
            lab.server.sysctl(RETRIES, self.retries)
        hole = ["blackhole", str(INVENTED)]
        lab.router.change(["ip", "route", "add", *hole], ["ip", "route", "delete", *hole])

    def flood(self, lab: Lab, victim: Node) -> Undo:
        """Send a node all SYNs of the flood, until they have come; call the result to take it back."""
        undo = lab.undo.push(f"{victim.name} is flooded", lambda: self.take_back(lab, victim))
        if self.floods:
            heard = victim.counters()["IpInReceives"]
            lab[ATTACKER].send_frames("lan-a", self.frames_of(lab, victim, "SYN"), rate=self.rate)
            victim.await_counter("IpInReceives", heard + SYNS)
            victim.await_sockets(least=1, state="SYN-RECV", local_port=PORT)
        return undo

    def take_back(self, lab: Lab, victim: Node) -> None:
        """Let the invented hosts say RST, as real ones would have at once: they asked for no connection."""
        if self.floods:
            lab[ATTACKER].send_frames("lan-a", self.frames_of(lab, victim, "RST"), rate=self.rate)
        victim.await_sockets(most=0, state="SYN-RECV", local_port=PORT)

    def frames_of(self, lab: Lab, victim: Node, flags: str) -> list[bytes]:
        """The frames of the flood, SYN, or of its end, RST."""
        near = "lan-a" in victim.declared.networks
        macs = lab[ATTACKER].mac_on("lan-a"), (victim if near else lab.router).mac_on("lan-a")
        target = lab[ATTACKER].address_of(victim)
        made = []
        for number in range(SYNS):
            source = str(INVENTED[1 + number % self.hosts])
            segment = frames.tcp(
                (source, 20000 + number),
                (target, PORT),
                flags,
                sequence=1000 * number + (flags == "RST"),  # a SYN counts as one byte
                options=MSS if flags == "SYN" else b"",
            )
            datagram = frames.ipv4(source, target, 6, segment, identification=number)
            made.append(frames.ethernet(*macs, 0x0800, datagram))
        return made


# -- questions to the recording


def invented(address: object) -> bool:
    """Whether an address is of an invented host."""
    return isinstance(address, IPv4Address) and address in INVENTED


def of_the_flood(frame: Frame) -> bool:
    """Whether a packet is from or to an invented host."""
    return invented(ip_of(frame).source) or invented(ip_of(frame).destination)


def sent_by_attacker(seen: Evidence) -> IpFrames:
    """All packets of the flood, as the attacker sends them."""
    return seen.at(f"{ATTACKER}:lan-a").ip.sent.where(of_the_flood, "of the flood")


def sockets_for(seen: Evidence, node: str) -> States:
    """The samples of the sockets that the flood made a node keep."""
    return seen.sockets(node).where(
        lambda one: one.local.port == PORT and invented(one.remote.address), "for the flood:"
    )


def half_open(seen: Evidence, node: str, time_ns: int) -> States:
    """Those that are half-open at a moment."""
    return sockets_for(seen, node).at(time_ns).where(lambda one: one.state == "SYN-RECV", "SYN-RECV:")


def queue_limit(seen: Evidence, node: str) -> tuple[int, States]:
    """How many half-open connections a node's kernel may hold for its listener, and the listener.

    The smaller of backlog + 1 and three quarters of tcp_max_syn_backlog + 1 (tcp_conn_request in
    net/ipv4/tcp_input.c); the latter only where SYN cookies are off.
    """
    listener = seen.sockets(node).where(lambda one: (one.local.port, one.state) == (PORT, "LISTEN"), "LISTEN")
    if not listener:
        raise NothingSeen(f"{node} listening on port {PORT}")
    most = int(seen.node(node).facts.settings[MOST_SYNS])
    return min(listener[0].send_queue + 1, most - most // 4 + 1), listener[:1]


def expect_full(seen: Evidence, node: str, step: str = FLOOD) -> Finding:
    """Pass when a node holds as many half-open connections after the flood as it can."""
    limit, listener = queue_limit(seen, node)
    held = half_open(seen, node, seen.step(step).end_ns)
    return expect_that(
        len(held) in (limit, limit - 1),
        f"{node} holds {limit} half-open connections, or one less on older kernels",
        cite=(listener, held),
        seen=len(held),
    )


def answers(seen: Evidence, node: str, network: str) -> tuple[Counter[Endpoint], Segments]:
    """How many SYN-ACKs a node sent to each port of the invented hosts, and all of them."""
    sent = seen.at(f"{node}:{network}").tcp.sent.syn_acks.port(PORT).where(of_the_flood, "of the flood")
    return Counter(receiver(frame) for frame in sent), sent


def served_at_once(seen: Evidence, step: str) -> Finding:
    """Pass when the client's first SYN of a step was answered."""
    tried = seen.action("client", "connect", step)
    segments = seen.at("client:lan-a").tcp.of(connection_of(tried))
    return expect(tried.error, None, cite=tried, what="the error of connect()") & expect(
        (len(segments.sent.syns), len(segments.received.syn_acks[:1])),
        (1, 1),
        cite=(segments, segments.markers_cited),
        what="SYNs, and an answer",
    )


# -- checks that every flood must pass


@check(f"the flood is bounded: each burst is of {SYNS} packets at most, {RATE:g} a second at most, and ends")
def flood_is_bounded(self: FloodScenario, seen: Evidence) -> Finding:
    """A check of every scenario here, to be named in its class.

    A burst is what one order to send puts on the wire: the SYNs to one host, or the RSTs that take them
    back. Between any two packets of it 1/RATE seconds must pass; that it is more, on a busy machine, is
    no fault.
    """
    sent = sent_by_attacker(seen)
    orders = seen.all_actions(ATTACKER, "send_frames")
    bursts = [sent.after(order.begin_ns - 1).before(order.end_ns + 1) for order in orders]
    early = [
        frame
        for burst in bursts
        for before, frame in pairwise(burst)
        if (frame.time_ns - before.time_ns) / 1e9 < (1 - CLOCKS) / RATE
    ]
    sizes = [len(burst) for burst in bursts]
    return expect_that(
        max(sizes, default=0) <= SYNS and not early and sum(sizes) == len(sent),
        f"no burst of more than {SYNS}, none faster than {RATE:g}/s, and nothing beside them",
        cite=(orders, [(burst[:1], burst[-1:]) for burst in bursts], early, sent.markers_cited),
        seen=f"bursts of {sizes}, {len(early)} packets too early, {len(sent) - sum(sizes)} beside",
    )


@check("the flood stays between attacker, router and victim; nobody else sees a packet of it")
def flood_is_contained(self: FloodScenario, seen: Evidence) -> Finding:
    """A check of every scenario here, to be named in its class."""
    others = [f"{name}:lan-a" for name in ("client", "neighbour") if name not in self.victims]
    return expect_none(seen.at(*others).ip.where(of_the_flood, "of the flood")) & expect_none(
        seen.at("router:lan-a").ip.sent.where(of_the_flood, "of the flood")
    )


@check("afterwards all is calm: nothing is half-open, and the client is served")
def all_is_calm(self: FloodScenario, seen: Evidence) -> Finding:
    """A check of every scenario here, to be named in its class."""
    tried = seen.action("client", "connect", CALM)
    left = [sample for name in self.victims for sample in half_open(seen, name, tried.begin_ns)]
    return expect(len(left), 0, cite=(left, tried), what="half-open sockets left") & expect(
        tried.error, None, cite=tried, what="the error of connect()"
    )


# -- mutants of every flood


def all_at_once(seen: Evidence) -> Evidence:
    """Let all packets of the flood have been sent in one moment."""
    begin = sent_by_attacker(seen).first.time_ns
    return edits.changed(sent_by_attacker, lambda frame: frame.replaced(time_ns=begin))(seen)


UNBOUNDED = (
    Edit(
        "the attacker sends each packet twice",
        edits.leaked(sent_by_attacker, f"{ATTACKER}:lan-a", "out"),
        kills=(flood_is_bounded,),
    ),
    Edit("the attacker sends all in one moment", all_at_once, kills=(flood_is_bounded,)),
)
