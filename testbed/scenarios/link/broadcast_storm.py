"""link.broadcast-storm: a ring of switches, and what keeps it calm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import Action, Evidence, Frames, IpFrames
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import until

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

PORT = 7077
STORM, OPENED, TREE = "the ring is closed", "the ring is opened", "the ring is closed, with STP"
AFTERWARDS = "the switches are off"
WORDS = b"one shout"
RATE = 200  # kbit/s of each port: at most 500 shouts in a second
BURST = 4  # KiB that a port may send at once: 80 shouts
MANY = 30  # frames of one shout that make a storm
TIMES = 3  # that so many more must come
QUIET = 6  # looks in a row that must be equal
PATIENCE = 5.0  # seconds
SWITCHES = ("switch-1", "switch-2")
LANS = ("lan-left", "lan-right")
PORTS = tuple(f"{name}:{network}" for name in SWITCHES for network in LANS)
BRIDGE = ("ip", "link", "set", "testbed0", "type", "bridge")
EVERYBODY = "255.255.255.255"


class LinkBroadcastStorm(Scenario):
    """Two switches in a ring multiply a broadcast without end; the spanning tree stops that.

    A switch passes a broadcast to all its other ports. If two switches join the same two LANs, the
    first passes it from left to right, the second takes it there and passes it back to the left,
    and so on, in both directions, for ever: an Ethernet frame has no TTL. One shout fills the
    network. (Here every port is slowed down, and the ring is opened again after some hundred
    copies, so that only this lab has a storm. They are counted by the card of a host on the right,
    which counts every frame that comes.)

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
    places = ("left:lan-left", "right:lan-right", *PORTS)
    topology = "ring.yaml"
    wants = ("kernel: bridge", "kernel: sch_tbf")
    long: ClassVar[float] = 10

    switches = SWITCHES  # those that are switched on
    unslowed: str | None = None  # a port that may send as fast as it can
    opens = True  # the ring, after the storm
    opens_at_end = True
    stp = 1  # in the second half

    def act(self, lab: Lab) -> None:
        for name in SWITCHES:
            join(lab[name], self.unslowed)
        nodes, right = [lab[name] for name in self.switches], lab["right"]
        with lab.step(STORM), contextlib.suppress(DeadlinePassed):
            heard = received(right)
            switch(nodes, "up")
            shout(lab)
            for _ in range(TIMES):
                heard = grown(right, heard + MANY)
        with lab.step(OPENED):
            end(nodes if self.opens else (), right)
        with lab.step(TREE):
            switch(nodes, "down")
            for node in nodes:
                node.run([*BRIDGE, "stp_state", str(self.stp)], check=True)
            switch(nodes, "up")
            with contextlib.suppress(DeadlinePassed):
                until(lambda: settled([state for node in nodes for state in ports(node)]), "ports settle", 15)
            shout(lab)
            with contextlib.suppress(DeadlinePassed):
                calm(right)
        with lab.step(AFTERWARDS):
            end(nodes if self.opens_at_end else (), right)
        switch(nodes, "down")  # where it was not done: the recording's own last frames must get through

    # -- the storm

    @staticmethod
    def copies(seen: Evidence, step: str, place: str) -> IpFrames:
        """The copies of a step's shout that one place shows."""
        shown = seen.during(step).at(place).udp.after(seen.action("left", "sendto", step).begin_ns)
        return shown.where(lambda frame: frame.packet.payload == WORDS, "copies of the shout")

    @staticmethod
    def counts(seen: Evidence, step: str) -> list[tuple[Action, int]]:
        """What the card of `right` had received, each time that it was looked at during a step."""
        return [(action, int(action.result["stdout"])) for action in seen.all_actions("right", "run", step)]

    @classmethod
    def growths(cls, seen: Evidence) -> list[tuple[Action, int]]:
        """The first look of the storm, and those at which more than MANY frames had come since the last."""
        looks = cls.counts(seen, STORM)
        found = looks[:1]
        for action, count in looks[1:]:
            if count > found[-1][1] + MANY:
                found.append((action, count))
        return found

    @classmethod
    def quiet(cls, seen: Evidence, step: str) -> Finding:
        """Pass when the count was the same in the last looks of a step."""
        last = cls.counts(seen, step)[-QUIET:]
        counts = [count for _, count in last]
        looks = [action for action, _ in last]
        return expect(counts, counts[:1] * QUIET, cite=looks, what="frames received, look by look")

    @check("every port of the two switches is slowed down, and keeps to it while the ring is closed")
    def ports_are_slow(self, seen: Evidence) -> Finding:
        limits = [action for name in SWITCHES for action in seen.all_actions(name, "limit")]
        slow = {f"{action.node}:{action.arguments['network']}" for action in limits if not action.error}
        storm = seen.step(STORM)
        most = int(BURST * 1024 + RATE * 1000 / 8 * (storm.end_ns - storm.begin_ns) / 1e9)
        sent = {port: self.copies(seen, STORM, port).sent for port in PORTS}
        return expect(slow, set(PORTS), cite=limits, what="slow") & expect_all(
            (
                expect_that(
                    size(frames) <= most, f"{port} sends at most {most} bytes", cite=frames, seen=size(frames)
                )
                for port, frames in sent.items()
            ),
            f"ports that send at most {most} bytes, which is their burst and their rate",
        )

    @check(f"with the ring closed, one shout becomes more than {MANY} frames, as the card of a host counts")
    def it_multiplies(self, seen: Evidence) -> Finding:
        looks = self.counts(seen, STORM)
        came = looks[-1][1] - looks[0][1] if looks else 0
        cite = [action for action, _ in looks]
        return expect_that(came > MANY, f"more than {MANY} frames come", cite=cite, seen=came)

    @check("and it goes on: again as many, and again", needs=[it_multiplies])
    def it_goes_on(self, seen: Evidence) -> Finding:
        looks = self.growths(seen)
        return expect_that(
            len(looks) == 1 + TIMES,
            f"{TIMES} times more than {MANY} frames come",
            cite=[action for action, _ in looks],
            seen=[count for _, count in looks],
        )

    @check("left shouted once")
    def one_shout(self, seen: Evidence) -> Finding:
        sent = [action for action in seen.all_actions("left", "sendto") if action.step == STORM]
        return expect(len(sent), 1, cite=sent, what="shouts")

    @check("with the ring opened it is calm: the count grows no more")
    def it_is_calm(self, seen: Evidence) -> Finding:
        return self.quiet(seen, OPENED)

    # -- the tree

    @check("with STP one port of the four blocks, and the others forward")
    def one_port_blocks(self, seen: Evidence) -> Finding:
        looks = [seen.all_actions(name, "run", TREE)[-1:] for name in SWITCHES]
        found = sorted(state for look in looks for action in look for state in states_of(action))
        return expect(found, ["blocking", "forwarding", "forwarding", "forwarding"], cite=looks)

    @check("and each host hears it once: right gets one copy, and left, who sent it, none back")
    def one_copy(self, seen: Evidence) -> Finding:
        heard = [self.copies(seen, TREE, place).received for place in ("right:lan-right", "left:lan-left")]
        cite = [(frames, frames.markers_cited) for frames in heard]
        return expect([len(frames) for frames in heard], [1, 0], cite=cite, what="copies at right, at left")

    @check("when all is over, it is calm")
    def calm_afterwards(self, seen: Evidence) -> Finding:
        return self.quiet(seen, AFTERWARDS)

    mutants = (
        Mutant(
            "there is no ring", settings={"switches": SWITCHES[:1]}, kills=(it_multiplies, one_port_blocks)
        ),
        Mutant("one port is not slowed down", settings={"unslowed": PORTS[-1]}, kills=(ports_are_slow,)),
        Mutant("STP is off in the second half", settings={"stp": 0}, kills=(one_port_blocks, one_copy)),
        Mutant("the ring is not opened after the storm", settings={"opens": False}, kills=(it_is_calm,)),
        Mutant(
            "nor at the end, and STP is off",
            settings={"opens": False, "opens_at_end": False, "stp": 0},
            kills=(it_is_calm, one_port_blocks, one_copy, calm_afterwards),
        ),
        Edit("the storm ends by itself", lambda seen: ended(seen), kills=(it_goes_on,)),
        Edit(
            "a port sends more than it may",
            edits.changed(
                lambda seen: LinkBroadcastStorm.copies(seen, STORM, PORTS[0]).sent[:1],
                lambda frame: frame.replaced(original_length=1 << 24),
            ),
            kills=(ports_are_slow,),
        ),
        Edit(
            "left shouted twice",
            lambda seen: seen.edited(
                actions=(*seen.actions, seen.action("left", "sendto", STORM)),
            ),
            kills=(one_shout,),
        ),
        Edit(
            "left hears its own shout",
            edits.leaked(
                lambda seen: LinkBroadcastStorm.copies(seen, TREE, "right:lan-right"), "left:lan-left"
            ),
            kills=(one_copy,),
        ),
    )


def ended(seen: Evidence) -> Evidence:
    """Let no frame have come any more once many had."""
    action, _ = LinkBroadcastStorm.growths(seen)[1]
    return edits.said(
        lambda known: [one for one in known.all_actions("right", "run", STORM) if one.number > action.number],
        action.result["stdout"],
    )(seen)


def size(frames: Frames) -> int:
    """Bytes of some frames."""
    return sum(frame.original_length for frame in frames)


def join(node: Node, unslowed: str | None) -> None:
    """Make a node a switch between its two LANs, each port slowed down but for one; it is off at first."""
    link = ["ip", "link"]
    fast = ["forward_delay", "200", "hello_time", "100"]  # hundredths of a second: the least that are allowed
    node.change([*link, "add", "testbed0", "type", "bridge", *fast], [*link, "delete", "testbed0"])
    for network in LANS:
        leg = node.interface_on(network)
        if f"{node.name}:{network}" != unslowed:
            node.limit(network, f"{RATE}kbit", burst=f"{BURST}kb")
        node.change([*link, "set", leg, "master", "testbed0"], [*link, "set", leg, "nomaster"])


def switch(nodes: Sequence[Node], state: str) -> None:
    """Let switches work, or not: `up`, `down`."""
    for node in nodes:
        node.run(["ip", "link", "set", "testbed0", state], check=True)


def end(nodes: Sequence[Node], hearer: Node) -> None:
    """Open the ring by switching these switches off, and wait until nothing more comes."""
    switch(nodes, "down")
    with contextlib.suppress(DeadlinePassed):
        calm(hearer)


def shout(lab: Lab) -> None:
    """Send one broadcast from the left."""
    with lab["left"].udp(SO_BROADCAST=1) as voice:
        voice.send(WORDS, EVERYBODY, PORT)


def received(node: Node) -> int:
    """How many frames a host's card has received."""
    (network,) = node.declared.networks
    counter = f"/sys/class/net/{node.interface_on(network)}/statistics/rx_packets"
    return int(node.run(["cat", counter], check=True).stdout)


def grown(node: Node, beyond: int) -> int:
    """Wait until a host's card has received more frames than that; return how many."""
    counts: list[int] = []

    def more() -> bool:
        counts.append(received(node))
        return counts[-1] > beyond

    until(more, f"{node.name} has received more than {beyond} frames", PATIENCE)
    return counts[-1]


def calm(node: Node) -> None:
    """Wait until a host's card receives nothing more for some looks."""
    counts: list[int] = []

    def same() -> bool:
        counts.append(received(node))
        return len(counts) >= QUIET and len(set(counts[-QUIET:])) == 1

    until(same, f"{node.name} receives no more frames", PATIENCE)


def ports(node: Node) -> list[str]:
    """The states of a switch's ports: forwarding, blocking, and what is between."""
    written = node.run(["bridge", "-j", "link", "show"], check=True).stdout
    return [row["state"] for row in json.loads(written)]


def states_of(action: Action) -> list[str]:
    """The states in what `ports` wrote down."""
    return [row["state"] for row in json.loads(bytes(action.result["stdout"]))]


def settled(states: list[str]) -> bool:
    """Whether every port has made up its mind: none listens or learns, and not all wait."""
    return set(states) <= {"blocking", "forwarding"} and "forwarding" in states
