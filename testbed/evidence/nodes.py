"""A node in a recording: as the Compose file declares it, and as it was: `seen.router["lan-a"].mac`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from testbed.evidence.frames import NothingSeen
from testbed.evidence.records import NodeFacts, Vantage

LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class Declared:
    """An interface as the Compose file declares it, with the MAC that it had."""

    ip: IPv4Address
    mac: str


@dataclass(frozen=True)
class NodeView:
    """A node in a recording: `seen.client.ip`, `seen.router["lan-a"].mac`."""

    name: str
    vantages: tuple[Vantage, ...]
    declared: Mapping[str, IPv4Address]
    facts: NodeFacts

    def __getitem__(self, network: str) -> Declared:
        """Its interface on a network: the declared address, or where none is declared the one it had."""
        for vantage in self.vantages:
            if vantage.network == network:
                return Declared(self.declared.get(network) or vantage.ip, vantage.mac)
        raise NothingSeen(f"an interface of {self.name} on {network}")

    @property
    def _sole(self) -> Declared:
        networks = [vantage.network for vantage in self.vantages if vantage.network != LOOPBACK]
        if len(networks) != 1:
            raise ValueError(f"{self.name} is on {len(networks)} networks: say which, {self.name}[network]")
        return self[networks[0]]

    @property
    def ip(self) -> IPv4Address:
        """The address of a node that is on one network."""
        return self._sole.ip

    @property
    def mac(self) -> str:
        """The MAC of a node that is on one network."""
        return self._sole.mac

    @property
    def network(self) -> str:
        """The network of a node that is on one."""
        return next(vantage.network for vantage in self.vantages if vantage.network != LOOPBACK)
