"""Evidence: all that was recorded of one scenario, as a value.

Owns the questions that a check asks of a recording. Does not run anything,
and does not know where the recording came from: a live lab or a file.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Address

from testbed.evidence.frames import Frames, NothingSeen
from testbed.evidence.layers import crossing_key
from testbed.evidence.nodes import NodeView
from testbed.evidence.records import (
    Action,
    Citation,
    Connection,
    Endpoint,
    FaultRecord,
    Frame,
    Gap,
    NeighbourSample,
    NodeFacts,
    Step,
    TcpSample,
    Vantage,
)
from testbed.evidence.states import Neighbours, States
from testbed.topology import Topology


@dataclass(frozen=True)
class Evidence:
    """The recording of one scenario: frames of every vantage point, samples, actions, facts.

    frames, tcp_samples, neighbour_samples and actions are in order of time; times are CLOCK_REALTIME ns.
    """

    scenario: str
    topology: Topology
    begin_ns: int
    end_ns: int
    vantages: tuple[Vantage, ...]
    frames: tuple[Frame, ...]
    tcp_samples: tuple[TcpSample, ...] = ()
    neighbour_samples: tuple[NeighbourSample, ...] = ()
    actions: tuple[Action, ...] = ()
    steps: tuple[Step, ...] = ()
    faults: tuple[FaultRecord, ...] = ()
    facts: Mapping[str, NodeFacts] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()

    # -- places

    def at(self, *vantages: str) -> Frames:
        """The frames of one or more vantage points, markers apart; KeyError for a place not recorded."""
        by_place = self._by_vantage
        for name in vantages:
            if name not in self._places:
                known = ", ".join(sorted(self._places))
                raise KeyError(f"no vantage point {name!r} in this recording; there are {known}")
        chosen = sorted((f for name in vantages for f in by_place[name]), key=lambda f: (f.time_ns, f.number))
        what = f"at {' or '.join(vantages)}"
        return Frames((f for f in chosen if not f.is_marker), what, tuple(f for f in chosen if f.is_marker))

    def on(self, network: str) -> Frames:
        """The frames of every vantage point on a network."""
        return self.at(*(vantage.name for vantage in self.vantages if vantage.network == network))

    @cached_property
    def _places(self) -> frozenset[str]:
        return frozenset(vantage.name for vantage in self.vantages)

    @cached_property
    def _by_vantage(self) -> Mapping[str, list[Frame]]:
        places: dict[str, list[Frame]] = defaultdict(list)
        for frame in self.frames:
            places[frame.vantage].append(frame)
        return places

    def node(self, name: str) -> NodeView:
        """What was recorded of a node; KeyError when the lab had none of that name."""
        declared = {
            interface.network: interface.address.ip
            for interface in self.topology.node(name).interfaces
            if interface.address is not None
        }
        vantages = tuple(vantage for vantage in self.vantages if vantage.node == name)
        return NodeView(name, vantages, declared, self.facts.get(name, NodeFacts(name)))

    def __getattr__(self, name: str) -> NodeView:
        """`seen.client` for `seen.node("client")`; a dash in a node's name is written `_`."""
        if not name.startswith("_"):
            for node in self.topology.nodes:
                if node.name.replace("-", "_") == name:
                    return self.node(node.name)
        raise AttributeError(f"a recording has neither a field nor a node {name!r}")

    # -- what the scenario did

    def action(self, node: str | None = None, name: str | None = None, step: str | None = None) -> Action:
        """The first action that fits; NothingSeen when there is none."""
        for action in self.all_actions(node, name, step):
            return action
        wanted = " ".join(str(part) for part in (node, name, f"in step {step!r}" if step else None) if part)
        raise NothingSeen(f"an action {wanted}")

    def step(self, name: str) -> Step:
        """A part of the scenario, by its name; NothingSeen when it was never reached."""
        for step in self.steps:
            if step.name == name:
                return step
        raise NothingSeen(f"step {name!r}")

    def during(self, step: str) -> Evidence:
        """What was recorded during a step of the scenario; NothingSeen when it was never reached.

        Markers are kept: the place was watched all the while.
        """
        known = self.step(step)
        begin, end = known.begin_ns, known.end_ns
        return self.edited(
            begin_ns=begin,
            end_ns=end,
            frames=tuple(f for f in self.frames if f.is_marker or begin <= f.time_ns <= end),
            tcp_samples=tuple(s for s in self.tcp_samples if begin <= s.time_ns <= end),
            neighbour_samples=tuple(s for s in self.neighbour_samples if begin <= s.time_ns <= end),
            actions=tuple(action for action in self.actions if action.step == step),
        )

    def all_actions(
        self, node: str | None = None, name: str | None = None, step: str | None = None
    ) -> tuple[Action, ...]:
        """The actions that fit, in order of their beginning."""
        return tuple(
            action
            for action in self.actions
            if node in (None, action.node) and name in (None, action.name) and step in (None, action.step)
        )

    def connection(self, node: str = "client", step: str | None = None) -> Connection:
        """The connection that a node opened, or tried to, as its own `connect` reported it."""
        return connection_of(self.action(node, "connect", step))

    # -- the kernel's view

    def tcp_states(self, node: str, connection: Connection) -> States:
        """The states of a node's socket of one connection."""
        ends = {connection.client, connection.server}
        samples = (s for s in self.tcp_samples if s.node == node and {s.local, s.remote} == ends)
        return States(samples, f"{node}'s socket of {connection}", self.end_ns)

    def sockets(self, node: str) -> States:
        """The samples of all of a node's TCP sockets."""
        return States((s for s in self.tcp_samples if s.node == node), f"sockets of {node}", self.end_ns)

    def neighbours(self, node: str, address: IPv4Address | None = None) -> Neighbours:
        """The changes of a node's neighbour table, of one address or of all."""
        samples = (s for s in self.neighbour_samples if s.node == node and address in (None, s.address))
        what = f"neighbour {address} of {node}" if address else f"neighbours of {node}"
        return Neighbours(samples, what)

    def counter(self, node: str, name: str) -> int:
        """By how much a kernel counter grew: `TcpExtListenDrops`, `IpForwDatagrams`."""
        counters = self.facts[node].counters
        if name not in counters:
            raise KeyError(f"no counter {name!r} of {node}; there are {', '.join(sorted(counters))}")
        begin, end = counters[name]
        return end - begin

    # -- the same packet at two places

    def crossings(self, before: str, after: str) -> Crossings:
        """Pair the IP packets received at one vantage point with the same packets sent at another."""
        waiting: dict[object, deque[Frame]] = defaultdict(deque)
        sent = self.at(after).ip.sent
        for frame in sent:
            waiting[crossing_key(frame)].append(frame)
        pairs: list[tuple[Frame, Frame]] = []
        lost: list[Frame] = []
        for frame in self.at(before).ip.received:
            queue = waiting[crossing_key(frame)]
            if queue:
                pairs.append((frame, queue.popleft()))
            else:
                lost.append(frame)
        made = tuple(frame for queue in waiting.values() for frame in queue)
        return Crossings(before, after, tuple(pairs), tuple(lost), made)

    # -- for mutants

    def edited(self, **changes: object) -> Evidence:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def map_frames(self, edit: Callable[[Frame], Frame | None]) -> Evidence:
        """Return a copy in which each frame is what edit makes of it; None drops it."""
        frames = (edit(frame) for frame in self.frames)
        return self.edited(frames=tuple(frame for frame in frames if frame is not None))

    def map_actions(self, edit: Callable[[Action], Action | None]) -> Evidence:
        """Return a copy in which each action is what edit makes of it; None drops it."""
        actions = (edit(action) for action in self.actions)
        return self.edited(actions=tuple(action for action in actions if action is not None))

    def map_tcp_samples(self, edit: Callable[[TcpSample], TcpSample | None]) -> Evidence:
        """Return a copy in which each TCP sample is what edit makes of it; None drops it."""
        samples = (edit(sample) for sample in self.tcp_samples)
        return self.edited(tcp_samples=tuple(sample for sample in samples if sample is not None))

    def map_neighbours(self, edit: Callable[[NeighbourSample], NeighbourSample | None]) -> Evidence:
        """Return a copy in which each neighbour sample is what edit makes of it; None drops it."""
        samples = (edit(sample) for sample in self.neighbour_samples)
        return self.edited(neighbour_samples=tuple(sample for sample in samples if sample is not None))


@dataclass(frozen=True, slots=True)
class Crossings:
    """What a router received on one side and sent on the other, packet by packet.

    pairs: (as received, as sent). lost: received, never sent on. made: sent, never received there.
    """

    before: str
    after: str
    pairs: tuple[tuple[Frame, Frame], ...]
    lost: tuple[Frame, ...]
    made: tuple[Frame, ...]

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members, in order."""
        return tuple(frame.citation for pair in self.pairs for frame in pair)

    def of(self, test: Callable[[Frame], bool]) -> Crossings:
        """Keep what concerns the packets for which test is true."""
        return Crossings(
            self.before,
            self.after,
            tuple(pair for pair in self.pairs if test(pair[0])),
            tuple(filter(test, self.lost)),
            tuple(filter(test, self.made)),
        )


def connection_of(action: Action) -> Connection:
    """The connection that a `connect` action opened or tried to open."""
    ends = action.result or action.arguments
    if not ends.get("local"):
        raise NothingSeen(f"the local port of {action}", (action.citation,))
    return Connection(Endpoint.of(ends["local"]), Endpoint.of(ends["remote"]))


def multiset(items: Iterable[object]) -> Counter[object]:
    """Count equal things: for comparing what came with what was to come, order aside."""
    return Counter(items)
