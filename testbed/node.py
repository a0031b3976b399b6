"""A handle on a running node: run commands, open sockets, read the kernel's tables, place faults.

Everything goes over one channel to the node's probe, which is opened on first use. Owns
neither the probe's life (the backend's) nor the recording (`testbed.recorder`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from testbed.errors import UsageError
from testbed.faults import Fault, FaultState, Match
from testbed.kernel import LOOPBACK, IPAddress, Kernel
from testbed.placement import Faults
from testbed.process import Completed, Process
from testbed.remote import Undo
from testbed.stream import Datagrams, Endpoint, Listener, Stream
from testbed.topology import Node as Declared
from testbed.topology import Topology

if TYPE_CHECKING:
    from execnet import Gateway

    from testbed.backends.base import Executed

__all__ = ["LOOPBACK", "Completed", "Endpoint", "Fault", "Listener", "Match", "Node", "Process", "Stream"]

ECHO_PORT = 8888


class Node(Kernel):
    """One node of a running lab; may be used from many threads at once.

    declared: what the topology says of it. topology: with what the engine chose filled in.
    For the rest see `testbed.remote.Remote`.
    """

    def __init__(
        self,
        declared: Declared,
        topology: Topology,
        open_gateway: Callable[[], Gateway],
        *,
        undo: Undo | None = None,
        execute: Callable[..., Executed] | None = None,
    ) -> None:
        super().__init__(declared, topology, open_gateway, undo, execute)
        self._faults = Faults(self)

    # -- sockets

    def connect(
        self,
        address: Node | str | IPAddress,
        port: int,
        *,
        timeout: float = 5.0,
        source: str = "",
        source_port: int = 0,
        wait: bool = True,
        **options: int | str,
    ) -> Stream:
        """Open a TCP connection from this node.

        address: a node (its address on a network that both are on, else its first), an
        address, or a name, which is resolved on the node. wait=False returns while the
        handshake is under way (`Stream.connected` waits for it). options: socket options
        by their names, `SO_RCVBUF=4096`.

        Raises ConnectionRefusedError, TimeoutError (no errno: after `timeout` seconds; with
        ETIMEDOUT: the kernel gave up), and the other OSErrors of connect(2); socket.gaierror.
        """
        target = self.address_of(address)
        with self.doing("connect", address=target, port=port) as doing:
            answer = self.call(
                "sockets.connect", within=timeout, address=target, port=port, timeout=timeout,
                source=source, source_port=source_port, options=options, wait=wait,
            )  # fmt: skip
            doing.arguments.update(local=answer["local"], remote=answer["remote"])
            if answer["error"]:
                raise self._connected().error(*answer["error"])
            doing.result = {"local": answer["local"], "remote": answer["remote"]}
        return Stream(self, answer)

    def listen(
        self, port: int, *, address: str = "0.0.0.0", backlog: int = 5, **options: int | str
    ) -> Listener:
        """Listen for TCP connections; port 0 lets the kernel choose. SO_REUSEADDR is set unless told."""
        with self.doing("listen", address=address, port=port, backlog=backlog) as doing:
            answer = self.call("sockets.listen", address=address, port=port, backlog=backlog, options=options)
            doing.result = {"local": answer["local"]}
        return Listener(self, answer)

    def udp(self, port: int = 0, *, address: str = "0.0.0.0", **options: int | str) -> Datagrams:
        """Open a UDP socket; port 0 lets the kernel choose. options: as for `connect`."""
        with self.doing("udp", address=address, port=port) as doing:
            answer = self.call("sockets.udp", address=address, port=port, options=options)
            doing.result = {"local": answer["local"]}
        return Datagrams(self, answer)

    def tcp_echo(
        self, target: Node | str | IPAddress, data: bytes, *, port: int = ECHO_PORT, timeout: float = 5.0
    ) -> bytes:
        """Say something to an echo server, read as much back, and close; return what came."""
        with self.connect(target, port, timeout=timeout) as stream:
            stream.send(data, timeout=timeout)
            return stream.recv_exactly(len(data), timeout=timeout)

    def send_frame(self, network: str, frame: bytes, *, count: int = 1) -> None:
        """Put a whole Ethernet frame on a network as it is, `count` times."""
        with self.doing("send_frame", network=network, frame=frame, count=count):
            self.call("frames.send", interface=self.interface_on(network), frames=[frame], count=count)

    def send_frames(self, network: str, frames: Sequence[bytes], *, rate: float) -> int:
        """Put whole Ethernet frames on a network, at most `rate` a second; return how many.

        One request: it ends by itself, whatever becomes of this process.
        """
        with self.doing("send_frames", network=network, count=len(frames), rate=rate) as doing:
            doing.result = sent = int(
                self.call(
                    "frames.send", within=len(frames) / rate,
                    interface=self.interface_on(network), frames=list(frames), rate=rate,
                )
            )  # fmt: skip
        return sent

    # -- faults

    def lose(self, match: Match, nth: int = 1, times: int = 1, where: str | None = None) -> Fault:
        """Lose the nth packet that matches, and the times - 1 after it; all others pass.

        where: see `testbed.faults`. Until undone, only the packets counted from now on matter.
        """
        return self._faults.lose(match, nth, times, where)

    def drop(self, match: Match, where: str | None = None) -> Fault:
        """Lose every packet that matches, until undone."""
        return self._faults.drop(match, where)

    def limit_each(self, match: Match, rate: str, burst: int, where: str | None = None) -> Fault:
        """Let only so many of the packets that match pass from each source address, and lose the others.

        rate: as nft(8) writes it, `1/minute`; burst: so many pass at first, however fast they come.
        """
        return self._faults.limit_each(match, rate, burst, where)

    def limit(self, network: str, rate: str, burst: str = "16kb", latency: str = "200ms") -> Fault:
        """Send to a network no faster than a rate (`1mbit`, as tc(8) writes it).

        burst: bytes that may go at once. latency: what would wait longer is lost. Meant for a lab that
        is recorded: else offloads make packets larger than the burst.
        """
        return self._faults.limit(network, rate, burst, latency)

    def delay(self, network: str, seconds: float) -> Fault:
        """Let what is sent to a network arrive later; Unsupported where the kernel lacks sch_netem."""
        return self._faults.delay(network, seconds)

    def redirect(self, port: int, to: int, protocol: str = "tcp") -> Fault:
        """Hand what arrives for a port of this node to another of its ports."""
        return self._faults.redirect(port, to, protocol)

    def masquerade(self, network: str) -> Fault:
        """Put this node's own address into what it forwards to a network."""
        return self._faults.masquerade(network)

    def active_faults(self) -> tuple[Fault, ...]:
        """The faults in force."""
        return self._faults.active()

    def take_faults(self) -> tuple[FaultState, ...]:
        """The faults that were in force since the last time, as evidence."""
        return self._faults.take()

    # -- names

    def address_of(self, target: Node | str | IPAddress) -> str:
        """The address by which this node reaches another: on a common network, else the other's first."""
        if not isinstance(target, Node):
            return str(target)
        common = [network for network in target.declared.networks if network in self.declared.networks]
        return str(target.address_on(common[0] if common else target.declared.networks[0]))

    def address_on(self, network: str) -> IPAddress:
        """The node's declared address on a network."""
        interface = self.declared.on(network)
        address = interface.address or interface.address6
        if address is None:
            raise UsageError(f"address of {self.name} on {network}", "the topology declares none")
        return address.ip

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """All declared addresses."""
        both = ((one.address, one.address6) for one in self.declared.interfaces)
        return tuple(address.ip for pair in both for address in pair if address is not None)
