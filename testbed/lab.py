"""A running topology: its nodes by name, its cables, its undo stack, and its end.

::

    with Lab.up("compose.yaml") as lab:
        lab.client.tcp_echo(lab.server, b"hello")

Owns the order in which things are opened and taken away; what a node can do is `testbed.node`'s,
how a lab is started the backend's, what is recorded the recorder's.
"""

from __future__ import annotations

import functools
import os
import random
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from testbed.actions import Journal
from testbed.backends.base import Backend, Executed, Handle, NodeState, Owner, Report, ignore
from testbed.cable import Cable
from testbed.compose import find_file, load, shipped_file, wished_images, with_lines
from testbed.errors import InvalidComposeFile, NodeExited, ProbeDied, UsageError
from testbed.interrupts import shielded
from testbed.node import Node
from testbed.prefixes import with_free_prefix
from testbed.reachability import Reachability, ping_all
from testbed.topology import Topology
from testbed.undo import UndoStack

if TYPE_CHECKING:
    from testbed.recorder import Recorder, Recording

FOR_NODES: Mapping[str, str] = {"TESTBED_CLIENT": "wait"}
"""What the file is read and run with: its client waits to be told what to do."""

OPENED_AT_ONCE = 16


class Lab:
    """A lab that is up. Leaving it as a context takes it down, unless it is another's or is kept."""

    def __init__(self, backend: Backend, handle: Handle, *, ours: bool) -> None:
        self.backend = backend
        self.handle = handle
        self.topology: Topology = handle.topology
        self.undo = UndoStack()
        self.journal = Journal()
        self.random = random.Random()  # noqa: S311 - what scenarios draw by lot; a run seeds it (--seed)
        self._ours = ours
        self._nodes: dict[str, Node] = {}
        self._lock = threading.RLock()
        self._recorder: Recorder | None = None

    @classmethod
    def up(
        cls,
        file: str | Path | None = None,
        name: str | None = None,
        *,
        backend: Backend | None = None,
        environment: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
        detached: bool = False,
        progress: Report = ignore,
        deadline: float = 120.0,
    ) -> Lab:
        """Start a lab and wait until all its nodes are ready.

        file: a Compose file; by default the one in this folder, else the shipped one.
        name: of a-z, 0-9, '-' and '_'; by default the file's with a number of its own.
        environment: what the file's variables stand for; by default this process's.
        Where it says nothing about TESTBED_NET, a free prefix is found.
        detached: the lab may outlive this process (see `keep`); else what is left of it
        when this process is killed may be removed by anybody.
        deadline: seconds. Raises what Backend.up and testbed.compose.load raise.
        """
        backend = backend or docker()
        path = compose_file(file)
        given = {**(os.environ if environment is None else environment), **FOR_NODES}
        for variable, image in wished_images(path).items():
            if not given.get(variable) and backend.fetch(image, progress):
                given[variable] = image
        owner = None if detached else Owner.current()

        def start(topology: Topology) -> Handle:
            run_id = secrets.token_hex(6)
            called = name or f"{topology.name[:30]}-{run_id[:6]}"
            try:
                return backend.up(
                    topology, called, run_id=run_id, owner=owner, progress=progress, deadline=deadline
                )
            except InvalidComposeFile as error:
                raise with_lines(path, error) from error

        return cls(backend, with_free_prefix(path, given, tuple(profiles), start), ours=True)

    @classmethod
    def attach(
        cls,
        name: str,
        file: str | Path | None = None,
        *,
        backend: Backend | None = None,
        environment: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
    ) -> Lab:
        """Find a lab that is up, whatever has been done to it; leaving it leaves it up.

        file: for one that plain `docker compose up` started, then `name` is its project.
        Raises LabNotFound.
        """
        topology = None
        if file is not None:
            topology = load(Path(file), os.environ if environment is None else environment, tuple(profiles))
        backend = backend or docker()
        return cls(backend, backend.attach(name, topology), ours=False)

    # -- what it consists of

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.handle.name

    @property
    def run_id(self) -> str:
        """What everything that belongs to this start of the lab is labelled with."""
        return self.handle.run_id

    @property
    def prefix(self) -> str | None:
        """First two octets of the addresses (`172.16`), where the file takes them from TESTBED_NET."""
        return self.handle.prefix

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in the order of the file. A node's probe is opened when it is first needed."""
        return tuple(self[node.name] for node in self.topology.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        """Return a node by name; raise UsageError, with the names that there are."""
        declared = self.topology.node(name)
        with self._lock:
            node = self._nodes.get(declared.name)
            if node is None:
                node = self._nodes[declared.name] = self._make(declared.name)
            return node

    def __getattr__(self, name: str) -> Node:
        """Return a node as an attribute; '_' stands for '-'."""
        if name.startswith("_") or "topology" not in self.__dict__:
            raise AttributeError(name)
        try:
            return self[name]
        except UsageError as error:
            raise AttributeError(str(error)) from error

    def __repr__(self) -> str:
        return f"<lab {self.name}: {', '.join(node.name for node in self.topology.nodes)}>"

    def _make(self, name: str) -> Node:
        node = Node(
            self.topology.node(name),
            self.topology,
            functools.partial(self.backend.open_gateway, self.handle, name),
            undo=self.undo,
            execute=functools.partial(self.backend.exec, self.handle, name),
        )
        node.journal = self.journal
        return node

    def cable(self, node: str | Node, network: str) -> Cable:
        """Return the cable between a node and a network: to be cut and healed."""
        declared = self.topology.node(node if isinstance(node, str) else node.name)
        return Cable(self, declared.name, declared.on(network).network)

    # -- what it does

    def open(self, *names: str) -> None:
        """Open the probes of these nodes, or of all that run, in parallel.

        Raises NodeExited for a node that was named and does not run, ProbeDied.
        """
        chosen = [self[name] for name in names] or [node for node in self if self.state(node.name).running]
        with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
            list(pool.map(lambda node: node.call("agent.clock"), chosen))

    def record(self, scenario_id: str) -> AbstractContextManager[Recording]:
        """Record every interface of every node, and what the kernels say, while the block runs."""
        from testbed.recorder import record

        return record(self, scenario_id)

    @property
    def recorder(self) -> Recorder:
        """The recorder of all nodes that run; made, not started, on first use."""
        from testbed.recorder import Recorder

        with self._lock:
            if self._recorder is None:
                running = [node for node in self if self.state(node.name).running]
                self._recorder = Recorder(running, journal=self.journal)
            return self._recorder

    def step(self, name: str) -> AbstractContextManager[None]:
        """Name a part of a scenario in the running recording."""
        return self.journal.step(name)

    def forget_neighbours(self) -> None:
        """Have every node forget the MACs that it has learned; what was entered by hand stays.

        Twice: who has not forgotten yet may ask who has, and would be learned from that.
        """
        for node in [*self, *self]:
            node.forget_neighbours()

    def ping_all(self, timeout: float = 1.0) -> Reachability:
        """Have every node ask every other for an echo (ICMP), once; `timeout` in seconds."""
        return ping_all(self, timeout)

    def versions(self) -> dict[str, str]:
        """Return names and versions of what the lab runs on."""
        return self.backend.versions()

    # -- nodes as a whole

    def state(self, node: str) -> NodeState:
        """Return what a node is doing."""
        return self.backend.state(self.handle, node)

    def logs(self, node: str, tail: int | None = None) -> bytes:
        """Return what a node's program wrote; `tail` is a number of lines."""
        return self.backend.logs(self.handle, node, tail=tail)

    def exec(self, node: str, argv: Sequence[str], *, timeout: float | None = 30.0) -> Executed:
        """Run a command in a node's own container; for a command of the probe's, see Node.run."""
        return self.backend.exec(self.handle, node, argv, timeout=timeout)

    def kill(self, node: str, signal: str = "SIGKILL") -> None:
        """Send a signal to a node's first process."""
        self.backend.kill(self.handle, node, signal)

    def pause(self, node: str) -> None:
        """Freeze a node's processes, until `unpause` or the end of the scenario."""
        self.backend.pause(self.handle, node)
        self.undo.push(f"node {node} is paused", functools.partial(self._unpause_if_paused, node))

    def unpause(self, node: str) -> None:
        """Let a node's processes go on."""
        self.backend.unpause(self.handle, node)

    def _unpause_if_paused(self, node: str) -> None:
        if self.state(node).status == "paused":
            self.unpause(node)

    # -- its end

    def keep(self) -> None:
        """Leave the lab up when it is left; it must have been started `detached`."""
        self._ours = False

    def close(self) -> None:
        """Undo what was changed and let go of the lab, which stays up. Twice is as good as once.

        Raises LabFailed naming what could not be undone.
        """
        try:
            self.undo.unwind()
        finally:
            for node in self._nodes.values():
                node.close()
            self._let_go()

    def down(self, progress: Report = ignore) -> None:
        """Take the lab down and see that nothing of it is left. Twice is as good as once.

        What was changed on nodes that are gone went with them; another undo that fails is
        raised as LabFailed, after everything has been removed.
        """
        with shielded():
            try:
                self.undo.unwind(gone=(NodeExited, ProbeDied))
            finally:
                self._let_go()
                self.backend.down(self.handle, progress)

    def _let_go(self) -> None:
        """Forget the nodes; the backend ends all their probes at once."""
        with self._lock:
            self._nodes.clear()
            self._recorder = None
        self.backend.release(self.handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            self.down()
        else:
            self.close()


def docker() -> Backend:
    """Return the Docker backend; the docker SDK is imported when it first speaks to the engine."""
    from testbed.backends.docker import DockerBackend

    return DockerBackend()


def compose_file(given: str | Path | None) -> Path:
    """Return the Compose file meant: the given one, else this folder's, else the shipped one."""
    if given is not None:
        return Path(given)
    return find_file(Path.cwd()) or shipped_file()
