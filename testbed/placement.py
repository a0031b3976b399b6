"""The placing of faults on a node: from a match to rules in the node's kernel, and back."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from testbed.errors import TestbedError, Unsupported, UsageError
from testbed.faults import Fault, FaultState, Parts
from testbed.matching import HOOKS_OF_INET, WHERES, Match, expressions
from testbed.text import clean

if TYPE_CHECKING:
    from testbed.node import Node

# numgen counts modulo this: the packet after 4,294,967,295 would be the first again.
_COUNT = 0xFFFFFFFF


class Faults:
    """The faults of one node: places them, keeps count, remembers them for the recording."""

    def __init__(self, node: Node) -> None:
        self.node = node
        # Another process may have faults on the same node: its table is not ours.
        self._table = f"testbed-{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._chains: dict[str, set[str]] = {}
        self._dead_man: dict[str, int] = {}
        self._changing = threading.RLock()
        self._active: list[Fault] = []
        self._undone: list[Fault] = []

    # -- the record

    def active(self) -> tuple[Fault, ...]:
        """Those in force, in the order in which they were placed."""
        return tuple(self._active)

    def take(self) -> tuple[FaultState, ...]:
        """All that were in force since the last time: those undone are forgotten with this."""
        with self._changing:
            undone, self._undone = self._undone, []
            active = list(self._active)
        return tuple(fault.state() for fault in sorted((*undone, *active), key=lambda one: one.begin_ns))

    def _add(self, kind: str, description: str, where: str, rule: str, parts: Parts) -> Fault:
        fault = Fault(self.node, kind, f"{description} ({where})", where, rule, parts, self._over)
        with self._changing:
            self._active.append(fault)
        self.node.undo_later(fault.undo)
        return fault

    def _over(self, fault: Fault) -> None:
        with self._changing:
            self._active.remove(fault)
            self._undone.append(fault)

    # -- packets lost

    def lose(self, match: Match, nth: int, times: int, where: str | None) -> Fault:
        """Lose the packets nth … nth + times - 1 that match."""
        last = nth + times - 1
        if nth < 1 or times < 1 or last >= _COUNT:
            raise UsageError("lose a packet", f"nth={nth}, times={times}", "both count from 1")
        chosen = str(nth - 1) if times == 1 else f"{nth - 1}-{last - 1}"
        which = ordinal(nth) if times == 1 else f"{ordinal(nth)} to {ordinal(last)}"
        verdict = f"numgen inc mod {_COUNT} {chosen} counter drop"
        return self._filter("lose", f"lose the {which} {match}", match, verdict, where)

    def drop(self, match: Match, where: str | None) -> Fault:
        """Lose every packet that matches."""
        return self._filter("drop", f"drop every {match}", match, "counter drop", where)

    def limit_each(self, match: Match, rate: str, burst: int, where: str | None) -> Fault:
        """Lose what comes from one source above a rate."""
        over = f"ip saddr limit rate over {rate} burst {burst} packets"
        verdict = f"meter each-{next(self._numbers)} {{ {over} }} counter drop"
        description = f"limit {match} to {rate} from each source, and {burst} at first"
        return self._filter("limit-each", description, match, verdict, where)

    def _filter(self, kind: str, description: str, match: Match, verdict: str, where: str | None) -> Fault:
        where = where or self._default_where(match)
        if where not in WHERES:
            raise UsageError(f"{kind} {match}", f"where={where!r}", f"one of {', '.join(WHERES)}")
        family, hook = self._hook(match, where)
        without, fitting = expressions(match, self.node, where)
        body = [*(f"{line} return" for line in without), f"{fitting} counter {verdict}"]
        return self._place(kind, description, where, family, hook, body)

    def _default_where(self, match: Match) -> str:
        if self.node.declared.forwards and match.protocol != "arp":
            return "forward"
        outward = match.direction == "out" or (match.direction is None and match.source is self.node)
        return "egress" if outward else "ingress"

    def _hook(self, match: Match, where: str) -> tuple[str, str]:
        """Return the table's family, and the chain's first line."""
        if where in HOOKS_OF_INET:
            return "inet", f"type filter hook {where} priority 0; policy accept;"
        if match.network is not None:
            names = [self.node.interface_on(match.network)]
        else:
            names = [row["name"] for row in self.node.interfaces() if row["up"]]
        devices = ", ".join(f'"{name}"' for name in names)
        return "netdev", f"type filter hook {where} devices = {{ {devices} }} priority 0; policy accept;"

    # -- packets changed

    def redirect(self, port: int, to: int, protocol: str) -> Fault:
        """Redirect a port of this node to another."""
        return self._place(
            "redirect",
            f"redirect {protocol} port {port} to {to}",
            "prerouting",
            "inet",
            "type nat hook prerouting priority dstnat; policy accept;",
            [f"{protocol} dport {port} counter redirect to :{to}"],
        )

    def masquerade(self, network: str) -> Fault:
        """Translate what is forwarded to a network to this node's own address there."""
        return self._place(
            "masquerade",
            f"masquerade towards {network}",
            "postrouting",
            "inet",
            "type nat hook postrouting priority srcnat; policy accept;",
            [f'oifname "{self.node.interface_on(network)}" counter masquerade'],
        )

    # -- nftables

    def _place(
        self, kind: str, description: str, where: str, family: str, hook: str, body: Sequence[str]
    ) -> Fault:
        chain = f"{kind}-{next(self._numbers)}"
        rule = "\n    ".join(body)
        script = f"table {family} {self._table} {{\n  chain {chain} {{\n    {hook}\n    {rule}\n  }}\n}}\n"
        with self._changing, self.node.doing(kind, fault=description, where=where, rule=rule):
            if not self._chains.get(family):
                argv = ["nft", "delete", "table", family, self._table]
                self._dead_man[family] = self.node.undo_when_dead("processes.run", argv=argv, timeout=5.0)
            self._command(["nft", "-f", "-"], script)
            self._chains.setdefault(family, set()).add(chain)
            parts = Parts(lambda: self._counters(family, chain), lambda: self._remove(family, chain))
            return self._add(kind, description, where, rule, parts)

    def _remove(self, family: str, chain: str) -> tuple[int, int]:
        with self._changing:
            counts = self._counters(family, chain)
            self._chains[family].discard(chain)
            if self._chains[family]:
                there = f"{family} {self._table} {chain}"
                self._command(["nft", "-f", "-"], f"flush chain {there}\ndelete chain {there}\n")
            else:
                self._command(["nft", "delete", "table", family, self._table])
                self.node.call("agent.forget_undo", number=self._dead_man.pop(family))
        return counts

    def _counters(self, family: str, chain: str) -> tuple[int, int]:
        """The first counter of the last rule says what matched, its last what was acted on."""
        listed = json.loads(self._command(["nft", "-j", "list", "chain", family, self._table, chain]))
        rules: list[dict[str, Any]] = [item["rule"] for item in listed["nftables"] if "rule" in item]
        counts = [part["counter"]["packets"] for part in rules[-1]["expr"] if "counter" in part]
        return counts[0], counts[-1]

    def _command(self, argv: Sequence[str], script: str = "") -> bytes:
        """Run a command of the probe's; Unsupported where the kernel lacks what it needs."""
        answer = self.node.call(
            "processes.run", within=10.0, argv=list(argv), timeout=10.0, stdin=script.encode()
        )
        if answer["status"] != 0:
            said = clean(answer["stderr"]).strip()
            if "not supported" in said or "No such file or directory" in said or "kind is unknown" in said:
                raise Unsupported(f"set a fault on {self.node.name}", f"its kernel refuses it: {said}")
            raise TestbedError(f"{' '.join(argv)} on {self.node.name}", f"{said}\n{script}".strip())
        return bytes(answer["stdout"])

    # -- a slow or a long line

    def limit(self, network: str, rate: str, burst: str, latency: str) -> Fault:
        """Put a token bucket (tc-tbf(8)) in front of the interface on a network."""
        bucket = ["tbf", "rate", rate, "burst", burst, "latency", latency]
        with self.node.doing("limit", network=network, rate=rate, burst=burst, latency=latency):
            return self._queue(network, bucket, "limit", f"limit to {rate} towards {network}")

    def delay(self, network: str, seconds: float) -> Fault:
        """Put a long line (tc-netem(8)) in front of the interface on a network."""
        line = ["netem", "delay", f"{seconds * 1e3:g}ms"]
        with self.node.doing("delay", network=network, seconds=seconds):
            return self._queue(network, line, "delay", f"delay of {seconds:g} s towards {network}")

    def _queue(self, network: str, queue: list[str], kind: str, description: str) -> Fault:
        """Replace the queue that what leaves for a network waits in (tc(8)); hits are what it lost."""
        interface = self.node.interface_on(network)
        remove_argv = ["tc", "qdisc", "delete", "dev", interface, "root"]

        def count() -> tuple[int, int]:
            listed = json.loads(self._command(["tc", "-s", "-j", "qdisc", "show", "dev", interface]))
            row = next(item for item in listed if item["kind"] == queue[0])
            return row["packets"] + row["drops"], row["drops"]

        def remove() -> tuple[int, int]:
            counts = count()
            self._command(remove_argv)
            self.node.call("agent.forget_undo", number=number)
            return counts

        with self._changing:
            number = self.node.undo_when_dead("processes.run", argv=remove_argv, timeout=5.0)
            try:
                self._command(["tc", "qdisc", "add", "dev", interface, "root", *queue])
            except Unsupported as refused:
                self.node.call("agent.forget_undo", number=number)
                module = f"sch_{queue[0]}"
                raise Unsupported(
                    f"{kind} what {self.node.name} sends to {network}",
                    f"its kernel lacks {module}",
                    f"As root: modprobe {module}; else it takes a kernel that has it",
                ) from refused
            return self._add(kind, description, "egress", " ".join(queue), Parts(count, remove))


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
