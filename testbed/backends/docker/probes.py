"""A Python beside a node: a second container that joins the node's network namespace.

The channel is the standard input and output of `docker start -ai`. When this process ends, by
whatever death, its end of the pipe closes, Python in the probe reads the end of its input
and ends, and the engine removes the container (AutoRemove).
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import execnet
from execnet import gateway_base
from execnet.gateway_io import popen_bootstrapline

from testbed.backends.docker import labels
from testbed.backends.docker.client import Engine, engine
from testbed.backends.docker.compose_cli import docker_command
from testbed.backends.docker.images import PROBE
from testbed.errors import ProbeDied

MEMORY = 256 * 1024 * 1024
PIDS = 256

ENGINES_READ_ONLY = (
    "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
)  # fmt: skip
"""What the engine makes read-only in every container (moby, oci/defaults.go): our list replaces its own."""

NOT_THE_NODES = ("/sysnet/netfilter/nf_hooks_lwtunnel",)
"""Settings that a namespace shows and that are the whole machine's: the kernel keeps this one in
a static key, for all namespaces, and never turns it off again (net/netfilter/nf_hooks_lwtunnel.c)."""

PATIENCE = 60.0
"""Seconds until a new probe must have answered."""

GRACE = 2.0
"""Seconds that a probe gets to end by itself when its channel is closed."""


class Probes:
    """The probes that this process opened for one lab, one channel for each node."""

    def __init__(self, engine_: Engine, lab: str, common: Mapping[str, str]) -> None:
        self._engine = engine_
        self._lab = lab
        self._labels = dict(common)
        self._group = execnet.Group()
        self._open: dict[str, execnet.Gateway] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="testbed-probes-")

    def open(self, node: str, container: str) -> execnet.Gateway:
        """Return the channel to a node's namespace, a new one where there is none that lives.

        Raises ProbeDied with what docker said.
        """
        with self._lock:
            lock = self._opening.setdefault(node, threading.Lock())
        with lock:
            gateway = self._open.get(node)
            if gateway is None or not gateway.hasreceiver():
                gateway = self._open[node] = self._start(node, container)
            return gateway

    def close(self) -> None:
        """End all channels, and by that the probes; wait until they have ended."""
        self._group.terminate(timeout=GRACE)
        self._folder.cleanup()

    def _start(self, node: str, container: str) -> execnet.Gateway:
        name = self.create(node, container, ["python3", "-u", "-c", popen_bootstrapline])
        script, said = Path(self._folder.name, name), Path(self._folder.name, f"{name}.stderr")
        variables = [f"{key}={value}" for key, value in self._engine.environment().items()]
        start = [docker_command(), "start", "--attach", "--interactive", name]
        command = shlex.join([*_own_session(), "env", *variables, *start])
        script.write_text(f"exec {command} 2>{shlex.quote(str(said))}\n", encoding="utf-8")
        try:
            gateway = self._group.makegateway(f"popen//id={name}//python=sh {script}")
            gateway.remote_exec("channel.send(True)").receive(PATIENCE)
        except (EOFError, OSError, gateway_base.TimeoutError) as error:
            seen = _last_words(said) or str(error)
            self._remove(name)
            raise ProbeDied(f"open a probe at node {node}", seen) from error
        return gateway

    def create(self, node: str, container: str, command: Sequence[str], *, tty: bool = False) -> str:
        """Make a probe's container beside a node, not started; return its name.

        It removes itself when its command ends. Raises ProbeDied with what the engine said.
        """
        from docker.errors import APIError

        name = f"testbed-{self._lab}-probe-{node}-{secrets.token_hex(3)}"
        mine = {**self._labels, labels.ROLE: labels.ROLE_PROBE, labels.NODE: node}
        with engine(f"make a probe at node {node}"):
            try:
                self._engine.client.create_container_from_config(  # type: ignore[no-untyped-call]
                    _description(container, command, tty, mine), name
                )
            except APIError as error:
                raise ProbeDied(f"make a probe at node {node}", error.explanation or str(error)) from error
        return name

    def _remove(self, name: str) -> None:
        """Remove a probe that did not start, if it is still there: one that never ran stays otherwise."""
        from docker.errors import NotFound

        with engine(f"remove the probe {name}"), contextlib.suppress(NotFound):
            self._engine.client.remove_container(name, force=True, v=True)


def _description(container: str, command: Sequence[str], tty: bool, own: Mapping[str, str]) -> dict[str, Any]:
    """Describe a probe in the words of the Engine API's ContainerCreate.

    The docker command cannot say ReadonlyPaths. The engine skips those that do not exist.
    """
    return {
        "Image": PROBE,
        "Cmd": list(command),
        "Tty": tty,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": dict(own),
        "HostConfig": {
            "NetworkMode": f"container:{container}",
            "AutoRemove": True,
            "CapDrop": ["ALL"],
            "CapAdd": ["NET_ADMIN", "NET_RAW"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": ""},  # noqa: S108  in the probe, its own
            "Binds": ["/proc/sys/net:/sysnet"],
            "ReadonlyPaths": [*ENGINES_READ_ONLY, *NOT_THE_NODES],
            "LogConfig": {"Type": "none"},
            "Memory": MEMORY,
            "PidsLimit": PIDS,
        },
    }


def _own_session() -> list[str]:
    """Return what starts a command in a session of its own: Ctrl-C at the terminal is not for it."""
    if setsid := shutil.which("setsid"):
        return [setsid]
    program = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-I", "-S", "-c", program]


def _last_words(said: Path) -> str:
    try:
        return said.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
