"""Every frame of every interface of the namespace, with the kernel's own timestamps.

One AF_PACKET socket, bound to no interface, so interfaces that appear later are seen from
their first frame on. Timestamps are the kernel's (SO_TIMESTAMPNS, CLOCK_REALTIME): a frame
that is sent is stamped before the driver gets it, one that arrives when the driver hands
it over; so on one machine the sender's time is never later than the receiver's
(tests/backends/test_node_capture.py looks at every frame of a transfer). Frames are
delivered in the order in which the kernel worked on them, which under load is not
strictly that of their timestamps: who wants order sorts.

On loopback a packet passes twice; the copy that arrives is kept. Its transport checksum
is never filled in, which the flag CHECKSUM_PENDING says. VLAN tags, which the kernel
strips off, are put back. No interface is set to promiscuous mode: a veth hands over
every frame on its wire anyway.

Sources: packet(7), linux/if_packet.h, Documentation/networking/timestamping.rst.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import offload, routing
from .marks import ETHERTYPE_BYTES, Mark, read_mark
from .wire import CHECKSUM_PENDING, HEADER, OUTGOING

if TYPE_CHECKING:
    from .agent import Agent

RECEIVE_BUFFER = 64 * 1024 * 1024
# Frames are gathered for this long, in seconds, before they are handed over, but for a marker.
GATHER = 0.004
# Bytes after which a batch is sent even while more frames wait.
BATCH = 256 * 1024
# Seconds that a marker may take on an interface that is up and has a carrier.
MARK_DEADLINE = 2.0

_ALL = 0x0003  # ETH_P_ALL
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA = 263, 6, 8
_AUXILIARY = struct.Struct("=IIIHHHH")
_TIME = struct.Struct("=qq")
_STATUS_CHECKSUM_PENDING, _STATUS_VLAN, _STATUS_VLAN_TYPE = 1 << 3, 1 << 4, 1 << 6
_PKTTYPE_OUTGOING = 4
_LOOPBACK = 772  # ARPHRD_LOOPBACK
_FRAME_LIMIT = 256 * 1024

Event = Callable[[str, Any], None]


class Capture:
    """The operations `capture.*`; frames leave as events "frames", interfaces as "interface"."""

    def __init__(self, agent: Agent) -> None:
        self._event = agent.event
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
            running = Running(self._event, receive_buffer)
            interfaces = list_interfaces()
            for row in interfaces:
                if not row["loopback"]:
                    self._offloads[row["name"]] = offload.turn_off(row["name"])
            self._running = running
            running.start()
        return {"interfaces": interfaces, "receive_buffer": running.receive_buffer}

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

    def __init__(self, event: Event, receive_buffer: int) -> None:
        self._event = event
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
        self._hurry.set()
        with self._arrived:
            self._arrived.wait_for(
                lambda: self._failure or all((*key, name) in self._marks for name in expected), MARK_DEADLINE
            )
            seen = {name: self._marks.pop((*key, name)) for name in marks if (*key, name) in self._marks}
        if self._failure:
            raise self._failure
        missing.update(dict.fromkeys(expected - seen.keys(), "the marker did not come"))
        return seen, {name: why for name, why in missing.items() if name not in seen}

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
                self._event("frames", bytes(batch))
                batch.clear()
        if batch:
            self._event("frames", bytes(batch))
        if marks:
            with self._arrived:
                self._marks.update(marks)
                self._arrived.notify_all()


def open_capture(receive_buffer: int) -> socket.socket:
    """Open the socket that hears everything.

    receive_buffer: bytes. Where we may not exceed the machine's limit (net.core.rmem_max), that is it.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    try:
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
        except PermissionError:  # it asks for CAP_NET_ADMIN in the first user namespace
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def receive(sock: socket.socket) -> Iterator[tuple[str, int, int, int, bytes]]:
    """Yield (interface, time_ns, flags, original length, frame) of what waits in the socket."""
    buffer = bytearray(_FRAME_LIMIT)
    view = memoryview(buffer)
    space = socket.CMSG_SPACE(_AUXILIARY.size) + socket.CMSG_SPACE(_TIME.size)
    while True:
        try:
            length, ancillary, _, address = sock.recvmsg_into([buffer], space, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == 100:  # ENETDOWN: an interface went down; it is told once, the rest goes on
                continue
            raise
        if address[3] == _LOOPBACK and address[2] == _PKTTYPE_OUTGOING:
            continue
        time_ns, flags, tag = 0, OUTGOING if address[2] == _PKTTYPE_OUTGOING else 0, b""
        for level, kind, data in ancillary:
            if level == _SOL_PACKET:
                status, _, _, _, _, tci, tpid = _AUXILIARY.unpack(data)
                if status & _STATUS_CHECKSUM_PENDING:
                    flags |= CHECKSUM_PENDING
                if status & _STATUS_VLAN:
                    tag = struct.pack("!HH", tpid if status & _STATUS_VLAN_TYPE else 0x8100, tci)
            elif kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIME.unpack(data)
                time_ns = seconds * 1_000_000_000 + nanoseconds
        frame = bytes(view[: min(length, _FRAME_LIMIT)])
        if tag:
            frame, length = frame[:12] + tag + frame[12:], length + 4
        yield address[0], time_ns or time.time_ns(), flags, length, frame
