"""The socket that hears every interface of the namespace, and the frames that it gives.

An AF_PACKET socket that is bound to no interface, so interfaces that appear later are heard from
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

import errno
import socket
import struct
import time
from collections.abc import Iterator

from .wire import CHECKSUM_PENDING, OUTGOING

RECEIVE_BUFFER = 64 * 1024 * 1024

_ALL = 0x0003  # ETH_P_ALL
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_AUXILIARY = struct.Struct("=IIIHHHH")
_TIME = struct.Struct("=qq")
_STATUS_CHECKSUM_PENDING, _STATUS_VLAN, _STATUS_VLAN_TYPE = 1 << 3, 1 << 4, 1 << 6
_PKTTYPE_OUTGOING = 4
_LOOPBACK = 772  # ARPHRD_LOOPBACK
_FRAME_LIMIT = 256 * 1024


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
            if error.errno == errno.ENETDOWN:  # one interface went down: told once, the others go on
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
