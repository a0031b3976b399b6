"""Sockets that live on a node: a TCP stream, a listener, and UDP datagrams."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from testbed.errors import ProbeDied

if TYPE_CHECKING:
    from testbed.node import Node


class Endpoint(NamedTuple):
    """One end of a connection."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def _endpoint(value: Any) -> Endpoint:
    return Endpoint(*value) if value else Endpoint("", 0)


class _Held:
    """A socket held by the probe of a node, under a number; a context manager that closes it."""

    def __init__(self, node: Node, answer: Mapping[str, Any]) -> None:
        self.node = node
        self.number: int = answer["number"]
        self.local = _endpoint(answer["local"])

    def _call(self, operation: str, within: float = 0.0, **arguments: Any) -> Any:
        return self.node.call(f"sockets.{operation}", within=within, number=self.number, **arguments)

    def option(self, name: str, value: int) -> None:
        """Set a socket option by its name in setsockopt(2), `SO_RCVBUF`."""
        self._call("option", name=name, value=value)

    def close(self) -> None:
        """Close it; a stream sends FIN. Closing twice is no error."""
        with self.node.doing("close", **self._whose()):
            self._call("close")

    def _whose(self) -> dict[str, Any]:
        return {"local": tuple(self.local)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, ProbeDied):  # the socket died with it
            self.close()


class Stream(_Held):
    """One TCP connection, seen from one end. Time limits are in seconds.

    Every wait raises TimeoutError when its limit passes (its errno is None; one with
    ETIMEDOUT is the kernel's own), and OSError as the socket does: ConnectionResetError,
    BrokenPipeError.
    """

    def __init__(self, node: Node, answer: Mapping[str, Any]) -> None:
        super().__init__(node, answer)
        self.remote = _endpoint(answer["remote"])

    def __repr__(self) -> str:
        return f"<stream of {self.node.name} {self.local} to {self.remote}>"

    def _whose(self) -> dict[str, Any]:
        return {"local": tuple(self.local), "remote": tuple(self.remote)}

    def connected(self, timeout: float = 5.0) -> None:
        """Wait for the end of the handshake of `connect(…, wait=False)`, or raise what ended it."""
        with self.node.doing("connected", **self._whose()):
            self._call("connected", timeout, timeout=timeout)

    def send(self, data: bytes, timeout: float = 5.0) -> int:
        """Hand all of the data to the kernel; return its length."""
        with self.node.doing("send", **self._whose(), data=data) as doing:
            doing.result = length = int(self._call("send", timeout, data=data, timeout=timeout))
        return length

    def recv(self, size: int = 65536, timeout: float = 5.0) -> bytes:
        """Receive what there is, at least a byte, at most `size`; b"" is the end of the stream."""
        with self.node.doing("recv", **self._whose(), size=size) as doing:
            data: bytes = self._call("recv", timeout, size=size, timeout=timeout)
            doing.result = data
        return data

    def recv_exactly(self, size: int, timeout: float = 5.0) -> bytes:
        """Receive `size` bytes; fewer only where the stream ended."""
        return self._receive("recv_exactly", size, timeout)

    def recv_end(self, timeout: float = 5.0) -> bytes:
        """Receive until the other end has nothing more to say; return what came."""
        return self._receive("recv_end", None, timeout)

    def _receive(self, name: str, size: int | None, timeout: float) -> bytes:
        with self.node.doing(name, **self._whose(), size=size) as doing:
            data: bytes
            data, _ = self._call("receive", timeout, size=size, timeout=timeout)
            doing.result = data
        return data

    def shutdown(self, how: str = "write") -> None:
        """End one direction: "write" sends FIN once all is sent, "read", or "both"."""
        with self.node.doing("shutdown", **self._whose(), how=how):
            self._call("shutdown", how=how)

    def reset(self) -> None:
        """Break the connection off with RST (SO_LINGER of 0, then close)."""
        with self.node.doing("reset", **self._whose()):
            self._call("close", abort=True)

    def tcp_state(self) -> str:
        """The state of this socket as the kernel has it, `ESTABLISHED`."""
        return str(self.tcp_info()["state"])

    def tcp_info(self) -> dict[str, Any]:
        """The kernel's account of the connection, as `testbed.probe.tcpinfo.read_info` names it."""
        info: dict[str, Any] = self._call("tcp_info")
        return info


class Listener(_Held):
    """A listening TCP socket."""

    @property
    def port(self) -> int:
        """The port, also where the kernel chose it."""
        return self.local.port

    def accept(self, timeout: float = 5.0) -> Stream:
        """Take one connection from the queue; TimeoutError after `timeout` seconds."""
        with self.node.doing("accept", **self._whose()) as doing:
            answer = self._call("accept", timeout, timeout=timeout)
            doing.result = {"local": answer["local"], "remote": answer["remote"]}
        return Stream(self.node, answer)


class Datagrams(_Held):
    """A UDP socket. ICMP errors that come back are raised by the next call only with IP_RECVERR=1."""

    def send(self, data: bytes, address: Node | str, port: int) -> int:
        """Send one datagram."""
        target = self.node.address_of(address)
        with self.node.doing("sendto", **self._whose(), data=data, remote=(target, port)) as doing:
            doing.result = length = int(self._call("sendto", data=data, address=target, port=port))
        return length

    def recv(self, timeout: float = 5.0) -> tuple[bytes, Endpoint]:
        """Receive one datagram and where it came from; TimeoutError after `timeout` seconds."""
        with self.node.doing("recvfrom", **self._whose()) as doing:
            data, sender = self._call("recvfrom", timeout, timeout=timeout)
            doing.result = {"data": data, "remote": sender}
        return data, Endpoint(*sender)
