"""What the rest of the package may ask of whatever runs a lab. Nothing here knows Docker.

A backend is small: bring a topology up and take it down, list what runs, open a channel to
a node's network namespace, act on a node as a whole, pull and plug a cable. Every other
operation is written once, above it, over the channel.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from testbed.backends.owner import DETACHED, Liveness, Owner

if TYPE_CHECKING:
    from execnet import Gateway

    from testbed.topology import Topology

__all__ = [
    "DETACHED",
    "Backend",
    "Examined",
    "Executed",
    "Fitness",
    "Handle",
    "LabStatus",
    "Liveness",
    "NodeState",
    "Owner",
    "Progress",
    "Report",
    "ignore",
]

Subject = Literal["lab", "image", "network", "node", "probe"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that took place: `node client healthy`.

    state: a word in lower case ("building", "created", "starting", "started", "healthy",
    "exited", "opened", "removed", "refused").
    """

    subject: Subject
    name: str
    state: str
    detail: str = ""


Report = Callable[[Progress], None]
"""Where progress goes. It may be called from several threads, one call at a time or not."""


def ignore(progress: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A lab that is up, as the backend knows it.

    topology: as declared, with what the engine chose filled in.
    containers: node -> the backend's identity of it; what the topology declares and is not
    there (any more) is missing.
    prefix: first two octets (`172.16`) where the file takes them from TESTBED_NET.
    file: what must be named to find the lab again, where it does not bear its topology itself.
    """

    name: str
    project: str
    run_id: str
    topology: Topology
    containers: Mapping[str, str]
    prefix: str | None = None
    file: Path | None = None

    def logs_of(self, node: str) -> str:
        """The command that shows what a node's program wrote."""
        words = ["testbed", "logs", node, "-n", self.name, *(["-f", str(self.file)] if self.file else [])]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node is doing.

    status: "running", "paused", "exited", "restarting", "created", "dead" or "missing".
    exit_code: of the last end, None while it runs or was never started.
    health: "healthy", "unhealthy", "starting", or None where it has no health check.
    """

    status: str
    exit_code: int | None = None
    health: str | None = None
    out_of_memory: bool = False

    @property
    def running(self) -> bool:
        """Whether the node has a network namespace that can be entered."""
        return self.status in ("running", "paused")

    def described(self) -> str:
        """What the node does, as a verb: "exited with 137 (SIGKILL), out of memory"."""
        if self.status == "missing":
            return "is gone: it has no container"
        if self.status == "exited":
            text = f"exited with {self.exit_code}"
            if self.exit_code is not None and self.exit_code > 128:
                text += f" ({_signal_name(self.exit_code - 128)})"
            return text + (", out of memory" if self.out_of_memory else "")
        return f"is {self.status}, {self.health}" if self.health else f"is {self.status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A lab, or what is left of one.

    nodes: node -> status, probes not among them. subnets: network -> subnet, as text.
    leftover: nobody is going to use it any more: `wipe` removes it, and so does the next
    `up` of its name.
    """

    name: str
    project: str
    run_id: str
    owner: str
    liveness: Liveness
    leftover: bool
    nodes: Mapping[str, str] = field(default_factory=dict)
    subnets: Mapping[str, str] = field(default_factory=dict)


class Fitness(Enum):
    """GOOD: as it should be. LACKING: something goes without it. BAD: no lab runs like this."""

    GOOD = "good"
    LACKING = "lacking"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing of this machine that labs rest on, and what to do where it is not good."""

    subject: str
    fitness: Fitness
    seen: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Executed:
    """A command that ran to its end in a node's own container."""

    status: int
    stdout: bytes
    stderr: bytes


Names = list[str]  # for a class that has a method of that name


class Backend(Protocol):
    """What runs a lab. A capability that one lacks raises `Unsupported`."""

    @property
    def name(self) -> str:
        """As given to --backend."""

    def versions(self) -> dict[str, str]:
        """Return names and versions of what takes part: engine, compose, kernel and more."""

    def examine(self, images: Iterable[str] = ()) -> Iterator[Examined]:
        """Look, one after another, at all that labs rest on; missing things are told, not raised.

        images: those to look for besides the backend's own.
        """

    def fetch(self, image: str, progress: Report = ignore) -> bool:
        """Say whether an image is here, or has been got from a registry now. Raises EngineUnavailable."""

    def up(
        self,
        topology: Topology,
        name: str,
        *,
        run_id: str,
        owner: Owner | None,
        progress: Report = ignore,
        deadline: float = 120.0,
    ) -> Handle:
        """Bring a topology up and wait until every node runs, and is healthy where it can tell.

        owner: None leaves the lab up when its starter ends.
        deadline: seconds. On any error everything that was created is removed again.

        Raises PrefixInUse (try other addresses), ImageMissing, NodeExited (with the node's
        last words), LabFailed, EngineUnavailable, UsageError (a name that cannot be).
        """

    def attach(self, name: str, topology: Topology | None = None) -> Handle:
        """Find a lab that is up, whatever has been done to it. `topology`: for one that bears none.

        Raises LabNotFound.
        """

    def release(self, handle: Handle) -> None:
        """Close the channels opened through this handle; the lab stays up."""

    def down(self, handle: Handle, progress: Report = ignore) -> None:
        """Remove the lab and see that nothing of it remains. Twice is as good as once."""

    def list(self) -> list[LabStatus]:
        """Return all labs of this engine, leftovers among them, by name."""

    def wipe(self, names: Sequence[str] | None = None) -> Names:
        """Remove what dead owners left, or the labs named, live or not. Return what was removed."""

    def open_gateway(self, handle: Handle, node: str) -> Gateway:
        """Return a Python in the node's network namespace; the same one while it lives.

        Raises NodeExited where the node does not run, ProbeDied where no channel comes up.
        """

    def exec(
        self,
        handle: Handle,
        node: str,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002  as in subprocess
        timeout: float | None = 30.0,
        user: str | None = None,
    ) -> Executed:
        """Run a command in the node's own container; `timeout` in seconds. Raises CommandMissing."""

    def terminal(self, handle: Handle, node: str, argv: Sequence[str]) -> int:
        """Run a command in the node's own container on our terminal; return its exit code.

        Raises CommandMissing where the container does not hold it.
        """

    def probe_terminal(self, handle: Handle, node: str, argv: Sequence[str]) -> int:
        """Run a command with the network tools in the node's network namespace, on our terminal."""

    def logs(self, handle: Handle, node: str, *, tail: int | None = None) -> bytes:
        """Return what the node's program wrote to standard output and error, in order."""

    def follow(
        self, handle: Handle, nodes: Sequence[str], *, tail: int | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (node, line) of these nodes' logs as they grow, until all have ended.

        Close the iterator to stop following. A line is as the node wrote it, without its end.
        """

    def state(self, handle: Handle, node: str) -> NodeState:
        """Return what the node is doing now."""

    def kill(self, handle: Handle, node: str, signal: str = "SIGKILL") -> None:
        """Send a signal to the node's first process."""

    def pause(self, handle: Handle, node: str) -> None:
        """Freeze the node's processes; its kernel side answers on."""

    def unpause(self, handle: Handle, node: str) -> None:
        """Let them go on."""

    def pull(self, handle: Handle, node: str, network: str) -> None:
        """Pull the node's cable to a network: the node sees no carrier."""

    def plug(self, handle: Handle, node: str, network: str) -> None:
        """Plug it in again."""
