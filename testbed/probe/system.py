"""The node as its kernel describes it: interfaces, tables, counters, settings.

Settings are read and written below /sysnet, where the probe has the *node's* /proc/sys/net.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import routing
from .diag import SocketTable
from .errors import Deadline, Unsupported

if TYPE_CHECKING:
    from .agent import Agent
    from .netlink import Netlink

T = TypeVar("T")

SETTINGS = Path("/sysnet")
# Settings on which the behaviour of TCP and of the neighbour table depends; `*` is each interface.
TOLD = (
    "core.somaxconn ipv4.ip_forward ipv4.ip_local_port_range ipv4.ip_unprivileged_port_start "
    "ipv4.tcp_fin_timeout ipv4.tcp_max_syn_backlog ipv4.tcp_retries2 ipv4.tcp_sack "
    "ipv4.tcp_syn_linear_timeouts ipv4.tcp_syn_retries ipv4.tcp_synack_retries ipv4.tcp_syncookies "
    "ipv4.tcp_timestamps ipv4.tcp_window_scaling ipv4.neigh.default.base_reachable_time_ms "
    "ipv4.neigh.default.gc_stale_time ipv4.neigh.*.mcast_solicit ipv4.neigh.*.retrans_time_ms"
).split()
# Seconds between two looks while waiting for a state of a socket.
LOOK_EVERY = 0.001
# Seconds between two looks at the counters, which take longer to read.
COUNT_EVERY = 0.005
# Sockets that an error names.
_TOLD_OF = 20


class System:
    """The operations `system.*`."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def close(self) -> None:
        """Nothing is held."""

    def op_interfaces(self) -> list[dict[str, Any]]:
        """All interfaces with their addresses."""
        return self._ask(routing.interfaces)

    def op_neighbours(self) -> list[dict[str, Any]]:
        """The neighbour table."""
        return self._ask(lambda netlink: routing.named(routing.neighbours(netlink), netlink))

    def op_routes(self) -> list[dict[str, Any]]:
        """The routing tables."""
        return self._ask(lambda netlink: routing.named(routing.routes(netlink), netlink))

    def op_forget_neighbours(self) -> int:
        """Delete what was learned of neighbours; return how many rows."""
        return self._ask(routing.forget_neighbours)

    @staticmethod
    def _ask(question: Callable[[Netlink], T]) -> T:
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

    def op_await_sockets(
        self,
        wanted: Mapping[str, Any],
        timeout: float,
        least: int = 1,
        most: int | None = None,
        every: float = LOOK_EVERY,
    ) -> int:
        """Wait until between `least` and `most` sockets have all the wanted values; return how many.

        wanted: any keys of a socket ("state", "local_port", "remote", …); a list means any of them.
        every: seconds between two looks. While the sockets are sampled, each look is one of the sampler's.
        """
        sampler = self._agent.made("sampler")
        table = None if sampler is not None and sampler.running else SocketTable()
        deadline = time.monotonic() + timeout
        try:
            while True:
                rows = sampler.sockets.look() if table is None else table.read()
                fit = sum(all(_is(row[key], value) for key, value in wanted.items()) for row in rows)
                if least <= fit and (most is None or fit <= most):
                    return fit
                if time.monotonic() >= deadline:
                    raise Deadline(_missed(rows, wanted, fit))
                time.sleep(every)
        finally:
            if table is not None:
                table.close()

    def op_await_counter(self, name: str, least: int, timeout: float) -> int:
        """Wait until a counter of the kernel's has grown to `least`; return its value."""
        deadline = time.monotonic() + timeout
        while (value := read_counters().get(name)) is None or value < least:
            if value is None:
                raise Unsupported(f"no counter {name}")
            if time.monotonic() >= deadline:
                raise Deadline(f"{name} is {value}, not yet {least}")
            time.sleep(COUNT_EVERY)
        return value

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


def _missed(rows: list[dict[str, Any]], wanted: Mapping[str, Any], fit: int) -> str:
    there = ", ".join(
        f"{row['local']}:{row['local_port']} {row['remote']}:{row['remote_port']} {row['state']}"
        f" ({row['receive_queue']} unread)"
        for row in rows[:_TOLD_OF]
    )
    more = f" and {len(rows) - _TOLD_OF} more" if len(rows) > _TOLD_OF else ""
    return f"{fit} sockets {dict(wanted)}; there are: {there or 'none'}{more}"


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
    version6 = Path("/proc/net/snmp6")  # not there when IPv6 is off
    if version6.exists():
        rows = (line.split() for line in version6.read_text().splitlines())
        found.update({key: int(value) for key, value in rows})
    return found


def read_settings() -> dict[str, str]:
    """Read the settings that explain what was seen; those that this kernel lacks are left out."""
    found = {}
    for name in TOLD:
        for path in sorted(SETTINGS.glob(name.replace(".", "/"))):
            with contextlib.suppress(FileNotFoundError):  # an interface that goes away takes its own along
                found[".".join(("net", *path.relative_to(SETTINGS).parts))] = path.read_text().strip()
    return found
