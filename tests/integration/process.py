"""Processes of a container, read from its /proc: a host's image holds no ps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# One line for each: the status with semicolons for its line ends, a vertical bar, the command line.
# A process that has ended meanwhile gives none.
_LIST = (
    "for one in /proc/[0-9]*; do "
    'status=$(tr "\\n" ";" <"$one/status") && command=$(tr "\\0\\n" "  " <"$one/cmdline") && '
    'printf "%s|%s\\n" "$status" "$command"; '
    "done 2>/dev/null"
)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, with the rows of its /proc/PID/status (proc(5))."""

    command: str
    status: dict[str, str]

    @property
    def number(self) -> int:
        return int(self.status["Pid"])

    @property
    def parent(self) -> int:
        return int(self.status["PPid"])

    @property
    def user(self) -> int:
        """The effective user."""
        return int(self.status["Uid"].split()[1])

    def capabilities(self, kind: str) -> int:
        """A set of capabilities as a bit mask; kind: Eff, Prm, Inh, Bnd or Amb."""
        return int(self.status[f"Cap{kind}"], 16)


def processes_in(inside: Any) -> list[Process]:
    """The processes that a container's init started, and init: not what `docker exec` brought in.

    That is the shell that looks, and the engine's health checks: their parent is outside, and shows as 0
    (pid_namespaces(7)).
    """
    found = []
    for line in inside.run(_LIST).stdout.splitlines():
        status, _, command = line.partition("|")
        rows = (row.partition(":") for row in status.split(";") if row)
        found.append(Process(command.strip(), {key: value.strip() for key, _, value in rows}))
    own = {1}
    while more := {process.number for process in found if process.parent in own} - own:
        own |= more
    return sorted((process for process in found if process.number in own), key=lambda process: process.number)
