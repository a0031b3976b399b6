"""link.broadcast-storm: a ring of switches, and what keeps it calm."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, check, expect, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Action, Evidence, IpFrames
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import until

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

PORT = 7077
STORM, OPENED, TREE = "the ring is closed", "the ring is opened", "the ring is closed, with STP"
WORDS = b"one shout"
RATE = "500kbit"  # of each port: at most a thousand frames in a second, whatever they are
MANY = 30  # copies of one shout that make a storm
QUIET = 6  # looks in a row that must be equal
COUNTER = "IpExtInBcastPkts"  # IP broadcasts that a host received, counted by its kernel
SWITCHES = ("switch-1", "switch-2")
LANS = ("lan-left", "lan-right")
EVERYBODY = "255.255.255.255"


class LinkBroadcastStorm(Scenario):
    """Two switches in a ring multiply a broadcast without end; the spanning tree stops that.

    A switch passes a broadcast to all its other ports. If two switches join the same two LANs, the
    first passes it from left to right, the second takes it there and passes it back to the left,
    and so on, in both directions, for ever: an Ethernet frame has no TTL. One shout fills the
    network. (Here every port is slowed down, and the ring is opened again after some hundred
    copies, so that only this lab has a storm.)

    Nobody wants to do without the second way; it is the spare one. So switches speak with each
    other, by the spanning tree protocol: they choose a root, find that there is a ring, and one of them
    stops passing frames at one of its ports. Each host then hears one copy. If the other way breaks,
    the port opens.
    """

    id = "link.broadcast-storm"
    layer = Layer.LINK
    rfc = ("IEEE 802.1D §8", "Perlman 1985")
    claim = Claim(
        "Switches in a ring multiply a broadcast without end; the spanning tree protocol stops that."
    )
    places = (
        "left:lan-left",
        "right:lan-right",
        "switch-1:lan-left",
        "switch-1:lan-right",
        "switch-2:lan-left",
        "switch-2:lan-right",
    )
    topology = "ring.yaml"
    wants = ("kernel: bridge", "kernel: sch_tbf")
    long: ClassVar[float] = 10

    switches = SWITCHES
    stp = 1

    def act(self, lab: Lab) -> None:
        nodes = [lab[name] for name in self.switches]
        for node in nodes:
            join(node)
        hearer = lab["right"]
        with lab.step(STORM):
            for node in nodes:
                set_link(node, "up")
            heard = hearer.counters().get(COUNTER, 0)
            shout(lab)
            with contextlib.suppress(DeadlinePassed):
                for times in (1, 2, 3):  # it grows, and goes on growing
                    hearer.await_counter(COUNTER, heard + times * MANY, timeout=15)
        with lab.step(OPENED):
            for node in nodes:
                set_link(node, "down")
            calm(hearer)
        with lab.step(TREE):
            for node in nodes:
                node.run(
                    ["ip", "link", "set", "testbed0", "type", "bridge", "stp_state", str(self.stp)],
                    check=True,
                )
                set_link(node, "up")
            with contextlib.suppress(DeadlinePassed):
                until(
                    lambda: settled([state for node in nodes for state in ports(node)]), "one port blocks", 15
                )
            for node in nodes:
                ports(node)
            shout(lab)
            with contextlib.suppress(DeadlinePassed):
                calm(hearer)
        for node in nodes:
            set_link(node, "down")

    # -- the storm

    @staticmethod
    def copies(seen: Evidence, step: str, place: str) -> IpFrames:
        """Copies of the shout that a host received during a step."""
        heard = seen.during(step).at(place).udp.received
        return heard.where(lambda frame: frame.packet.payload == WORDS, "copies of the shout")

    @check(f"with the ring closed, one shout is received more than {MANY} times, counted by the kernel")
    def it_multiplies(self, seen: Evidence) -> Finding:
        counts = seen.all_actions("right", "await_counter", STORM)
        first = counts[0] if counts else seen.action("right", "await_counter", STORM)
        return expect_that(first.error is None, f"{MANY} copies or more are counted", first, first.error)

    @check("and it goes on: again as many, and again", needs=[it_multiplies])
    def it_goes_on(self, seen: Evidence) -> Finding:
        counts = seen.all_actions("right", "await_counter", STORM)
        grown = [count.error is None for count in counts]
        return expect(grown, [True] * 3, cite=counts, what=f"{MANY} more, each time")

    @check("left shouted once")
    def one_shout(self, seen: Evidence) -> Finding:
        sent = [action for action in seen.all_actions("left", "sendto") if action.step == STORM]
        return expect(len(sent), 1, cite=sent, what="shouts")

    @check("with the ring opened it is calm: no counter grows any more")
    def it_is_calm(self, seen: Evidence) -> Finding:
        last = seen.all_actions("right", "run", OPENED)[-2:]
        before, after = (count_of(action) for action in last)
        return expect(after, before, cite=last, what="broadcasts received")

    # -- the tree

    @check("with STP one port of the four blocks, and the others forward")
    def one_port_blocks(self, seen: Evidence) -> Finding:
        looks = [seen.all_actions(name, "run", TREE)[-1:] for name in SWITCHES]
        found = sorted(state for look in looks for action in look for state in states_of(action))
        return expect(found, ["blocking", "forwarding", "forwarding", "forwarding"], cite=looks)

    @check("and the host on the other side hears one copy, not one more")
    def one_copy(self, seen: Evidence) -> Finding:
        heard = self.copies(seen, TREE, "right:lan-right")
        return expect(len(heard), 1, cite=(heard, heard.markers_cited), what="copies")

    mutants = (
        Mutant(
            "there is no ring", settings={"switches": SWITCHES[:1]}, kills=(it_multiplies, one_port_blocks)
        ),
        Mutant("STP is off in the second half", settings={"stp": 0}, kills=(one_port_blocks, one_copy)),
        Edit(
            "the storm ends by itself",
            edits.with_error(
                lambda seen: seen.all_actions("right", "await_counter", STORM)[1:], "DeadlinePassed"
            ),
            kills=(it_goes_on,),
        ),
        Edit(
            "left shouted twice",
            lambda seen: seen.edited(
                actions=(*seen.actions, seen.action("left", "sendto", STORM)),
            ),
            kills=(one_shout,),
        ),
        Edit(
            "it goes on though the ring is open",
            edits.said(lambda seen: seen.all_actions("right", "run", OPENED)[-1:], b"99999"),
            kills=(it_is_calm,),
        ),
    )


def join(node: Node) -> None:
    """Make a node a switch between its two LANs, each port slowed down; it is off at first."""
    link = ["ip", "link"]
    fast = ["forward_delay", "200", "hello_time", "100"]  # hundredths of a second: the least that are allowed
    node.change([*link, "add", "testbed0", "type", "bridge", *fast], [*link, "delete", "testbed0"])
    for network in LANS:
        leg = node.interface_on(network)
        node.limit(network, RATE)
        node.change([*link, "set", leg, "master", "testbed0"], [*link, "set", leg, "nomaster"])


def set_link(node: Node, state: str) -> None:
    """Let a switch work, or not."""
    node.run(["ip", "link", "set", "testbed0", state], check=True)


def shout(lab: Lab) -> None:
    """Send one broadcast from the left."""
    with lab["left"].udp(SO_BROADCAST=1) as voice:
        voice.send(WORDS, EVERYBODY, PORT)


def calm(node: Node) -> None:
    """Wait until a host's count of broadcasts is the same in two looks, a while apart."""
    counts: list[bytes] = []

    def same() -> bool:
        counts.append(node.run(["sh", "-c", "grep ^IpExt: /proc/net/netstat"], check=True).stdout)
        return len(counts) > QUIET and len(set(counts[-QUIET:])) == 1

    until(same, f"{node.name} hears no more broadcasts", 10)


def count_of(action: Action) -> int:
    """The broadcasts received, in what `calm` wrote down."""
    written = bytes(action.result["stdout"]).decode()
    rows = [row.split() for row in written.splitlines()]
    return int(dict(zip(rows[0], rows[1], strict=True))["InBcastPkts"]) if len(rows) == 2 else int(written)


def ports(node: Node) -> list[str]:
    """The states of a switch's ports: forwarding, blocking, and what is between."""
    written = node.run(["bridge", "-j", "link", "show"], check=True).stdout
    return [row["state"] for row in json.loads(written)]


def states_of(action: Action) -> list[str]:
    """The states in what `ports` wrote down."""
    return [row["state"] for row in json.loads(bytes(action.result["stdout"]))]


def settled(states: list[str]) -> bool:
    """Whether every port has made up its mind, and one of them blocks."""
    return sorted(set(states)) == ["blocking", "forwarding"]
