"""Every frame of every interface of the namespace, as batches on the channel.

One socket hears all interfaces (`packetsocket`); a thread empties it and hands the frames over some
milliseconds later. Marker frames bound a recording: once an interface shows the marker that it was
sent, all frames before it are in hand.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from . import offload, routing
from .marks import ETHERTYPE_BYTES, Mark, read_mark
from .packetsocket import RECEIVE_BUFFER, open_capture, receive
from .wire import HEADER, OUTGOING

if TYPE_CHECKING:
    from .agent import Agent

# Frames are gathered for this long, in seconds, before they are handed over, but for a marker.
GATHER = 0.004
# Bytes after which a batch is sent even while more frames wait.
BATCH = 256 * 1024
# Seconds that a marker may take, on an interface that is up and has a carrier, once all frames that
# were waiting have been handed over; and seconds that this may take.
MARK_DEADLINE, BACKLOG_DEADLINE = 0.5, 30.0

_SOL_PACKET, _PACKET_STATISTICS = 263, 6

Event = Callable[[str, Any], None]


class Capture:
    """The operations `capture.*`; frames leave as events "frames", interfaces as "interface"."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._running: Running | None = None
        self._lock = threading.Lock()
        self._offloads: dict[str, dict[str, int]] = {}

    def close(self) -> None:
        """Stop, and turn the offloads on again that were on."""
        self.op_stop()

    def op_start(self, receive_buffer: int = RECEIVE_BUFFER) -> dict[str, Any]:
        """Record from now on; return the interfaces and the size in bytes that the buffer really got.

        Offloads of every interface but loopback are off until the recording stops.
        """
        with self._lock:
            if self._running is not None:
                raise ValueError("it is being recorded already")
            running = Running(self._agent.event, self._frames_came, receive_buffer)
            interfaces = list_interfaces()
            for row in interfaces:
                if not row["loopback"]:
                    self._offloads[row["name"]] = offload.turn_off(row["name"])
            self._running = running
            running.start()
        return {"interfaces": interfaces, "receive_buffer": running.receive_buffer}

    def _frames_came(self) -> None:
        """Have the sockets looked at: frames change their states."""
        sampler = self._agent.made("sampler")
        if sampler is not None:
            sampler.look_soon()

    def op_stop(self) -> dict[str, int]:
        """Hand over the last frames and stop; return the counts of `op_statistics`."""
        with self._lock:
            running, self._running = self._running, None
            statistics = running.stop() if running else {"received": 0, "dropped": 0}
            while self._offloads:
                offload.restore(*self._offloads.popitem())
        return statistics

    def op_statistics(self) -> dict[str, int]:
        """Frames that the kernel took for us since the start, and those of them that it dropped."""
        return self._now().statistics()

    def op_mark(
        self, run: str, number: int, phase: str, node: str, networks: Mapping[str, str]
    ) -> dict[str, Any]:
        """Send a marker on every interface; return once all are in hand, and all frames before them.

        networks: interface name -> network. Returns {"seen": {interface: time in ns},
        "missing": {interface: reason}, and the counts of `op_statistics`}.
        """
        running = self._now()
        marks = {
            row["name"]: (Mark(run, number, phase, node, networks.get(row["name"], row["name"])), row)
            for row in list_interfaces()
        }
        seen, missing = running.mark((run, number), marks)
        return {"seen": seen, "missing": missing, **running.statistics()}

    def _now(self) -> Running:
        running = self._running
        if running is None:
            raise ValueError("nothing is being recorded")
        return running


def list_interfaces() -> list[dict[str, Any]]:
    """All interfaces with their addresses, as `routing.interfaces` has them."""
    with contextlib.closing(routing.open_route()) as netlink:
        return routing.interfaces(netlink)


class Running:
    """A recording under way: the socket, and the thread that empties it."""

    def __init__(self, event: Event, frames_came: Callable[[], None], receive_buffer: int) -> None:
        self._event = event
        self._frames_came = frames_came
        self._socket = open_capture(receive_buffer)
        # Kept open: to close a packet socket takes the kernel some 15 ms (synchronize_net).
        self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.receive_buffer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        self._interfaces: dict[str, int] = {}
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._hurry = threading.Event()
        self._stopping = False
        self._arrived = threading.Condition()
        self._marks: dict[tuple[str, int, str], int] = {}
        self._begun = self._drained = 0
        self._counts = {"received": 0, "dropped": 0}
        self._counting = threading.Lock()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="capture", daemon=True)

    def start(self) -> None:
        """Begin to empty the socket; it has been filling since it was opened."""
        self._thread.start()

    def stop(self) -> dict[str, int]:
        """Hand over what the socket still holds, and end."""
        self._stopping = True
        self._hurry.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        counts = self.statistics()
        self._socket.close()
        self._sender.close()
        os.close(self._wake)
        return counts

    def statistics(self) -> dict[str, int]:
        """Add up PACKET_STATISTICS, which the kernel sets to zero with each reading."""
        with self._counting:
            raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            total, dropped = struct.unpack("=II", raw)
            self._counts["received"] += total - dropped
            self._counts["dropped"] += dropped
            return dict(self._counts)

    def mark(
        self, key: tuple[str, int], marks: Mapping[str, tuple[Mark, Mapping[str, Any]]]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Send the marks and wait for each on its interface; return times in ns, and why some are missing."""
        missing: dict[str, str] = {}
        expected = set()
        for name, (mark, row) in marks.items():
            mac = bytes.fromhex(row["mac"].replace(":", "")) or bytes(6)
            try:
                self._sender.sendto(mark.frame(mac), (name, 0))
            except OSError as error:
                missing[name] = os.strerror(error.errno or 0)
                continue
            if row["carrier"]:
                expected.add(name)
            else:
                missing[name] = "no carrier"
        self._await_marks({(*key, name) for name in expected})
        with self._arrived:
            seen = {name: self._marks.pop((*key, name)) for name in marks if (*key, name) in self._marks}
        if self._failure:
            raise self._failure
        missing.update(dict.fromkeys(expected - seen.keys(), "the marker did not come"))
        return seen, {name: why for name, why in missing.items() if name not in seen}

    def _await_marks(self, expected: set[tuple[str, int, str]]) -> None:
        """Wait until these have come, or will not: the socket was empty after more time had passed."""

        def arrived() -> bool:
            return self._failure is not None or expected <= self._marks.keys()

        with self._arrived:
            self._await_emptied(arrived)
            if not self._arrived.wait_for(arrived, MARK_DEADLINE):
                self._await_emptied(arrived)  # the thread may have been kept from it all the while

    def _await_emptied(self, enough: Callable[[], bool]) -> None:
        """Wait until the socket has been emptied once more, beginning now, or it is enough."""
        wanted = self._begun + 1
        self._hurry.set()
        os.eventfd_write(self._wake, 1)
        self._arrived.wait_for(lambda: enough() or self._drained >= wanted, BACKLOG_DEADLINE)

    def _work(self) -> None:
        """Gather frames for a while, hand them over, again; the thread's body."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        try:
            while not self._stopping:
                poller.poll()
                self._hurry.wait(GATHER)
                self._hurry.clear()
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
                self._empty()
            self._empty()
        except BaseException as error:
            with self._arrived:
                self._failure = error
                self._arrived.notify_all()
            self._event("failed", f"capture: {type(error).__name__}: {error}")
            raise

    def _empty(self) -> None:
        """Hand over all frames that wait in the socket."""
        self._begun += 1
        batch = bytearray()
        marks: dict[tuple[str, int, str], int] = {}
        for name, time_ns, flags, original, frame in receive(self._socket):
            number = self._interfaces.get(name)
            if number is None:
                number = self._interfaces[name] = len(self._interfaces)
                self._event("interface", (number, name))
            batch += HEADER.pack(time_ns, number, flags, original, len(frame))
            batch += frame
            if frame[12:14] == ETHERTYPE_BYTES and (flags & OUTGOING or name == "lo"):
                mark = read_mark(frame)
                if mark is not None:
                    marks[mark.run, mark.number, name] = time_ns
            if len(batch) >= BATCH:
                self._hand_over(batch, marks, drained=False)
        self._hand_over(batch, marks, drained=True)

    def _hand_over(self, batch: bytearray, marks: dict[tuple[str, int, str], int], drained: bool) -> None:
        """Send a batch, then tell of the markers in it: who waits for one has all that came before."""
        if batch:
            self._event("frames", bytes(batch))
            self._frames_came()
            batch.clear()
        with self._arrived:
            self._marks.update(marks)
            if drained:
                self._drained = self._begun
            self._arrived.notify_all()
        marks.clear()
