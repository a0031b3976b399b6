"""Who started something, written so that anybody can later tell whether that process still lives.

A process number alone comes round again; together with the time it started and the
machine's boot it does not. Pure but for reading /proc (or `ps`, where there is no /proc).
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from testbed.errors import EnvironmentUnfit

DETACHED = "detached"


class Liveness(Enum):
    """What is known about an owner.

    LIVE: it runs. DEAD: it ended, or the machine was started anew since.
    ELSEWHERE: another machine's, or another process namespace's; nothing can be said from here.
    DETACHED: a lab without an owner, left up on purpose.
    """

    LIVE = "live"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"
    DETACHED = "detached"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its number, when it started (clock ticks since boot), and where (boot, namespace)."""

    pid: int
    started: int
    place: str

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        return cls(os.getpid(), _start_time(os.getpid()) or 0, _place())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read what `str` wrote; None for `detached` and for what is no owner at all."""
        pid, _, rest = text.partition(":")
        started, _, place = rest.partition(":")
        if not (pid.isdigit() and started.isdigit() and place):
            return None
        return cls(int(pid), int(started), place)

    def __str__(self) -> str:
        return f"{self.pid}:{self.started}:{self.place}"

    def liveness(self) -> Liveness:
        """Whether the process still runs, as far as this process can tell."""
        if self.place != _place():
            return Liveness.ELSEWHERE
        return Liveness.LIVE if _start_time(self.pid) == self.started else Liveness.DEAD


def liveness(label: str) -> Liveness:
    """What the value of an owner's label says now. One that cannot be read counts as elsewhere."""
    if label == DETACHED:
        return Liveness.DETACHED
    owner = Owner.parse(label)
    return owner.liveness() if owner else Liveness.ELSEWHERE


def boot_time() -> float | None:
    """When this machine was started, in seconds since the epoch; None where it is not known."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), None)


@functools.cache
def _place() -> str:
    """Name this boot of this machine and this process namespace.

    Numbers of processes mean nothing in another namespace: a test run in a container that
    was given the engine's socket shares the boot, and not the processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{uuid.getnode():012x}"


def _start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when there is none.

    A zombie counts as ended. proc(5): the name, field 2, may hold spaces and brackets, so
    the fields are counted from the last bracket: state is 3 and starttime is 22.
    """
    if sys.platform != "linux":
        return _start_time_by_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _start_time_by_ps(pid: int) -> int | None:
    """Do the same where there is no /proc: seconds since the epoch, from the elapsed time."""
    try:
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise EnvironmentUnfit("find out when a process started", f"`ps` does not run: {error}") from error
    text = answer.stdout.strip()
    if not text:
        return None
    return int(time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y")))
