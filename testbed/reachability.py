"""Who reaches whom: an ICMP echo from every node to every other, as a matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.errors import TestbedError, UsageError

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

WORKERS = 16


@dataclass(frozen=True, slots=True)
class Ping:
    """One echo asked for. rtt_ms: milliseconds until the answer; None with the reason in `error`."""

    source: str
    target: str
    address: str
    rtt_ms: float | None
    error: str = ""

    @property
    def answered(self) -> bool:
        """Whether an answer came."""
        return self.rtt_ms is not None


@dataclass(frozen=True, slots=True)
class Reachability:
    """The answers, by (source, target)."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    pings: Mapping[tuple[str, str], Ping]

    def __getitem__(self, pair: tuple[str, str]) -> Ping:
        return self.pings[pair]

    def __iter__(self) -> Iterator[Ping]:
        return iter(self.pings.values())

    @property
    def complete(self) -> bool:
        """Whether every node reached every other."""
        return all(ping.answered for ping in self)

    @property
    def unreached(self) -> tuple[Ping, ...]:
        """Those without an answer."""
        return tuple(ping for ping in self if not ping.answered)


def ping_all(
    lab: Lab, timeout: float = 1.0, sources: Sequence[str] | None = None, targets: Sequence[str] | None = None
) -> Reachability:
    """Ask for one echo between every two nodes, or from `sources` to `targets`; timeout in seconds.

    A node that does not run reaches nobody, and nobody reaches it; why is an answer too, no error.
    """
    names = tuple(node.name for node in lab.topology.nodes)
    senders, receivers = tuple(sources or names), tuple(targets or names)
    pairs = [(sender, receiver) for sender in senders for receiver in receivers if sender != receiver]
    involved = tuple(dict.fromkeys((*senders, *receivers)))
    with ThreadPoolExecutor(WORKERS) as pool:
        states = dict(zip(involved, pool.map(lab.state, involved), strict=True))

        def one(pair: tuple[str, str]) -> Ping:
            for name in pair:
                if not states[name].running:
                    return Ping(*pair, "", None, f"{name} {states[name].described()}")
            return ping(lab[pair[0]], lab[pair[1]], timeout)

        pings = list(pool.map(one, pairs))
    return Reachability(senders, receivers, dict(zip(pairs, pings, strict=True)))


def ping(source: Node, target: Node, timeout: float = 1.0) -> Ping:
    """Ask for one echo; timeout in seconds."""
    address = ""
    try:
        address = source.address_of(target)
        answer = source.run(["ping", "-n", "-c", "1", "-W", f"{timeout:g}", address], timeout=timeout + 5)
    except UsageError as error:
        return Ping(source.name, target.name, address, None, error.seen)
    except (TestbedError, TimeoutError) as error:
        return Ping(source.name, target.name, address, None, str(error).partition("\n")[0])
    return _read(source.name, target.name, address, answer.stdout.decode(errors="replace"))


def _read(source: str, target: str, address: str, text: str) -> Ping:
    """Read what iputils' ping says: `time=0.042 ms`, or `From 10.0.0.1 icmp_seq=1 Destination …`."""
    if match := re.search(r"time[=<]([\d.]+) ms", text):
        return Ping(source, target, address, float(match[1]))
    refused = re.search(r"^From (\S+) icmp_seq=\d+ (.+)$", text, re.MULTILINE)
    return Ping(
        source, target, address, None, f"{refused[2]} (says {refused[1]})" if refused else "no answer"
    )
