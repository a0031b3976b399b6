"""The Docker backend: what the protocol asks, each answered by the file that knows how."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from testbed.backends.base import (
    Examined,
    Executed,
    Handle,
    LabStatus,
    Names,
    NodeState,
    Owner,
    Report,
    ignore,
)
from testbed.backends.docker import (
    acting,
    attaching,
    cables,
    examining,
    execution,
    fetching,
    images,
    inventory,
    labels,
    removal,
    starting,
)
from testbed.backends.docker.client import Engine
from testbed.backends.docker.compose_cli import compose_version, docker_command
from testbed.backends.docker.following import follow
from testbed.backends.docker.probes import Probes
from testbed.errors import LabFailed, NodeExited, TestbedError
from testbed.topology import Topology

if TYPE_CHECKING:
    from execnet import Gateway


class DockerBackend:
    """Labs on the Docker engine that this machine's docker command talks to.

    Making one costs nothing: the engine is first asked when something is wanted of it.
    """

    name = "docker"

    def __init__(self) -> None:
        self._engine = Engine()
        self._probes: dict[tuple[str, str], Probes] = {}
        self._lock = threading.Lock()
        self._owned: dict[tuple[str, str], int] = {}
        self._fetched: dict[str, bool] = {}
        self._fetching = threading.Lock()

    def versions(self) -> dict[str, str]:
        """Return the versions of engine, API, Compose and the engine's kernel."""
        engine = self._engine.version
        return {
            "engine": str(engine.get("Version", "")),
            "engine_api": str(engine.get("ApiVersion", "")),
            "compose": compose_version(docker_command()),
            "kernel": str(engine.get("KernelVersion", "")),
            "system": f"{engine.get('Os', '')}/{engine.get('Arch', '')}",
        }

    def examine(self, images: Iterable[str] = ()) -> Iterator[Examined]:
        """Look at all that labs rest on; see Backend.examine."""
        return examining.examine(self._engine, images)

    def fetch(self, image: str, progress: Report = ignore) -> bool:
        """Say whether an image is here, or has been got from a registry now: asked once in a process."""
        with self._fetching:  # not the lock of the probes: a pull can take minutes
            if image not in self._fetched:
                self._fetched[image] = fetching.fetch(self._engine, image, progress)
            return self._fetched[image]

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
        """Bring a topology up; see Backend.up."""
        if owner is not None:
            self._own(name, run_id)
        start = starting.Start(self._engine, topology, name, run_id, owner, progress, deadline)
        try:
            return start.up()
        except TestbedError:  # whatever it is, nothing was left
            self._owned.pop((name, run_id), None)
            raise

    def _own(self, name: str, run_id: str) -> None:
        """See to it that a lab does not outlive this process, even if nobody takes it down."""
        if not self._owned:
            atexit.register(self._at_exit)
        self._owned[name, run_id] = os.getpid()

    def _at_exit(self) -> None:
        """Remove what this process started and did not take down (a fork of it started nothing)."""
        for (name, run_id), process in list(self._owned.items()):
            if process == os.getpid():
                removal.remove_run(self._engine, name, run_id, workers=1)

    def attach(self, name: str, topology: Topology | None = None) -> Handle:
        """Find a lab that is up; see Backend.attach."""
        return attaching.attach(self._engine, name, topology)

    def release(self, handle: Handle) -> None:
        """Close the channels opened through this handle."""
        with self._lock:
            probes = self._probes.pop((handle.name, handle.run_id), None)
        if probes is not None:
            probes.close()

    def down(self, handle: Handle, progress: Report = ignore) -> None:
        """Remove the lab and see that nothing of it remains."""
        self.release(handle)
        if handle.project != labels.project_of(handle.name):
            raise LabFailed(
                f"take lab {handle.name!r} down",
                "docker compose started it, not testbed",
                f"docker compose -p {handle.project} down",
            )
        removal.remove_run(self._engine, handle.name, handle.run_id, progress=progress)
        self._owned.pop((handle.name, handle.run_id), None)

    def list(self) -> list[LabStatus]:
        """Return all labs of this engine, leftovers among them."""
        return [inventory.status(run) for run in inventory.runs(self._engine) if not run.empty]

    def wipe(self, names: Sequence[str] | None = None) -> Names:
        """Remove what dead owners left, or the labs named; return what was removed."""
        return removal.wipe(self._engine, names)

    def open_gateway(self, handle: Handle, node: str) -> Gateway:
        """Return a Python in the node's network namespace."""
        name = handle.topology.node(node).name
        state = self.state(handle, name)
        if not state.running:
            raise NodeExited(
                f"open a probe at node {name}",
                f"the node {state.described()}",
                f"See what it said: {handle.logs_of(name)}",
            )
        return self._probes_of(handle).open(name, acting.container_of(handle, name))

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
        """Run a command in the node's own container."""
        return execution.execute(self._engine, handle, node, argv, input, timeout, user)

    def terminal(self, handle: Handle, node: str, argv: Sequence[str]) -> int:
        """Run a command in the node's own container on our terminal; return its exit code."""
        tty = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        container = acting.container_of(handle, node)
        if not execution.holds(self._engine, container, argv[0]):
            raise execution.missing(handle, node, argv)
        return acting.on_terminal(self._engine, ["exec", "--interactive", *tty, container, *argv])

    def probe_terminal(self, handle: Handle, node: str, argv: Sequence[str]) -> int:
        """Run a command in a probe of its own beside the node, on our terminal; return its exit code."""
        name = handle.topology.node(node).name
        tty = sys.stdin.isatty() and sys.stdout.isatty()
        # The shell says what is missing, as 127; the engine would call it a container that cannot start.
        command = ["sh", "-c", 'exec "$@"', f"probe of {name}", *argv]
        probe = self._probes_of(handle).create(name, acting.container_of(handle, name), command, tty=tty)
        return acting.on_terminal(self._engine, ["start", "--attach", "--interactive", probe])

    def logs(self, handle: Handle, node: str, *, tail: int | None = None) -> bytes:
        """Return what the node's program wrote."""
        return acting.logs(self._engine, acting.container_of(handle, node), tail)

    def follow(
        self, handle: Handle, nodes: Sequence[str], *, tail: int | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (node, line) of these nodes' logs as they grow."""
        chosen = {node: acting.container_of(handle, node) for node in nodes}
        return follow(self._engine, chosen, tail)

    def state(self, handle: Handle, node: str) -> NodeState:
        """Return what the node is doing now."""
        return acting.state(self._engine, handle, node)

    def kill(self, handle: Handle, node: str, signal: str = "SIGKILL") -> None:
        """Send a signal to the node's first process."""
        acting.act(self._engine, "kill", handle, node, signal=signal)

    def pause(self, handle: Handle, node: str) -> None:
        """Freeze the node's processes."""
        acting.act(self._engine, "pause", handle, node)

    def unpause(self, handle: Handle, node: str) -> None:
        """Let them go on."""
        acting.act(self._engine, "unpause", handle, node)

    def pull(self, handle: Handle, node: str, network: str) -> None:
        """Pull the node's cable to a network."""
        self._set_cable(handle, node, network, plugged=False)

    def plug(self, handle: Handle, node: str, network: str) -> None:
        """Plug it in again."""
        self._set_cable(handle, node, network, plugged=True)

    def _set_cable(self, handle: Handle, node: str, network: str, plugged: bool) -> None:
        handle.topology.node(node).on(network)  # raises where there is no such interface
        cables.set_cable(
            self.open_gateway(handle, node),
            node,
            acting.mac_of(self._engine, handle, node, network),
            plugged,
            attaching.labels_for_guests(handle),
            self._engine.environment(),
        )

    def _probes_of(self, handle: Handle) -> Probes:
        """Return this process's probes of a lab, none of them open yet at the first call."""
        key = (handle.name, handle.run_id)
        with self._lock:
            if key not in self._probes:
                images.ensure_ours(self._engine, {images.PROBE})
                guest = attaching.labels_for_guests(handle)
                self._probes[key] = Probes(self._engine, handle.name, guest)
            return self._probes[key]
