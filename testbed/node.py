"""A handle on a running node: run commands, open sockets, read the kernel's tables, place faults.

Everything goes over one channel to the node's probe, which is opened on first use.
Owns neither the probe's life (the backend's) nor the recording (`testbed.recorder`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from testbed.actions import Doing, Journal
from testbed.channel import Channel
from testbed.errors import Unsupported, UsageError
from testbed.faults import Fault, Faults, FaultState, Match
from testbed.process import Completed, Process, completed, expect_success
from testbed.stream import Datagrams, Endpoint, Listener, Stream
from testbed.topology import Node as Declared
from testbed.topology import Topology
from testbed.undo import UndoStack

if TYPE_CHECKING:
    from execnet import Gateway

    from testbed.backends.base import Executed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Target = "Node | str | IPAddress"

LOOPBACK = "lo"
ECHO_PORT = 8888


class Node:
    """One node of a running lab; may be used from many threads at once.

    declared: what the topology says of it. open_gateway: opens a Python in its network
    namespace. undo: takes a callback for everything that is set on the node.
    execute: runs a command in the node's own container, where the backend can.
    """

    def __init__(
        self,
        declared: Declared,
        topology: Topology,
        open_gateway: Callable[[], Gateway],
        *,
        undo: UndoStack | None = None,
        execute: Callable[..., Executed] | None = None,
        last_words: Callable[[], str] = str,
    ) -> None:
        self.declared = declared
        self.topology = topology
        self.name = declared.name
        self.journal = Journal()
        self._open_gateway = open_gateway
        self._undo = undo
        self._execute = execute
        self._last_words = last_words
        self._opening = threading.Lock()
        self._channel: Channel | None = None
        self._clock_ahead = 0
        self._handlers: list[Callable[[str, Any], None]] = []
        self._networks: dict[int, str] = {}
        self._faults = Faults(self)

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    # -- the channel

    def call(self, operation: str, *, within: float = 0.0, **arguments: Any) -> Any:
        """Ask the probe for an operation; see `Channel.call` for what it raises."""
        return self._connected().call(operation, within=within, **arguments)

    def _connected(self) -> Channel:
        channel = self._channel
        if channel is not None:
            return channel
        with self._opening:
            if self._channel is None:
                opened = Channel(self.name, self._open_gateway(), self._dispatch, self._last_words)
                self._clock_ahead = clock_difference(opened)
                self._channel = opened
            return self._channel

    @property
    def alive(self) -> bool:
        """Whether the probe runs and its channel is open."""
        channel = self._channel
        return channel is not None and channel.alive

    def _dispatch(self, name: str, value: Any) -> None:
        for handler in list(self._handlers):
            handler(name, value)

    @contextlib.contextmanager
    def events(self, handler: Callable[[str, Any], None]) -> Iterator[None]:
        """Give the probe's events to a handler, in the channel's own thread."""
        self._handlers.append(handler)
        try:
            yield
        finally:
            self._handlers.remove(handler)

    def close(self) -> None:
        """Undo what the probe set on the node, and end the probe. The node may be used again after."""
        with self._opening:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def now_ns(self) -> int:
        """The node's CLOCK_REALTIME, in ns; on the engine's own machine that is ours."""
        return time.time_ns() + self._clock_ahead

    def doing(self, name: str, **arguments: Any) -> contextlib.AbstractContextManager[Doing]:
        """Write an action of this node into the journal."""
        return self.journal.doing(self.name, name, arguments, self.now_ns)

    def undo_later(self, callback: Callable[[], object]) -> None:
        """Have the lab call this at the scenario's end, last come first served."""
        if self._undo is not None:
            self._undo.callback(callback)

    # -- commands

    def run(
        self, argv: Sequence[str], *, timeout: float = 10.0, input: bytes | None = None, check: bool = False
    ) -> Completed:
        """Run a command of the probe's in the node's network namespace, to its end.

        timeout: seconds; then the command and its children are killed, and TimeoutError tells
        what it wrote. check: raise TestbedError when its status is not 0.
        Raises FileNotFoundError for a command that the probe does not have.
        """
        with self.doing("run", argv=list(argv)) as doing:
            answer = self.call("processes.run", within=timeout, argv=list(argv), timeout=timeout, stdin=input)
            result = completed(argv, answer, timeout)
            doing.result = result.facts()
        return expect_success(self.name, result) if check else result

    def spawn(self, argv: Sequence[str]) -> Process:
        """Start a command in the background; it ends with the probe at the latest."""
        with self.doing("spawn", argv=list(argv)) as doing:
            number, pid = self.call("processes.spawn", argv=list(argv))
            doing.result = {"pid": pid}
        process = Process(self, number, pid, tuple(argv))
        self.undo_later(process.close)
        return process

    def exec(self, argv: Sequence[str], *, timeout: float = 30.0, input: bytes | None = None) -> Completed:
        """Run a command in the node's own container, where it must exist."""
        if self._execute is None:
            raise Unsupported(f"run {argv[0]} in node {self.name}", "this backend enters no container")
        with self.doing("exec", argv=list(argv)) as doing:
            answer = self._execute(list(argv), input=input, timeout=timeout)
            result = Completed(tuple(argv), answer.status, answer.stdout, answer.stderr)
            doing.result = result.facts()
        return result

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
        """Open a UDP socket; port 0 lets the kernel choose."""
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

    # -- the kernel's tables

    def interfaces(self) -> list[dict[str, Any]]:
        """The interfaces as they are: name, index, mac, mtu, up, carrier, addresses, counters; and the network."""
        rows: list[dict[str, Any]] = self.call("system.interfaces")
        for row in rows:
            row["network"] = self.network_of(row)
        return rows

    def neighbours(self) -> list[dict[str, Any]]:
        """The neighbour table: interface (index), address, mac or None, state."""
        rows: list[dict[str, Any]] = self.call("system.neighbours")
        return rows

    def routes(self) -> list[dict[str, Any]]:
        """The routing table: destination, gateway, interface (index), source, metric, table, type."""
        rows: list[dict[str, Any]] = self.call("system.routes")
        return rows

    def sockets(self) -> list[dict[str, Any]]:
        """The kernel's TCP sockets now: local, local_port, remote, remote_port, state, queues, timer, inode."""
        rows: list[dict[str, Any]] = self.call("system.sockets")
        return rows

    def counters(self) -> dict[str, int]:
        """The kernel's counters of IP, ICMP, TCP, UDP: {"IpForwDatagrams": 3, "TcpExtListenDrops": 0, …}."""
        counters: dict[str, int] = self.call("system.counters")
        return counters

    def await_tcp_state(self, stream: Stream, *states: str, timeout: float = 5.0) -> None:
        """Wait until this node's kernel has a stream's connection in one of the states.

        states: as RFC 9293 writes them, `FIN-WAIT-2`; `CLOSED` for no socket any more. The
        stream may be either end's. DeadlinePassed, with the sockets there are, after `timeout` seconds.
        """
        with self.doing("await_tcp_state", states=list(states)):
            self._await_socket(stream, {} if states == ("CLOSED",) else {"state": list(states)}, timeout)

    def await_queue(self, stream: Stream, *, unread: int, timeout: float = 5.0) -> None:
        """Wait until this many bytes wait to be read at this node's end of a stream's connection."""
        with self.doing("await_queue", unread=unread):
            self._await_socket(stream, {"receive_queue": unread}, timeout)

    def _await_socket(self, stream: Stream, condition: Mapping[str, Any], timeout: float) -> None:
        own = stream.node is self
        local, remote = (stream.local, stream.remote) if own else (stream.remote, stream.local)
        wanted = {
            "local": local.address, "local_port": local.port,
            "remote": remote.address, "remote_port": remote.port,
        }  # fmt: skip
        self.call(
            "system.await_socket", within=timeout,
            wanted={**wanted, **condition}, timeout=timeout, absent=not condition,
        )  # fmt: skip

    # -- settings, each undone at the scenario's end

    def sysctl(self, key: str, value: str | int | None = None) -> str:
        """Return a setting below /proc/sys/net (`net.ipv4.tcp_syncookies`); with a value set it, and return the old."""
        if value is None:
            setting: str = self.call("system.sysctl", key=key)
            return setting
        with self.doing("sysctl", key=key, value=str(value)) as doing:
            before: str = self.call("system.sysctl", key=key, value=str(value))
            doing.result = before
        self.undo_later(lambda: self.call("system.sysctl", key=key, value=before))
        return before

    def forget_neighbours(self) -> int:
        """Delete what was learned of neighbours, so that the next packet must ask; return how many rows."""
        with self.doing("forget_neighbours") as doing:
            count: int = self.call("system.forget_neighbours")
            doing.result = count
        return count

    def add_address(self, network: str, address: str) -> None:
        """Add an address with its prefix length (`172.16.10.11/24`) to the interface on a network."""
        interface = self.interface_on(network)
        self.run(["ip", "address", "add", address, "dev", interface], check=True)
        self.undo_later(lambda: self.run(["ip", "address", "delete", address, "dev", interface]))

    def add_neighbour(self, network: str, address: str | IPAddress, mac: str) -> None:
        """Enter a neighbour for good (PERMANENT): it is never asked for."""
        interface = self.interface_on(network)
        row = [str(address), "dev", interface]
        self.run(["ip", "neighbour", "replace", *row, "lladdr", mac, "nud", "permanent"], check=True)
        self.undo_later(lambda: self.run(["ip", "neighbour", "delete", *row]))

    def add_route(self, destination: str, via: str | IPAddress) -> None:
        """Send packets for a network (`172.16.30.0/24`, `default`) to a neighbour; replaces what there was."""
        before = (
            self.run(["ip", "route", "show", "exact", destination], check=True).stdout.decode().split("\n")[0]
        )
        self.run(["ip", "route", "replace", destination, "via", str(via)], check=True)
        back = ["replace", *before.split()] if before else ["delete", destination]
        self.undo_later(lambda: self.run(["ip", "route", *back]))

    # -- faults

    def lose(self, match: Match, nth: int = 1, times: int = 1, where: str | None = None) -> Fault:
        """Lose the nth packet that matches, and the times - 1 after it; all others pass.

        where: see `testbed.faults`. Until undone, only the packets counted from now on matter.
        """
        return self._faults.lose(match, nth, times, where)

    def drop(self, match: Match, where: str | None = None) -> Fault:
        """Lose every packet that matches, until undone."""
        return self._faults.drop(match, where)

    def limit(self, network: str, rate: str, burst: str = "16kb", latency: str = "200ms") -> Fault:
        """Send to a network no faster than a rate (`1mbit`, as tc(8) writes it); what waits longer is lost."""
        return self._faults.limit(network, rate, burst, latency)

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

    def mac_on(self, network: str) -> str:
        """The MAC of the interface on a network, as it is now."""
        return str(self._interface(network)["mac"])

    def interface_on(self, network: str) -> str:
        """The name of the interface on a network (`eth0`; the order is the engine's)."""
        return str(self._interface(network)["name"])

    def _interface(self, network: str) -> dict[str, Any]:
        for row in self.interfaces():
            if row["network"] == network:
                return row
        raise UsageError(f"find the interface of {self.name} on {network!r}", "it has none")

    def network_of(self, row: Mapping[str, Any]) -> str:
        """The network that an interface is on; once known it stays, whatever becomes of its addresses."""
        index = row["index"]
        if index not in self._networks:
            network = LOOPBACK if row["loopback"] else which_network(self.declared, self.topology, row)
            if network is None:
                return str(row["name"])
            self._networks[index] = network
        return self._networks[index]


def which_network(declared: Declared, topology: Topology, row: Mapping[str, Any]) -> str | None:
    """Tell an interface's network by its MAC where one is declared, else by its addresses."""
    for interface in declared.interfaces:
        if interface.mac and interface.mac == row["mac"]:
            return interface.network
    addresses = [ipaddress.ip_interface(address) for address in row["addresses"]]
    for interface in declared.interfaces:
        own = [one.ip for one in (interface.address, interface.address6) if one is not None]
        if any(address.ip in own for address in addresses):
            return interface.network
    for name in declared.networks:
        network = topology.network(name)
        subnets = [subnet for subnet in (network.subnet, network.subnet6) if subnet is not None]
        if any(
            address.version == subnet.version and address.ip in subnet
            for address in addresses
            for subnet in subnets
        ):
            return name
    return None


def clock_difference(channel: Channel) -> int:
    """By how many ns the node's clock is ahead of ours; 0 when that is less than can be measured."""
    best = None
    for _ in range(3):
        before = time.time_ns()
        there = channel.call("agent.clock")
        after = time.time_ns()
        if best is None or after - before < best[0]:
            best = (after - before, there - (before + after) // 2)
    assert best is not None
    round_trip, ahead = best
    return 0 if abs(ahead) <= round_trip else ahead


__all__ = ["Completed", "Endpoint", "Fault", "Listener", "Match", "Node", "Process", "Stream"]
