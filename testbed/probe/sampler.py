"""The kernel's TCP sockets and neighbour table over time, and its tables at a moment.

Sockets are polled by sock_diag: a change is told as soon as it is seen, what stays the same is
not told again. How often: every 10 ms while frames pass or something changes; at once when a
request has changed a socket here; as often as somebody waits for a state; else every 100 ms,
for what only a timer or the node's own program changes. Neighbours, interfaces, addresses and
routes are told as the kernel announces them (rtnetlink); neighbours are polled too, for the
kernel announces neither INCOMPLETE nor DELAY.

Times are CLOCK_REALTIME in ns, taken after the kernel answered: the state was so at that
time or just before it.
"""

from __future__ import annotations

import errno
import json
import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import routing
from .diag import SocketTable, condition, identity, read_socket
from .netlink import ROUTE, Netlink, messages
from .system import read_counters, read_settings

if TYPE_CHECKING:
    from .agent import Agent

EVERY, QUIET_EVERY = 0.010, 0.100
# Seconds without a change after which it is quiet.
QUIET_AFTER = 0.3
# Seconds that the thread may take to look when it is asked to.
LOOK_DEADLINE = 10.0
_MONITOR_BUFFER = 4 * 1024 * 1024
_GROUPS = (
    routing.GROUP_LINK
    | routing.GROUP_NEIGHBOUR
    | routing.GROUP_ADDRESS4
    | routing.GROUP_ADDRESS6
    | routing.GROUP_ROUTE4
    | routing.GROUP_ROUTE6
)
_ANNOUNCED = {
    routing.NEW_LINK: ("link", routing.read_link),
    routing.DEL_LINK: ("link", routing.read_link),
    routing.NEW_ADDRESS: ("address", routing.read_address),
    routing.DEL_ADDRESS: ("address", routing.read_address),
    routing.NEW_ROUTE: ("route", routing.read_route),
    routing.DEL_ROUTE: ("route", routing.read_route),
}
_REMOVALS = frozenset({routing.DEL_LINK, routing.DEL_ADDRESS, routing.DEL_ROUTE})

Sample = tuple[int, str, dict[str, Any]]


class Sampler:
    """The operations `sampler.*`; samples leave as events "samples": JSON, lists of (time_ns, kind, row).

    Kinds: "tcp" (a socket as `diag.read_socket` has it; state CLOSED when it is gone),
    "neighbour" (state DELETED when removed), "link", "address", "route" (with "removed").
    """

    def __init__(self, agent: Agent) -> None:
        self._event = agent.event
        self._sockets = Sockets(agent)
        self._neighbours: dict[tuple[int, str], dict[str, Any]] = {}
        self._names: dict[int, str] = {}
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._urgent = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._passed = threading.Condition()
        self._begun = self._ended = 0  # looks

    @property
    def running(self) -> bool:
        """Whether samples are taken."""
        return self._thread is not None

    @property
    def sockets(self) -> Sockets:
        """What is known of the sockets, to be told of what others have seen."""
        return self._sockets

    def close(self) -> None:
        """Stop."""
        self.op_stop()

    def op_start(self) -> None:
        """Sample from now on, the sockets that there are first."""
        if self._thread is not None:
            raise ValueError("it is being sampled already")
        self._stopping = False
        self._begun = self._ended = 0
        monitor = Netlink(ROUTE, _GROUPS, _MONITOR_BUFFER)
        asking = routing.open_route()
        self._names = {row["index"]: row["name"] for row in routing.links(asking)}
        self._neighbours = {_key(row): row for row in routing.neighbours(asking)}
        self._thread = threading.Thread(
            target=self._work, args=(monitor, asking), name="sampler", daemon=True
        )
        self._thread.start()

    def op_stop(self) -> None:
        """Take a last sample and stop."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping = True
            self.look_now()
            thread.join()
            self._sockets.forget()

    def op_snapshot(self) -> str:
        """All tables at this moment, as JSON, which crosses the channel faster than a mapping does.

        What changed until now has been sent when this returns.
        """
        self._await_look()
        rows = self._sockets.look()
        asking = routing.open_route()
        try:
            return json.dumps(
                {
                    "time_ns": time.time_ns(),
                    "sockets": rows,
                    "interfaces": routing.interfaces(asking),
                    "neighbours": routing.named(routing.neighbours(asking), asking),
                    "routes": routing.named(routing.routes(asking), asking),
                    "counters": read_counters(),
                    "settings": read_settings(),
                }
            )
        finally:
            asking.close()

    def look_now(self) -> None:
        """Take a sample at once: something has changed."""
        self._urgent.set()
        self.look_soon()

    def look_soon(self) -> None:
        """Take a sample, 10 ms after the last one at the earliest: something may have changed."""
        os.eventfd_write(self._wake, 1)

    def _await_look(self) -> None:
        """Have the thread look, where one samples, and wait until it has told what it saw."""
        if self._thread is None:
            return
        wanted = self._begun + 1
        self.look_now()
        with self._passed:
            if not self._passed.wait_for(lambda: self._ended >= wanted, LOOK_DEADLINE):
                self._event("failed", f"sampling: it did not look for {LOOK_DEADLINE:g} s")

    def _work(self, monitor: Netlink, asking: Netlink) -> None:
        poller = select.poll()
        poller.register(monitor.socket, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        looked = changed = time.monotonic()
        try:
            while not self._stopping:
                quiet = time.monotonic() - changed > QUIET_AFTER
                if poller.poll((QUIET_EVERY if quiet else EVERY) * 1000):
                    self._clear_wake()
                    self._urgent.wait(max(0.0, looked + EVERY - time.monotonic()))
                self._urgent.clear()
                self._begun += 1
                looked = time.monotonic()
                told = self._announced(monitor)
                told += self._polled_neighbours(monitor, asking)
                if told:
                    self._event("samples", json.dumps(told))
                if self._sockets.look_for_changes() or told:
                    changed = time.monotonic()
                self._look_ended(self._begun)
        except BaseException as error:
            self._event("failed", f"sampling: {type(error).__name__}: {error}")
            raise
        finally:
            self._look_ended(sys.maxsize)
            monitor.close()
            asking.close()

    def _look_ended(self, number: int) -> None:
        with self._passed:
            self._ended = number
            self._passed.notify_all()

    def _clear_wake(self) -> None:
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return

    def _announced(self, monitor: Netlink) -> list[Sample]:
        """What the kernel announced since the last time."""
        told: list[Sample] = []
        while True:
            try:
                data = monitor.pending()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._event("failed", "the kernel announced more changes than fitted its buffer")
                continue
            if data is None:
                return told
            now = time.time_ns()
            for kind, body in messages(data):
                if kind in (routing.NEW_NEIGHBOUR, routing.DEL_NEIGHBOUR):
                    told += self._neighbour(now, routing.read_neighbour(body), kind == routing.DEL_NEIGHBOUR)
                elif kind in _ANNOUNCED:
                    name, read = _ANNOUNCED[kind]
                    row = read(body)
                    if name == "link":
                        self._names[row["index"]] = row["name"]
                    told.append((now, name, {**row, "removed": kind in _REMOVALS}))

    def _polled_neighbours(self, monitor: Netlink, asking: Netlink) -> list[Sample]:
        """What changed in the neighbour table unannounced.

        An announcement that came meanwhile tells more than this look, and its order too.
        """
        rows = routing.neighbours(asking)
        if monitor.ready():
            return []
        now = time.time_ns()
        return [sample for row in rows for sample in self._neighbour(now, row, removed=False)]

    def _neighbour(self, now: int, row: dict[str, Any], removed: bool) -> list[Sample]:
        if row["state"] == "NOARP" or not row["address"]:
            return []
        key = _key(row)
        if removed:
            self._neighbours.pop(key, None)
            row = {**row, "state": "DELETED", "mac": None}
        elif self._neighbours.get(key) == row:
            return []
        else:
            self._neighbours[key] = row
        index = row["interface"]
        return [(now, "neighbour", {**row, "interface": self._names.get(index, str(index))})]


def _key(row: dict[str, Any]) -> tuple[int, str]:
    return row["interface"], row["address"]


class Sockets:
    """The TCP sockets as last seen; looks by several threads are told in their order."""

    def __init__(self, agent: Agent) -> None:
        self._event = agent.event
        self._lock = threading.Lock()
        self._table: SocketTable | None = None
        self._known: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Close the netlink socket, and know nothing any more."""
        with self._lock:
            if self._table is not None:
                self._table.close()
            self._table, self._known = None, {}

    def look(self) -> list[dict[str, Any]]:
        """Look, tell what changed, and return all sockets."""
        with self._lock:
            bodies = self._read()
            self._tell(bodies)
        return [read_socket(body) for body in bodies]

    def look_for_changes(self) -> bool:
        """Look, and say whether anything had changed."""
        with self._lock:
            return self._tell(self._read())

    def _read(self) -> list[bytes]:
        if self._table is None:
            self._table = SocketTable()
        return self._table.read_raw()

    def _tell(self, bodies: list[bytes]) -> bool:
        now = time.time_ns()
        seen = {identity(body): body for body in bodies}
        told: list[Sample] = []
        for key, body in seen.items():
            known = self._known.get(key)
            if known is None or condition(known) != condition(body):
                told.append((now, "tcp", read_socket(body)))
        for key, body in self._known.items():
            if key not in seen:
                gone = {"state": "CLOSED", "receive_queue": 0, "send_queue": 0, "timer": "", "inode": 0}
                told.append((now, "tcp", {**read_socket(body), **gone}))
        self._known = seen
        if told:
            self._event("samples", json.dumps(told))
        return bool(told)
