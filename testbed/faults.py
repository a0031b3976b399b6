"""Faults: lose exactly this packet, drop those, limit a rate; and the middle box's tricks.

    with lab.router.lose(Match(flags="SYN,ACK", source_port=8888)) as fault:
        ...                         # the first SYN-ACK is lost, its repetition passes
    assert fault.hits() == 1

`Match` says which packets, in words of the protocols; the node, and `where`, say at which
point on their way:

    forward   on a router, between its interfaces: seen where it came in, not where it
              would have gone out. The default on a node that forwards.
    ingress   on arrival, before the node's kernel looks at it: recorded at the node, and
              never received by it. The default on a host for what comes to it.
    egress    on leaving, after the kernel has sent it: not on the wire, so not recorded.
              The default on a host for what it sends.
    input, output   netfilter's hooks of those names, for what must be reassembled or
              tracked first. A packet lost at output fails the sender's call with EPERM.

Each fault is a chain of its own in a table of our own (`inet testbed`, `netdev testbed`), so
undoing it removes just that; the table goes with its last chain. Docker's rules (the
embedded DNS) are left alone. The kernel counts: how many packets matched, how many were lost.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from testbed.errors import ProbeDied, TestbedError, Unsupported, UsageError
from testbed.matching import FORWARD_HOOKS, WHERES, Match, expressions

if TYPE_CHECKING:
    from testbed.node import Node

__all__ = ["Fault", "FaultState", "Faults", "Match"]

TABLE = "testbed"
# numgen counts modulo this: the packet after 4,294,967,295 would be the first again.
_COUNT = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault as evidence. matched: packets that fitted; hits: those it acted on.

    end_ns: None while it is in force. Times are CLOCK_REALTIME in ns by the node's clock.
    """

    node: str
    kind: str
    description: str
    where: str
    rule: str
    begin_ns: int
    end_ns: int | None
    matched: int
    hits: int
    step: str | None = None


class Fault:
    """A fault in force on a node; undone by `undo`, at the end of its `with`, or by the lab."""

    def __init__(
        self, owner: Faults, kind: str, description: str, where: str, rule: str, parts: _Parts
    ) -> None:
        self.node = owner.node
        self.kind = kind
        self.description = description
        self.where = where
        self.rule = rule
        self.step = owner.node.journal.current_step
        self.begin_ns = owner.node.now_ns()
        self._owner = owner
        self._parts = parts
        self._end_ns: int | None = None
        self._counts = (0, 0)
        self._undoing = threading.Lock()

    def __repr__(self) -> str:
        return f"<{self.kind} on {self.node.name}: {self.description}>"

    def hits(self) -> int:
        """How many packets the kernel counted as lost (or limited, or changed) by it, so far."""
        return self._count()[1]

    def matched(self) -> int:
        """How many packets fitted its description so far, those that passed included."""
        return self._count()[0]

    def _count(self) -> tuple[int, int]:
        with self._undoing:
            if self._end_ns is None:
                self._counts = self._parts.count()
            return self._counts

    def await_hits(self, count: int = 1, timeout: float = 5.0) -> None:
        """Wait until the kernel has counted so many; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (hits := self.hits()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{self.description} on {self.node.name}: {hits} of {count} packets in {timeout:g} s"
                )
            time.sleep(0.005)

    def state(self) -> FaultState:
        """The fault as evidence, with the counts of this moment."""
        try:
            matched, hits = self._count()
        except ProbeDied:  # the counts as they were last read; that the probe died is told elsewhere
            matched, hits = self._counts
        return FaultState(
            self.node.name, self.kind, self.description, self.where, self.rule,
            self.begin_ns, self._end_ns, matched, hits, self.step,
        )  # fmt: skip

    def undo(self) -> None:
        """Take it back; twice is as good as once."""
        with self._undoing:
            if self._end_ns is not None:
                return
            with self.node.doing("undo", fault=self.description) as doing:
                self._counts = self._parts.remove()
                doing.result = {"matched": self._counts[0], "hits": self._counts[1]}
            self._end_ns = self.node.now_ns()
        self._owner.undone(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ProbeDied):
            return  # nobody is left to ask; the lab's end removes the node
        self.undo()


@dataclass(frozen=True, slots=True)
class _Parts:
    """How a fault is counted and removed: both return (matched, hits)."""

    count: Callable[[], tuple[int, int]]
    remove: Callable[[], tuple[int, int]]


class Faults:
    """The faults of one node: places them, keeps count, remembers for the recording."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._numbers = itertools.count(1)
        self._chains: dict[str, set[str]] = {}
        self._changing = threading.Lock()
        self._active: list[Fault] = []
        self._undone: list[Fault] = []

    def active(self) -> tuple[Fault, ...]:
        """Those in force, in the order in which they were placed."""
        return tuple(self._active)

    def take(self) -> tuple[FaultState, ...]:
        """All that were in force since the last time: those undone are forgotten with this."""
        with self._changing:
            undone, self._undone = self._undone, []
            active = list(self._active)
        return tuple(fault.state() for fault in sorted((*undone, *active), key=lambda one: one.begin_ns))

    def undone(self, fault: Fault) -> None:
        """Move a fault to those that are over."""
        with self._changing:
            self._active.remove(fault)
            self._undone.append(fault)

    def lose(self, match: Match, nth: int, times: int, where: str | None) -> Fault:
        """Lose the packets nth … nth + times - 1 that match."""
        if nth < 1 or times < 1 or nth + times > _COUNT:
            raise UsageError("lose a packet", f"nth {nth}, times {times}", "both count from 1")
        last = nth + times - 2
        chosen = str(nth - 1) if times == 1 else f"{nth - 1}-{last}"
        picked = f"numgen inc mod {_COUNT} {chosen} counter drop"
        which = _ordinal(nth) if times == 1 else f"{_ordinal(nth)} to {_ordinal(last + 1)}"
        return self._filter("lose", f"lose the {which} {match}", match, picked, where)

    def drop(self, match: Match, where: str | None) -> Fault:
        """Lose every packet that matches."""
        return self._filter("drop", f"drop every {match}", match, "counter drop", where)

    def _filter(self, kind: str, description: str, match: Match, verdict: str, where: str | None) -> Fault:
        where = where or self._default_where(match)
        if where not in WHERES:
            raise UsageError(f"{kind} {match}", f"where={where!r}", f"one of {', '.join(WHERES)}")
        family, hook = self._hook(match, where)
        before, fitting = expressions(match, self.node, where)
        body = [*(f"{line} return" for line in before), f"{fitting} counter {verdict}"]
        return self._place(kind, description, where, family, hook, body)

    def _default_where(self, match: Match) -> str:
        if self.node.declared.forwards and match.protocol != "arp":
            return "forward"
        outward = match.direction == "out" or (match.direction is None and match.source is self.node)
        return "egress" if outward else "ingress"

    def _hook(self, match: Match, where: str) -> tuple[str, str]:
        """Return the table's family and what stands in the chain's first line."""
        if where in FORWARD_HOOKS:
            return "inet", f"type filter hook {where} priority 0; policy accept;"
        if match.network is not None:
            names = [self.node.interface_on(match.network)]
        else:
            names = [row["name"] for row in self.node.interfaces() if row["up"]]
        devices = ", ".join(f'"{name}"' for name in names)
        return "netdev", f"type filter hook {where} devices = {{ {devices} }} priority 0; policy accept;"

    def redirect(self, port: int, to: int, protocol: str) -> Fault:
        """Redirect a port of this node to another."""
        return self._place(
            "redirect", f"redirect {protocol} port {port} to {to}", "prerouting", "inet",
            "type nat hook prerouting priority dstnat; policy accept;",
            [f"{protocol} dport {port} counter redirect to :{to}"],
        )  # fmt: skip

    def masquerade(self, network: str) -> Fault:
        """Translate what is forwarded to a network to this node's own address there."""
        interface = self.node.interface_on(network)
        return self._place(
            "masquerade", f"masquerade towards {network}", "postrouting", "inet",
            "type nat hook postrouting priority srcnat; policy accept;",
            [f'oifname "{interface}" counter masquerade'],
        )  # fmt: skip

    def _place(
        self, kind: str, description: str, where: str, family: str, hook: str, body: Sequence[str]
    ) -> Fault:
        name = f"{kind}-{next(self._numbers)}"
        rules = "\n    ".join(body)
        with self._changing, self.node.doing(kind, fault=description, where=where, rule=rules):
            self._nft(f"table {family} {TABLE} {{\n  chain {name} {{\n    {hook}\n    {rules}\n  }}\n}}\n")
            self._chains.setdefault(family, set()).add(name)
            parts = _Parts(lambda: self._counters(family, name), lambda: self._remove(family, name))
            fault = Fault(self, kind, description, where, rules, parts)
            self._active.append(fault)
        self.node.undo_later(fault.undo)
        return fault

    def _nft(self, script: str) -> None:
        result = self.node.call(
            "processes.run", within=10.0, argv=["nft", "-f", "-"], timeout=10.0, stdin=script.encode()
        )
        if result["status"] != 0:
            said = result["stderr"].decode("utf-8", "replace").strip()
            if "not supported" in said or "No such file" in said:
                raise Unsupported(
                    f"place a rule on {self.node.name}", f"this kernel's nftables refuses it: {said}"
                )
            raise TestbedError(f"change the rules of {self.node.name}", f"{said}\n{script}")

    def _counters(self, family: str, name: str) -> tuple[int, int]:
        """The first counter of the last rule says what matched, the last what was acted on."""
        argv = ["nft", "-j", "list", "chain", family, TABLE, name]
        result = self.node.call("processes.run", within=10.0, argv=argv, timeout=10.0)
        if result["status"] != 0:
            said = result["stderr"].decode("utf-8", "replace").strip()
            raise TestbedError(f"count the packets of {name} on {self.node.name}", said)
        listed: list[dict[str, Any]] = json.loads(result["stdout"])["nftables"]
        rule = [item["rule"] for item in listed if "rule" in item][-1]
        counts = [part["counter"]["packets"] for part in rule["expr"] if "counter" in part]
        return counts[0], counts[-1]

    def _remove(self, family: str, name: str) -> tuple[int, int]:
        counts = self._counters(family, name)
        with self._changing:
            chains = self._chains[family]
            chains.discard(name)
            if chains:
                self._nft(f"flush chain {family} {TABLE} {name}\ndelete chain {family} {TABLE} {name}\n")
            else:
                self._nft(f"delete table {family} {TABLE}\n")
        return counts

    def limit(self, network: str, rate: str, burst: str, latency: str) -> Fault:
        """Put a token bucket (tc-tbf) in front of the interface on a network."""
        interface = self.node.interface_on(network)
        bucket = ["rate", rate, "burst", burst, "latency", latency]

        def traffic_control(*words: str) -> bytes:
            return self.node.run(["tc", *words], check=True).stdout

        def count() -> tuple[int, int]:
            row = next(
                item
                for item in json.loads(traffic_control("-s", "-j", "qdisc", "show", "dev", interface))
                if item["kind"] == "tbf"
            )
            return row["packets"], row["overlimits"]

        def remove() -> tuple[int, int]:
            counts = count()
            traffic_control("qdisc", "delete", "dev", interface, "root")
            return counts

        with (
            self._changing,
            self.node.doing("limit", network=network, rate=rate, burst=burst, latency=latency),
        ):
            traffic_control("qdisc", "add", "dev", interface, "root", "tbf", *bucket)
            fault = Fault(
                self,
                "limit",
                f"limit to {rate} towards {network}",
                "egress",
                " ".join(bucket),
                _Parts(count, remove),
            )
            self._active.append(fault)
        self.node.undo_later(fault.undo)
        return fault


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
