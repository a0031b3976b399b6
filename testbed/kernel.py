"""What a node's kernel knows and how it is set: interfaces, tables, sockets, counters, settings."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from testbed.errors import DeadlinePassed, UsageError
from testbed.remote import Remote, Undo
from testbed.stream import Stream
from testbed.topology import Node as Declared
from testbed.topology import Topology

if TYPE_CHECKING:
    from execnet import Gateway

    from testbed.backends.base import Executed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK = "lo"


LOOK_EVERY = 0.01  # seconds between two looks at a table
SOCKETS_EVERY = 0.001  # seconds between two looks of a probe at its sockets, for a state that is soon over


class Kernel(Remote):
    """A node's kernel: its tables as they are now, and changes to them that are undone later.

    declared: what the topology says of the node.
    """

    def __init__(
        self,
        declared: Declared,
        topology: Topology,
        open_gateway: Callable[[], Gateway],
        undo: Undo | None,
        execute: Callable[..., Executed] | None,
    ) -> None:
        super().__init__(declared.name, open_gateway, undo, execute)
        self.declared = declared
        self.topology = topology
        self._networks: dict[int, str] = {}

    # -- the kernel's tables

    def interfaces(self) -> list[dict[str, Any]]:
        """The interfaces as they are: name, index, network, mac, mtu, up, carrier, addresses, counters."""
        rows: list[dict[str, Any]] = self.call("system.interfaces")
        for row in rows:
            row["network"] = self.network_of(row)
        return rows

    def neighbours(self) -> list[dict[str, Any]]:
        """The neighbour table: interface, address, mac or None, state."""
        rows: list[dict[str, Any]] = self.call("system.neighbours")
        return rows

    def routes(self) -> list[dict[str, Any]]:
        """The routing table: destination, gateway, interface, source, metric, table, type."""
        rows: list[dict[str, Any]] = self.call("system.routes")
        return rows

    def sockets(self) -> list[dict[str, Any]]:
        """The kernel's TCP sockets now, as `testbed.probe.diag.read_socket` describes them."""
        rows: list[dict[str, Any]] = self.call("system.sockets")
        return rows

    def counters(self) -> dict[str, int]:
        """The kernel's counters of IP, ICMP, TCP, UDP: {"IpForwDatagrams": 3, "TcpExtListenDrops": 0, …}."""
        counters: dict[str, int] = self.call("system.counters")
        return counters

    def await_tcp_state(
        self, stream: Stream, *states: str, timeout: float = 5.0, every: float = SOCKETS_EVERY
    ) -> None:
        """Wait until this node's kernel has a stream's connection in one of the states.

        states: as RFC 9293 writes them, `FIN-WAIT-2`; `CLOSED` for no socket any more. The
        stream may be either end's. every: seconds between two looks. DeadlinePassed, with the sockets
        there are, after `timeout` seconds.
        """
        with self.doing("await_tcp_state", states=list(states)):
            condition = {} if states == ("CLOSED",) else {"state": list(states)}
            self._await_socket(stream, condition, timeout, every)

    def await_neighbour(self, address: str | IPAddress, *states: str, timeout: float = 5.0) -> None:
        """Wait until the neighbour table has an address in one of the states: `REACHABLE`, `STALE`.

        DeadlinePassed after `timeout` seconds, with the entry that there is.
        """
        deadline = time.monotonic() + timeout
        with self.doing("await_neighbour", address=str(address), states=list(states)):
            while True:
                row = next((row for row in self.neighbours() if row["address"] == str(address)), None)
                if row is not None and row["state"] in states:
                    return
                if time.monotonic() > deadline:
                    attempted = f"wait until {address} is {' or '.join(states)} at {self.name}"
                    raise DeadlinePassed(
                        attempted, f"not in {timeout:g} s: {row or 'it is not in the table'}"
                    )
                time.sleep(LOOK_EVERY)

    def await_queue(self, stream: Stream, *, unread: int, timeout: float = 5.0) -> None:
        """Wait until this many bytes wait to be read at this node's end of a stream's connection."""
        with self.doing("await_queue", unread=unread):
            self._await_socket(stream, {"receive_queue": unread}, timeout)

    def _await_socket(
        self, stream: Stream, condition: Mapping[str, Any], timeout: float, every: float = SOCKETS_EVERY
    ) -> None:
        own = stream.node is self
        local, remote = (stream.local, stream.remote) if own else (stream.remote, stream.local)
        wanted = {
            "local": local.address, "local_port": local.port,
            "remote": remote.address, "remote_port": remote.port,
        }  # fmt: skip
        try:
            self.call(
                "system.await_sockets", within=timeout, timeout=timeout, wanted={**wanted, **condition},
                least=int(bool(condition)), most=None if condition else 0, every=every,
            )  # fmt: skip
        except TimeoutError as error:
            words = " ".join(f"{key}={value}" for key, value in condition.items()) or "gone"
            raise DeadlinePassed(
                f"wait until {self.name}'s socket {local} to {remote} is {words}",
                f"not in {timeout:g} s: {error}",
            ) from error

    def await_sockets(
        self,
        *,
        least: int = 0,
        most: int | None = None,
        timeout: float = 5.0,
        every: float = 0.005,
        **wanted: Any,
    ) -> int:
        """Wait until this node's kernel has from `least` to `most` TCP sockets of a kind; return how many.

        wanted: `state="SYN-RECV", local_port=8888`, as `testbed.probe.diag.read_socket` names them; a
        list means any of them. every: seconds between two looks. DeadlinePassed after `timeout` seconds.
        """
        with self.doing("await_sockets", least=least, most=most, **wanted) as doing:
            try:
                found: int = self.call(
                    "system.await_sockets", within=timeout,
                    wanted=wanted, timeout=timeout, least=least, most=most, every=every,
                )  # fmt: skip
            except TimeoutError as error:
                range_ = f"{least} or more" if most is None else f"from {least} to {most}"
                raise DeadlinePassed(
                    f"wait until {self.name} has {range_} sockets {wanted}", f"not in {timeout:g} s: {error}"
                ) from error
            doing.result = found
        return found

    def await_counter(self, name: str, least: int, timeout: float = 5.0) -> int:
        """Wait until a counter (see `counters`) has grown to `least`; return its value.

        DeadlinePassed after `timeout` seconds, Unsupported for one that this kernel does not have.
        """
        with self.doing("await_counter", counter=name, least=least) as doing:
            try:
                value: int = self.call(
                    "system.await_counter", within=timeout, name=name, least=least, timeout=timeout
                )
            except TimeoutError as error:
                raise DeadlinePassed(
                    f"wait for {name} of {self.name}", f"not in {timeout:g} s: {error}"
                ) from error
            doing.result = value
        return value

    # -- settings, each undone at the scenario's end

    def sysctl(self, key: str, value: str | int | None = None) -> str:
        """Return a setting below /proc/sys/net (`net.ipv4.tcp_syncookies`).

        With a value set it, and return what it was. Raises Unsupported for a key that this
        kernel lacks, OSError (EINVAL, EPERM) for a value that it does not take.
        """
        before: str = self.call("system.sysctl", key=key)
        if value is None:
            return before
        with self.doing("sysctl", key=key, value=str(value)) as doing:
            doing.result = before
            self.undo_by("system.sysctl", key=key, value=before)
            self.call("system.sysctl", key=key, value=str(value))
        return before

    def forget_neighbours(self) -> int:
        """Delete what was learned of neighbours, so that the next packet must ask; return how many rows."""
        with self.doing("forget_neighbours") as doing:
            count: int = self.call("system.forget_neighbours")
            doing.result = count
        return count

    def add_address(self, network: str, address: str) -> None:
        """Add an address with its prefix length (`172.16.10.11/24`) to the interface on a network."""
        what = [address, "dev", self.interface_on(network)]
        self.change(["ip", "address", "add", *what], ["ip", "address", "delete", *what])

    def add_neighbour(self, network: str, address: str | IPAddress, mac: str) -> None:
        """Enter a neighbour for good (PERMANENT): it is never asked for."""
        row = [str(address), "dev", self.interface_on(network)]
        self.change(
            ["ip", "neighbour", "replace", *row, "lladdr", mac, "nud", "permanent"],
            ["ip", "neighbour", "delete", *row],
        )

    def add_route(self, destination: str, via: str | IPAddress) -> None:
        """Send packets for a network (`172.16.30.0/24`, `default`) to a neighbour; replaces a route."""
        before = self.run(["ip", "route", "show", "exact", destination], check=True).text.partition("\n")[0]
        back = ["replace", *before.split()] if before else ["delete", destination]
        self.change(["ip", "route", "replace", destination, "via", str(via)], ["ip", "route", *back])

    def set_mtu(self, network: str, mtu: int) -> None:
        """Set the MTU of the interface on a network: bytes of an IP packet, 68 to 65535."""
        interface = self._interface(network)
        change = ["ip", "link", "set", "dev", str(interface["name"]), "mtu"]
        self.change([*change, str(mtu)], [*change, str(interface["mtu"])])

    def set_mac(self, network: str, mac: str) -> None:
        """Give the card on a network another number.

        Whoever has it in its neighbour table is told, now and when it is undone: with arp_notify the kernel
        announces the new one by itself (Linux: ip-sysctl; RFC 5227 §2.3). The action's result is the
        number that the kernel then says the card has.
        """
        interface = self._interface(network)
        with self.doing("set_mac", network=network, mac=mac) as doing:
            self.sysctl(f"net.ipv4.conf.{interface['name']}.arp_notify", 1)
            change = ["ip", "link", "set", "dev", str(interface["name"]), "address"]
            self.change([*change, mac], [*change, str(interface["mac"])])
            doing.result = self.mac_on(network)

    def forget_path_mtus(self) -> None:
        """Delete what was learned of paths (RFC 1191), now and when the scenario ends."""
        flush = ["sh", "-c", "echo 1 >/sysnet/ipv4/route/flush"]
        self.change(flush, flush)

    def change(self, do: list[str], undo: list[str]) -> None:
        """Run a command, and have another one undo it at the scenario's end."""
        self.undo_by("processes.run", argv=undo, timeout=10.0)
        self.run(do, check=True)

    # -- which interface is where

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
    """Tell an interface's network by the MAC that it got at the start, else by its addresses.

    What does not lead out of the node is on no network, even where it has an interface's MAC (a bridge, a
    VLAN) or has taken its address.
    """
    if not row["leads_out"]:
        return None
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
