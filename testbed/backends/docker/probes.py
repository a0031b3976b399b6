"""A Python beside a node: a second container that joins the node's network namespace.

The channel is the standard input and output of `docker run -i`. When this process ends, by
whatever death, its end of the pipe closes, Python in the probe reads the end of its input
and ends, and the engine removes the container (`--rm`).
"""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import execnet
from execnet import gateway_base

from testbed.backends.docker import labels
from testbed.backends.docker.images import PROBE
from testbed.errors import ProbeDied

MEMORY = "256m"
PIDS = 256
PATIENCE = 20.0
"""Seconds until a new probe must have answered."""

GRACE = 2.0
"""Seconds that a probe gets to end by itself when its channel is closed."""


class Probes:
    """The probes that this process opened for one lab, one channel for each node."""

    def __init__(
        self, lab: str, common: Mapping[str, str], docker: str, environment: Mapping[str, str]
    ) -> None:
        self._lab = lab
        self._labels = dict(common)
        self._docker = docker
        self._environment = dict(environment)
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
        name = f"testbed-{self._lab}-probe-{node}-{secrets.token_hex(3)}"
        script, said = Path(self._folder.name, name), Path(self._folder.name, f"{name}.stderr")
        variables = [f"{key}={value}" for key, value in self._environment.items()]
        command = shlex.join([*_own_session(), "env", *variables, *self._command(name, node, container)])
        script.write_text(f'exec {command} "$@" 2>{shlex.quote(str(said))}\n', encoding="utf-8")
        try:
            gateway = self._group.makegateway(f"popen//id={name}//python=sh {script}")
            gateway.remote_exec("channel.send(True)").receive(PATIENCE)
        except (EOFError, OSError, gateway_base.TimeoutError) as error:
            raise ProbeDied(f"open a probe at node {node}", _last_words(said) or str(error)) from error
        return gateway

    def _command(self, name: str, node: str, container: str) -> list[str]:
        """Return the command that starts Python in a probe; execnet gives Python its arguments."""
        return [self._docker, *self.run_arguments(name, node, container), "python3"]

    def run_arguments(self, name: str, node: str, container: str, *more: str) -> list[str]:
        """Return what docker is told to run a probe of this name beside a node, but for its command."""
        mine = {**self._labels, labels.ROLE: labels.ROLE_PROBE, labels.NODE: node}
        return [
            "run", "--interactive", "--rm", "--pull=never", f"--name={name}", *more,
            f"--network=container:{container}",
            "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add=NET_RAW",
            "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp",
            "--volume=/proc/sys/net:/sysnet", "--log-driver=none",
            f"--memory={MEMORY}", f"--pids-limit={PIDS}",
            *labels.arguments(mine),
            PROBE,
        ]  # fmt: skip


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
