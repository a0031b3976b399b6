"""Whether a lab is as it was before a scenario: addresses, routes, static neighbours, rules, cables.

What every node's kernel says of itself is compared with what it said before. Addresses that the kernel
makes for itself (IPv6 link-local) come and go, and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING

from testbed.errors import TestbedError

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

Condition = Mapping[str, frozenset[str]]
"""Node -> sentences about it."""


def condition(lab: Lab) -> Condition:
    """What is true of each node; of one that does not run, or whose probe does not answer, just that."""
    nodes = lab.nodes
    with ThreadPoolExecutor(max(1, min(16, len(nodes)))) as pool:
        return dict(zip((node.name for node in nodes), pool.map(_told, nodes), strict=True))


def differences(before: Condition, after: Condition) -> list[str]:
    """What is not as it was, a sentence for each."""
    found = []
    for node in sorted(before.keys() | after.keys()):
        was, now = before.get(node, frozenset()), after.get(node, frozenset())
        found += [f"{node}: gone: {line}" for line in sorted(was - now)]
        found += [f"{node}: new: {line}" for line in sorted(now - was)]
    return found


def _told(node: Node) -> frozenset[str]:
    try:
        return frozenset([*_interfaces(node), *_routes(node), *_neighbours(node), *_rules(node)])
    except (TestbedError, OSError) as exc:
        return frozenset([f"it does not answer: {str(exc).splitlines()[0]}"])


def _interfaces(node: Node) -> list[str]:
    lines = []
    for row in node.interfaces():
        name, state = row["name"], "up" if row["up"] else "down"
        carrier = "carrier" if row["carrier"] else "no carrier"
        lines.append(f"{name} {row['mac']} mtu {row['mtu']} {state}, {carrier}")
        lines += [f"{name} has {address}" for address in row["addresses"] if not _link_local(address)]
    return lines


def _routes(node: Node) -> list[str]:
    return [
        f"route {row['destination']} via {row['gateway']} interface {row['interface']} metric {row['metric']}"
        for row in node.routes()
        if ":" not in row["destination"]
    ]


def _neighbours(node: Node) -> list[str]:
    rows = (row for row in node.neighbours() if row["state"] == "PERMANENT")
    return [f"neighbour {row['address']} is {row['mac']} for good" for row in rows]


def _rules(node: Node) -> list[str]:
    answer = node.run(["nft", "list", "tables"])
    return [line for line in answer.stdout.decode(errors="replace").splitlines() if line.strip()]


def _link_local(address: str) -> bool:
    return ip_address(address.partition("/")[0]).is_link_local
