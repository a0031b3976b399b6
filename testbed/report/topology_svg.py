"""A lab as a picture: a rail for each network, its hosts above it, routers between the rails they join."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from testbed.report import svg
from testbed.report.markup import Markup, element
from testbed.report.topology import addresses, networks_in_order, subnets
from testbed.topology import Network, Node, Topology

_BOX_W: Final = 132
_BOX_H: Final = 46
_GAP: Final = 16
_BAND: Final = 130
"""From one rail to the next."""
_MOST: Final = 8
"""Hosts that are drawn on one network; the others are counted."""


def render(topology: Topology, *, alone: bool = True, key: str = "topology") -> str:
    """Draw a lab. alone: a document of its own, else a part of an HTML page; key: unique in that page."""
    return _Plan(topology).drawn(alone, key)


class _Plan:
    """Where everything of one lab stands."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._networks = networks_in_order(topology)
        self._joining = [node for node in topology.nodes if len(node.interfaces) > 1]
        self._rail = {network.name: (at + 1) * _BAND - 20 for at, network in enumerate(self._networks)}
        widest = max((len(self._hosts(network)[:_MOST]) for network in self._networks), default=0)
        self._right = 20 + max(2, widest) * (_BOX_W + _GAP)
        self._width = self._right + len(self._joining) * (_BOX_W + _GAP) + 20

    def _hosts(self, network: Network) -> list[Node]:
        return [node for node in self._topology.nodes_on(network.name) if len(node.interfaces) == 1]

    def drawn(self, alone: bool, key: str) -> str:
        height = len(self._networks) * _BAND + 20
        rails = [part for network in self._networks for part in self._network(network)]
        joins = [part for at, node in enumerate(self._joining) for part in self._join(node, at)]
        title = f"Topology of {self._topology.name}"
        return svg.picture(title, self._told(), self._width, height, *rails, *joins, alone=alone, key=key)

    def _told(self) -> str:
        parts = []
        for network in self._networks:
            names = ", ".join(node.name for node in self._topology.nodes_on(network.name))
            parts.append(f"{network.name} {subnets(network)}: {names or 'nobody'}")
        return ". ".join(parts)

    def _network(self, network: Network) -> Iterator[Markup]:
        y = self._rail[network.name]
        yield svg.line(20, y, self._width - 20, y, "rail")
        yield svg.text(22, y + 19, f"{network.name}  {subnets(network)}".rstrip(), "faint")
        hosts = self._hosts(network)
        shown = hosts if len(hosts) <= _MOST else hosts[: _MOST - 1]
        for at, node in enumerate(shown):
            yield from self._host(at, y, node.name, addresses(node.interfaces[0]), node.forwards)
        if len(shown) < len(hosts):
            rest = hosts[len(shown) :]
            yield from self._host(
                len(shown), y, f"and {len(rest)} more", f"{rest[0].name} – {rest[-1].name}", False
            )

    def _host(self, at: int, rail: float, name: str, address: str, forwards: bool) -> Iterator[Markup]:
        x, y = 20 + at * (_BOX_W + _GAP), rail - 20 - _BOX_H
        yield svg.line(x + _BOX_W / 2, y + _BOX_H, x + _BOX_W / 2, rail, "wire")
        yield _box(x, y, name, address, forwards)

    def _join(self, node: Node, column: int) -> Iterator[Markup]:
        """A node between its networks: above its second rail, with a wire to each."""
        legs = sorted(node.interfaces, key=lambda interface: self._rail[interface.network])
        x = self._right + column * (_BOX_W + _GAP)
        middle = x + _BOX_W / 2
        top = self._rail[legs[0].network] + 38
        for at, interface in enumerate(legs):
            rail = self._rail[interface.network]
            if at == 0:
                yield svg.line(middle, rail, middle, top, "wire")
                yield svg.text(middle + 5, rail + 19, addresses(interface), "faint small")
            else:
                shift = middle + (at - 1) * 14
                yield svg.line(shift, top + _BOX_H, shift, rail, "wire")
                yield svg.text(shift + 5, rail - 8, addresses(interface), "faint small")
        yield _box(x, top, node.name, "forwards" if node.forwards else "", node.forwards)


def _box(x: float, y: float, name: str, below: str, router: bool) -> Markup:
    kind = "box router" if router else "box"
    middle = x + _BOX_W / 2
    return element(
        "g",
        element("rect", x=x, y=y, width=_BOX_W, height=_BOX_H, rx=6, class_=kind),
        svg.text(middle, y + (20 if below else 28), name, "strong", "middle"),
        *([svg.text(middle, y + 36, below, "faint", "middle")] if below else []),
    )
