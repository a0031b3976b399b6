"""A lab as a picture in characters, and as Mermaid. As it is declared: nothing of a running lab is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from testbed.report.ladder_mermaid import escaped
from testbed.report.style import Style, columns
from testbed.topology import Interface, Network, Node, Topology


def networks_in_order(topology: Topology) -> tuple[Network, ...]:
    """The networks, each next to one that a node joins it to; in the order of declaration otherwise."""
    waiting = list(topology.networks)
    ordered: list[Network] = []
    while waiting:
        joined = {name for network in ordered for name in _names_on(topology, network)}
        beside = [network for network in waiting if joined & _names_on(topology, network)]
        ordered.append((beside or waiting)[0])
        waiting.remove(ordered[-1])
    return tuple(ordered)


def _names_on(topology: Topology, network: Network) -> set[str]:
    return {node.name for node in topology.nodes_on(network.name)}


def subnets(network: Network) -> str:
    """The address ranges of a network: `172.16.10.0/24`."""
    return " ".join(str(subnet) for subnet in (network.subnet, network.subnet6) if subnet is not None)


def addresses(interface: Interface) -> str:
    """The addresses of an interface, without their prefix lengths; empty where the engine chooses."""
    return " ".join(str(one.ip) for one in (interface.address, interface.address6) if one is not None)


def is_gateway(network: Network, interface: Interface) -> bool:
    """Whether an interface has the address that the network's hosts send to what is elsewhere."""
    return interface.address is not None and interface.address.ip == network.gateway


def render(topology: Topology, style: Style | None = None) -> str:
    """Return the lab as a tree for each network; a node on several networks stands in each."""
    style = style or Style()
    out: list[str] = []
    for network in networks_in_order(topology):
        nodes = sorted(topology.nodes_on(network.name), key=lambda node: len(node.interfaces) > 1)
        out.append(f"{style.paint('strong', network.name)}  {subnets(network)}".rstrip())
        out += _tree(topology, network, nodes, style)
        out.append("")
    alone = [node.name for node in topology.nodes if not node.interfaces]
    if alone:
        out.append(f"on no network: {', '.join(alone)}\n")
    return "\x1b".join(style.glyphs(part) for part in "\n".join(out).split("\x1b"))


def _tree(topology: Topology, network: Network, nodes: list[Node], style: Style) -> Iterator[str]:
    width = max((columns(node.name) for node in nodes), default=0)
    wide = max((len(_address(node.on(network.name))) for node in nodes), default=0)
    for node in nodes:
        branch = "└─" if node is nodes[-1] else "├─"
        others = [name for name in node.networks if name != network.name]
        told = ["gateway"] if is_gateway(network, node.on(network.name)) else []
        told += ["forwards"] if node.forwards else []
        told += [f"also on {', '.join(others)}"] if others else []
        text = f" {branch} {node.name.ljust(width)}  {_address(node.on(network.name)).ljust(wide)}"
        yield f"{text}  {style.paint('faint', ', '.join(told))}".rstrip()


def _address(interface: Interface) -> str:
    return addresses(interface) or "(given by the engine)"


def mermaid(topology: Topology) -> str:
    """Return the lab as a Mermaid flowchart: networks are rounded, routers are hexagons, hosts are boxes."""
    lines = [
        "flowchart LR",
        *(
            f'    {_id("network", network.name)}(["{_two(network.name, subnets(network))}"])'
            for network in networks_in_order(topology)
        ),
    ]
    for node in topology.nodes:
        sole = addresses(node.interfaces[0]) if len(node.interfaces) == 1 else ""
        begin, end = ("{{", "}}") if node.forwards else ("[", "]")
        lines.append(f'    {_id("node", node.name)}{begin}"{_two(node.name, sole)}"{end}')
    for node in topology.nodes:
        for interface in node.interfaces:
            label = (
                f'|"{escaped(addresses(interface))}"|'
                if len(node.interfaces) > 1 and addresses(interface)
                else ""
            )
            lines.append(f"    {_id('node', node.name)} ---{label} {_id('network', interface.network)}")
    return "\n".join(lines) + "\n"


def _id(kind: str, name: str) -> str:
    """An identifier that Mermaid takes; `-`, `_` and `.` stay apart."""
    return f"{kind}_{re.sub(r'[^A-Za-z0-9]', lambda odd: f'_{ord(odd[0]):x}_', name)}"


def _two(first: str, second: str) -> str:
    return "<br/>".join(escaped(part) for part in (first, second) if part)
