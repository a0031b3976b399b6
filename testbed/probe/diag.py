"""The kernel's table of TCP sockets, by sock_diag (linux/sock_diag.h, linux/inet_diag.h).

Request sockets are in it too: a half-open connection is a row in state SYN-RECV with
inode 0, which no program holds yet.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

from .netlink import SOCK_DIAG, Netlink
from .tcpinfo import STATES

_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_ALL_STATES = (1 << 13) - 1  # TCP_NEW_SYN_RECV (12) among them
_REQUEST = struct.Struct("=BBBxI48x")
_ANSWER = struct.Struct("=BBBB")
_NUMBERS = struct.Struct("=IIIII")
_TIMERS = {0: "", 1: "retransmit", 2: "keepalive", 3: "time-wait", 4: "probe"}


class SocketTable:
    """A socket to ask with; for one thread at a time."""

    def __init__(self) -> None:
        self._netlink = Netlink(SOCK_DIAG)

    def close(self) -> None:
        """Close the netlink socket."""
        self._netlink.close()

    def read(self) -> list[dict[str, Any]]:
        """All TCP sockets of the namespace, IPv4 and IPv6, each as `read_socket` returns it."""
        return [read_socket(body) for body in self.read_raw()]

    def read_raw(self) -> list[bytes]:
        """The same as the kernel's own messages, which are quick to compare."""
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES)
            found += [body for _, body in self._netlink.dump(_BY_FAMILY, request)]
        return found


def read_socket(body: bytes) -> dict[str, Any]:
    """One row (struct inet_diag_msg).

    receive_queue, send_queue: bytes; of a listening socket the connections that wait, and
    the most that may. timer: what it waits for, expires_ms: in how long. inode: 0 when no
    program holds the socket (a request socket, TIME-WAIT).
    """
    family, state, timer, retransmits = _ANSWER.unpack_from(body)
    local_port, remote_port = struct.unpack_from("!HH", body, 4)
    size = 16 if family == socket.AF_INET6 else 4
    expires, receive, send, user, inode = _NUMBERS.unpack_from(body, 52)
    return {
        "local": _address(body[8 : 8 + size]),
        "local_port": local_port,
        "remote": _address(body[24 : 24 + size]),
        "remote_port": remote_port,
        "state": STATES.get(state, str(state)),
        "receive_queue": receive,
        "send_queue": send,
        "timer": _TIMERS.get(timer, str(timer)),
        "expires_ms": expires,
        "retransmits": retransmits,
        "user": user,
        "inode": inode,
    }


def _address(data: bytes) -> str:
    """An address; IPv4 seen through an IPv6 socket is written as the IPv4 address that it is."""
    address = ipaddress.ip_address(data)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def identity(body: bytes) -> bytes:
    """Family, ports and addresses: what a connection keeps while its socket changes.

    It is up to three sockets in turn in the kernel: a request, a full one, TIME-WAIT.
    """
    return body[:1] + body[4:40]


def condition(body: bytes) -> bytes:
    """What of a row is worth telling when it changes: state, timer, retransmits, queues, inode."""
    return body[1:4] + body[56:64] + body[68:72]
