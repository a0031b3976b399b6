"""The kernel's netlink messages: requests, dumps, attributes, announcements.

Only the framing; what the messages mean is said in `routing` and `diag`.
Source: linux/netlink.h, rfc 3549.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Iterator

ROUTE = 0  # NETLINK_ROUTE
SOCK_DIAG = 4  # NETLINK_SOCK_DIAG

REQUEST, ACK, DUMP = 0x001, 0x004, 0x300
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE = 1 << 18


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """Return the attributes that stand from offset to the end; flag bits of the type are dropped."""
    found = {}
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, body) of each message in what one receive returned."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            break
        yield kind, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


class Netlink:
    """One netlink socket, for one thread at a time."""

    def __init__(self, protocol: int, groups: int = 0, receive_buffer: int = 0) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((0, groups))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        self.socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        """Ask for all objects of a kind; raise OSError with the kernel's errno."""
        self._send(kind, REQUEST | DUMP, body)
        found: list[tuple[int, bytes]] = []
        while True:
            for answer, data in messages(self.socket.recv(_RECEIVE)):
                if answer == _DONE:
                    return found
                if answer == _ERROR:
                    raise _error(data)
                found.append((answer, data))

    def ready(self) -> bool:
        """Whether an announcement waits to be read."""
        readable, _, _ = select.select([self.socket], [], [], 0)
        return bool(readable)

    def pending(self) -> bytes | None:
        """Return announcements that wait; None when there are none.

        Raises OSError (ENOBUFS) once when some were lost, for want of room in the buffer.
        """
        try:
            return self.socket.recv(_RECEIVE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def change(self, kind: int, flags: int, body: bytes) -> None:
        """Ask for a change and wait for the kernel's word; raise OSError with its errno."""
        self._send(kind, REQUEST | ACK | flags, body)
        for answer, data in messages(self.socket.recv(_RECEIVE)):
            if answer == _ERROR and _errno(data):
                raise _error(data)


def _errno(data: bytes) -> int:
    return -int(struct.unpack_from("=i", data)[0])


def _error(data: bytes) -> OSError:
    return OSError(_errno(data), os.strerror(_errno(data)))
