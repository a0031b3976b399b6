"""How a socket is made: names resolved, options set, its own end bound."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from typing import Any

# The options that may be set, by the names that setsockopt(2) has for them.
OPTIONS: dict[str, tuple[int, int]] = {
    name: (level, getattr(socket, name))
    for level, names in (
        (
            socket.SOL_SOCKET,
            "SO_REUSEADDR SO_REUSEPORT SO_KEEPALIVE SO_BROADCAST SO_RCVBUF SO_SNDBUF SO_MARK",
        ),
        (
            socket.IPPROTO_TCP,
            "TCP_NODELAY TCP_MAXSEG TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_USER_TIMEOUT",
        ),
        (
            socket.IPPROTO_TCP,
            "TCP_SYNCNT TCP_LINGER2 TCP_QUICKACK TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_CORK",
        ),
        (socket.IPPROTO_IP, "IP_TTL IP_TOS"),
    )
    for name in names.split()
} | {"IP_MTU_DISCOVER": (socket.IPPROTO_IP, 10), "IP_RECVERR": (socket.IPPROTO_IP, 11)}


def resolve(address: str, port: int, kind: int, family: int = 0) -> tuple[int, Any]:
    """Return (family, address for bind or connect); IPv4 goes first where a name has both."""
    found = socket.getaddrinfo(address, port, family, kind)
    first = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return first[0], first[4]


def prepare(
    family: int, kind: int, source: str, source_port: int, options: Mapping[str, Any] | None
) -> socket.socket:
    """Make a non-blocking socket with its options set and its own end bound."""
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        for name, value in (options or {}).items():
            set_option(sock, name, value)
        if source or source_port:
            if not options or "SO_REUSEADDR" not in options:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(
                resolve(source or ("::" if family == socket.AF_INET6 else "0.0.0.0"), source_port, kind)[1]
            )
    except BaseException:
        sock.close()
        raise
    return sock


def set_option(sock: socket.socket, name: str, value: Any) -> None:
    """Set an option by name; SO_BINDTODEVICE takes an interface's name."""
    if name == "SO_BINDTODEVICE":
        sock.setsockopt(socket.SOL_SOCKET, 25, str(value).encode() + b"\0")
        return
    if name not in OPTIONS:
        raise ValueError(f"no socket option {name!r}; there are {', '.join(sorted(OPTIONS))}")
    level, number = OPTIONS[name]
    sock.setsockopt(level, number, int(value))


def name_of(ask: Callable[[], Any]) -> tuple[str, int] | None:
    """Return (address, port) of one end; None where there is none (yet, or any more)."""
    try:
        name = ask()
    except OSError as error:
        if error.errno in (errno.ENOTCONN, errno.EINVAL):
            return None
        raise
    return (name[0], name[1])
