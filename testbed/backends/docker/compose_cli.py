"""Runs `docker compose` on the user's file, in a session of its own, and reads what it says.

In a session of its own, since a Ctrl-C at the terminal goes to every process of the
foreground: Compose would start to take things down while we do.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testbed.backends.docker.client import version_numbers
from testbed.errors import DeadlinePassed, EngineUnavailable

OLDEST_COMPOSE = (2, 24)
GRACE = 5.0
"""Seconds that Compose gets to end by itself when it is told to."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line of Compose's progress: Container testbed-demo-client-1 Started."""

    kind: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How Compose ended: exit code, and what it said other than progress."""

    status: int
    complaints: tuple[str, ...]

    @property
    def text(self) -> str:
        """The end of it."""
        return "\n".join(self.complaints[-20:])


_PROGRESS = re.compile(r"\s*(Network|Container|Volume|Image)\s+(\S+)\s+([A-Z][a-z]+)(?:\s.*)?")


def docker_command() -> str:
    """Return where the docker command is; raise EngineUnavailable where it is not."""
    path = shutil.which("docker")
    if path is None:
        raise EngineUnavailable(
            "run docker",
            "there is no `docker` command in PATH",
            "Install it: `make run` does so on Debian as root",
        )
    return path


@functools.cache
def compose_version(docker: str) -> str:
    """Return Compose's version; raise EngineUnavailable where it is missing or older than 2.24."""
    answer = subprocess.run(
        [docker, "compose", "version", "--short"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    install = "Install the Compose plugin, 2.24 or newer: https://docs.docker.com/compose/install/linux/"
    version = answer.stdout.strip()
    if answer.returncode != 0 or not version_numbers(version):
        raise EngineUnavailable("run docker compose", "the docker command has no plugin `compose`", install)
    if version_numbers(version) < OLDEST_COMPOSE:
        raise EngineUnavailable("run docker compose", f"it is version {version}, too old", install)
    return version


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    said: Callable[[Said], None],
    deadline: float,
    inherited: tuple[int, ...] = (),
) -> Outcome:
    """Run `docker compose …` to its end. However this ends, no process of it is left.

    deadline: seconds. inherited: file descriptors that it is to have.
    Raises DeadlinePassed, with Compose's last words.
    """
    command = [docker_command(), "compose", "--ansi", "never", "--progress", "plain", *arguments]
    with _in_own_session([*_dies_with_us(), *command], environment, inherited) as process:
        complaints: list[str] = []
        reader = threading.Thread(target=_read, args=(process, said, complaints), daemon=True)
        reader.start()
        try:
            status = process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            last = "\n".join(complaints[-5:]) or "it said nothing"
            raise DeadlinePassed(
                f"docker compose {' '.join(arguments[-3:])}", f"not done after {deadline:.0f} s: {last}"
            ) from error
        reader.join()
    return Outcome(status, tuple(complaints))


def _read(process: subprocess.Popen[str], said: Callable[[Said], None], complaints: list[str]) -> None:
    """Sort what Compose says into progress and the rest."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := _PROGRESS.fullmatch(line.rstrip()):
            said(Said(*match.groups()))
        elif line.strip():
            complaints.append(line.strip())


@contextlib.contextmanager
def _in_own_session(
    command: Sequence[str], environment: Mapping[str, str], inherited: tuple[int, ...]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, **environment}, text=True, errors="replace",
        start_new_session=True, pass_fds=inherited,
    )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole group that this process leads, kindly and then not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):  # it ended just now
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    if process.stderr is not None:
        process.stderr.close()


def _dies_with_us() -> list[str]:
    """Have the kernel end Compose when we are killed, where util-linux can ask it to."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
