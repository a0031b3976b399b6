"""The node as its kernel describes it: interfaces, tables, counters, settings.

Settings are read and written below /sysnet, where the probe has the *node's* /proc/sys/net.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import routing
from .diag import SocketTable
from .errors import Deadline, Unsupported

SETTINGS = Path("/sysnet")
# Seconds between two looks while waiting for a state of a socket.
LOOK_EVERY = 0.001


class System:
    """The operations `system.*`."""

    def __init__(self, event: Callable[[str, Any], None]) -> None:
        del event

    def close(self) -> None:
        """Nothing is held."""

    def op_interfaces(self) -> list[dict[str, Any]]:
        """All interfaces with their addresses."""
        return self._ask(routing.interfaces)

    def op_neighbours(self) -> list[dict[str, Any]]:
        """The neighbour table."""
        return self._ask(routing.neighbours)

    def op_routes(self) -> list[dict[str, Any]]:
        """The routing tables."""
        return self._ask(routing.routes)

    def op_forget_neighbours(self) -> int:
        """Delete what was learned of neighbours; return how many rows."""
        return self._ask(routing.forget_neighbours)

    @staticmethod
    def _ask(question: Callable[[Any], Any]) -> Any:
        netlink = routing.open_route()
        try:
            return question(netlink)
        finally:
            netlink.close()

    def op_sockets(self) -> list[dict[str, Any]]:
        """The kernel's TCP sockets."""
        table = SocketTable()
        try:
            return table.read()
        finally:
            table.close()

    def op_await_socket(
        self, wanted: Mapping[str, Any], timeout: float, absent: bool = False
    ) -> dict[str, Any]:
        """Wait until there is a socket with all the wanted values (absent: none); return it.

        wanted: any keys of a socket ("state", "local_port", "remote", …); a list means any of them.
        """
        table = SocketTable()
        deadline = time.monotonic() + timeout
        try:
            while True:
                rows = table.read()
                fit = [row for row in rows if all(_is(row.get(key), value) for key, value in wanted.items())]
                if bool(fit) != absent:
                    return fit[0] if fit else {}
                if time.monotonic() >= deadline:
                    told = ", ".join(
                        f"{row['local_port']}-{row['remote_port']} {row['state']}" for row in rows
                    )
                    raise Deadline(
                        f"{'still a' if absent else 'no'} socket {dict(wanted)}; there are: {told or 'none'}"
                    )
                time.sleep(LOOK_EVERY)
        finally:
            table.close()

    def op_counters(self) -> dict[str, int]:
        """The kernel's counters of IP, ICMP, TCP, UDP and TcpExt, by their joined names."""
        return read_counters()

    def op_sysctl(self, key: str, value: str | None = None) -> str:
        """Return a setting below /proc/sys/net; with a value set it, and return what it was."""
        path = setting_path(key)
        before = path.read_text().strip()
        if value is not None:
            path.write_text(value)
        return before


def _is(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, (list, tuple)) else value == wanted


def setting_path(key: str) -> Path:
    """Return the file of a setting such as `net.ipv4.tcp_syncookies`, or `net/ipv4/conf/eth0.5/arp_ignore`.

    Raises ValueError for what is not below net, Unsupported for what this kernel does not have.
    """
    parts = key.split("/") if "/" in key else key.split(".")
    if parts[0] != "net" or not all(parts) or ".." in parts:
        raise ValueError(f"{key!r} is not a setting below net")
    path = SETTINGS.joinpath(*parts[1:])
    if not path.is_file():
        raise Unsupported(f"no setting {key}")
    return path


def read_counters() -> dict[str, int]:
    """Read /proc/net/snmp, snmp6 and netstat: {"IpForwDatagrams": 3, "TcpExtListenDrops": 0, …}."""
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = Path(f"/proc/net/{name}").read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            prefix = names.partition(":")[0]
            pairs = zip(names.split()[1:], values.split()[1:], strict=True)
            found.update({prefix + key: int(value) for key, value in pairs})
    if os.path.exists("/proc/net/snmp6"):
        for line in Path("/proc/net/snmp6").read_text().splitlines():
            key, value = line.split()
            found[key] = int(value)
    return found
