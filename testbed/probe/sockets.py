"""TCP and UDP sockets that live on the node, each under a number.

Every wait has a time limit in seconds and ends with `Deadline`, which is ours, as
against ETIMEDOUT, which is the kernel's own verdict. Addresses may be names; they are
resolved here, with the node's own resolver.
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import Deadline, describe
from .held import Held
from .opening import name_of, prepare, resolve, set_option
from .tcpinfo import read_info

if TYPE_CHECKING:
    from .agent import Agent

RECEIVE_AT_ONCE = 1 << 20

HOW = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}


class Sockets:
    """The operations `sockets.*`."""

    def __init__(self, agent: Agent) -> None:
        del agent
        self._numbers = itertools.count(1)
        self._held: dict[int, Held] = {}

    def close(self) -> None:
        """Reset what is still open: the node is left without a socket of ours, TIME-WAIT included."""
        for held in list(self._held.values()):
            held.close(abort=True)

    def _get(self, number: int) -> Held:
        if number not in self._held:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._held[number]

    def _keep(self, sock: socket.socket) -> dict[str, Any]:
        number = next(self._numbers)
        self._held[number] = Held(sock)
        return {"number": number, "local": name_of(sock.getsockname), "remote": name_of(sock.getpeername)}

    def op_connect(
        self,
        address: str,
        port: int,
        timeout: float,
        source: str = "",
        source_port: int = 0,
        options: Mapping[str, Any] | None = None,
        wait: bool = True,
    ) -> dict[str, Any]:
        """Open a TCP connection; with wait=False return as soon as the SYN is on its way.

        Returns also what is known of a connection that failed, its local port above all;
        "error" is then (kind, errno, text) as the channel carries it, else None.
        """
        family, target = resolve(address, port, socket.SOCK_STREAM)
        sock = prepare(family, socket.SOCK_STREAM, source, source_port, options)
        try:
            code = sock.connect_ex(target)
            facts = self._keep(sock)
        except BaseException:
            sock.close()
            raise
        facts.update(remote=(target[0], target[1]), error=None)
        try:
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            if wait and code:
                facts.update(self.op_connected(facts["number"], timeout))
        except (OSError, Deadline) as error:
            self.op_close(facts["number"])
            facts["error"] = describe(error)
        return facts

    def op_connected(self, number: int, timeout: float) -> dict[str, Any]:
        """Wait until a connection is established, or raise the error that ended it."""
        held = self._get(number)
        with held.used() as sock:
            held.wait(select.POLLOUT, time.monotonic() + timeout, "connect")
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            return {"local": name_of(sock.getsockname), "remote": name_of(sock.getpeername)}

    def op_listen(
        self, port: int, address: str, backlog: int, options: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Listen for TCP connections. SO_REUSEADDR is set unless the options say otherwise."""
        family, target = resolve(address, port, socket.SOCK_STREAM)
        sock = prepare(family, socket.SOCK_STREAM, "", 0, {"SO_REUSEADDR": 1, **(options or {})})
        try:
            sock.bind(target)
            sock.listen(backlog)
        except OSError:
            sock.close()
            raise
        return self._keep(sock)

    def op_accept(self, number: int, timeout: float) -> dict[str, Any]:
        """Take one connection from a listener's queue."""
        sock, _ = self._attempt(number, select.POLLIN, timeout, "accept", lambda sock: sock.accept())
        return self._keep(sock)

    def op_udp(self, port: int, address: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Open a UDP socket, bound to the address and port (0: the kernel chooses)."""
        family, target = resolve(address, port, socket.SOCK_DGRAM)
        sock = prepare(family, socket.SOCK_DGRAM, "", 0, options)
        try:
            sock.bind(target)
        except OSError:
            sock.close()
            raise
        return self._keep(sock)

    def op_sendto(self, number: int, data: bytes, address: str, port: int) -> int:
        """Send one datagram."""
        held = self._get(number)
        with held.used() as sock:
            _, target = resolve(address, port, socket.SOCK_DGRAM, sock.family)
            return sock.sendto(data, target)

    def op_recvfrom(self, number: int, timeout: float) -> tuple[bytes, tuple[str, int]]:
        """Receive one datagram and its sender's address."""
        data, sender = self._attempt(
            number, select.POLLIN, timeout, "receive", lambda sock: sock.recvfrom(65536)
        )
        return data, (sender[0], sender[1])

    def op_send(self, number: int, data: bytes, timeout: float) -> int:
        """Hand all of the data to the kernel; return its length."""
        deadline = time.monotonic() + timeout
        rest = memoryview(data)
        while rest:
            done = self._attempt(
                number,
                select.POLLOUT,
                deadline - time.monotonic(),
                f"send ({len(data) - len(rest)} of {len(data)} bytes done)",
                lambda sock, rest=rest: sock.send(rest),  # type: ignore[misc]
            )
            rest = rest[done:]
        return len(data)

    def op_recv(self, number: int, size: int, timeout: float) -> bytes:
        """Receive what there is, up to size bytes; b"" is the end of the stream."""
        size = min(size, RECEIVE_AT_ONCE)
        data: bytes = self._attempt(number, select.POLLIN, timeout, "receive", lambda sock: sock.recv(size))
        return data

    def op_receive(self, number: int, size: int | None, timeout: float) -> tuple[bytes, bool]:
        """Receive exactly size bytes, or (None) until the end of the stream.

        Returns the data and whether the stream ended. The data that came before a time
        limit stays received: it is told in the error.
        """
        deadline = time.monotonic() + timeout
        got = bytearray()
        while size is None or len(got) < size:
            left = RECEIVE_AT_ONCE if size is None else size - len(got)
            part = self._attempt(
                number,
                select.POLLIN,
                deadline - time.monotonic(),
                f"receive ({len(got)} bytes came: {bytes(got[:80])!r})",
                lambda sock, left=left: sock.recv(left),  # type: ignore[misc]
            )
            if not part:
                return bytes(got), True
            got += part
        return bytes(got), False

    def _attempt(
        self, number: int, events: int, timeout: float, doing: str, attempt: Callable[[socket.socket], Any]
    ) -> Any:
        """Try; while the kernel says "not now", wait and try again until the time is up."""
        deadline = time.monotonic() + timeout
        held = self._get(number)
        with held.used() as sock:
            while True:
                try:
                    return attempt(sock)
                except BlockingIOError:
                    held.wait(events, deadline, doing)

    def op_shutdown(self, number: int, how: str) -> None:
        """End one direction: "write" sends FIN once all data is sent."""
        with self._get(number).used() as sock:
            sock.shutdown(HOW[how])

    def op_close(self, number: int, abort: bool = False) -> None:
        """Close; abort sends RST instead of FIN. Closing twice is no error."""
        held = self._held.pop(number, None)
        if held is not None:
            held.close(abort)

    def op_option(self, number: int, name: str, value: int) -> None:
        """Set a socket option by its name in setsockopt(2)."""
        with self._get(number).used() as sock:
            set_option(sock, name, value)

    def op_tcp_info(self, number: int) -> dict[str, Any]:
        """The kernel's own account of the connection (TCP_INFO), its state first."""
        with self._get(number).used() as sock:
            return read_info(sock)
