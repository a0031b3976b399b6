"""The addresses and routes that a router takes by itself, as two variables of its environment say.

Docker reserves a network's gateway address and gives it to nobody in the lab, so the router's own
program takes it: the router image of this project reads these variables, and so does this module.
Any other image may do the same with them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Final

from testbed.compose.document import Path, shown
from testbed.compose.reading import Reading
from testbed.topology import Interface, Network, Route

ADDRESSES: Final = "ROUTER_ADDRESSES"
"""Addresses with prefix length, between spaces: ``172.16.10.1/24 172.16.20.1/24``."""
ROUTES: Final = "ROUTER_ROUTES"
"""Routes, between commas: ``172.16.30.0/24 via 172.16.20.2``."""


@dataclass(slots=True)
class Taken:
    """What one service's environment has its nodes take.

    place: the path of the environment in the file.
    unclear: networks whose subnet is not known for a mistake that is known.
    claimed: (network, field of Interface) -> the variable that it comes from.
    """

    reading: Reading
    place: Path
    networks: Mapping[str, Network]
    unclear: Set[str]
    claimed: dict[tuple[str, str], str] = field(default_factory=dict)

    def addresses(self, environment: Mapping[str, str], interfaces: Iterable[Interface]) -> list[Interface]:
        """Return the interfaces with the addresses of ROUTER_ADDRESSES in place of Docker's."""
        found = {interface.network: interface for interface in interfaces}
        for word in environment.get(ADDRESSES, "").split():
            try:
                address = ip_interface(word)
            except ValueError:
                self._complain(ADDRESSES, shown(word), "addresses between spaces, such as 172.16.10.1/24")
                continue
            self._take(address, word, found)
        return list(found.values())

    def _take(self, address: IPv4Interface | IPv6Interface, word: str, found: dict[str, Interface]) -> None:
        """Give an address to the interface in whose subnet it is."""
        attribute, subnet_of = ("address", "subnet") if address.version == 4 else ("address6", "subnet6")
        subnets = {name: getattr(self.networks[name], subnet_of) for name in found}
        for name, subnet in subnets.items():
            if subnet is None or address.ip not in subnet:
                continue
            if "/" not in word:
                self._complain(ADDRESSES, f"{word} without a prefix length", f"{word}/{subnet.prefixlen}")
            elif (name, attribute) in self.claimed:
                self._complain(ADDRESSES, f"{word}, a second address on {name}", "one for each network")
            else:
                self.claimed[name, attribute] = ADDRESSES
                found[name] = _with_address(found[name], address)
            return
        if not self.unclear.isdisjoint(found):
            return
        known = ", ".join(f"{name} {subnet}" for name, subnet in subnets.items() if subnet is not None)
        self._complain(
            ADDRESSES,
            f"{word} is in no subnet of this service",
            known or "a network that declares its subnet",
        )

    def routes(self, environment: Mapping[str, str]) -> tuple[Route, ...]:
        """Return the routes of ROUTER_ROUTES."""
        made = []
        for text in filter(None, (part.strip() for part in environment.get(ROUTES, "").split(","))):
            match = re.fullmatch(r"(\S+)\s+via\s+(\S+)", text)
            try:
                if match is None:
                    raise ValueError(text)
                destination = {"default": "0.0.0.0/0"}.get(match[1], match[1])
                made.append(Route(ip_network(destination), ip_address(match[2])))
            except ValueError:
                self._complain(
                    ROUTES, shown(text), "routes between commas, such as 172.16.30.0/24 via 172.16.20.2"
                )
        return tuple(made)

    def _complain(self, variable: str, given: str, allowed: str) -> None:
        self.reading.complain((*self.place, variable), given, allowed)


def _with_address(interface: Interface, address: IPv4Interface | IPv6Interface) -> Interface:
    if isinstance(address, IPv4Interface):
        return dataclasses.replace(interface, address=address)
    return dataclasses.replace(interface, address6=address)
