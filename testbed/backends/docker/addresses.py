"""Whose the addresses are that a lab wants: the engine's networks' and this machine's routes'."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from testbed.backends.docker import inventory, labels
from testbed.backends.docker.client import Engine
from testbed.topology import Topology


def taken(engine_: Engine, topology: Topology) -> str | None:
    """Say which of the topology's subnets is taken and by whom; None where all are free.

    The routes of this machine count where the engine is on it.
    """
    holders = [
        (subnet, _holder(network)) for network in inventory.networks(engine_) for subnet in network.subnets
    ]
    if engine_.local:
        holders += [(subnet, f"this machine's route by {device}") for subnet, device in routes()]
    for network in topology.networks:
        for wanted in (network.subnet, network.subnet6):
            for subnet, holder in holders:
                if wanted is not None and wanted.version == subnet.version and wanted.overlaps(subnet):
                    return f"{network.name} wants {wanted}, and {subnet} is held by {holder}"
    return None


def routes() -> Iterator[tuple[ipaddress.IPv4Network, str]]:
    """Yield this machine's IPv4 routes and their devices, the default route not among them."""
    try:
        lines = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        device, destination, _, flags, _, _, _, mask, *_ = line.split()
        prefix = int.from_bytes(bytes.fromhex(mask), "little").bit_count()
        if int(flags, 16) & 1 and prefix:
            address = ipaddress.IPv4Address(bytes.fromhex(destination)[::-1])
            yield ipaddress.IPv4Network((address, prefix)), device


def _holder(network: inventory.Network) -> str:
    lab = network.labels.get(labels.LAB)
    return f"network {network.declared} of lab {lab!r}" if lab else f"the network {network.name}"
