"""A node seen by testinfra from two sides: beside it, on its network, and inside its own container."""

from __future__ import annotations

from typing import Any

import pytest
import testinfra

from testbed.lab import Lab
from testbed.node import Node
from tests.integration.process import Process, processes_in

Host = Any  # testinfra.host.Host, which comes without types


@pytest.fixture
def beside(node: Node) -> Host:
    """The node's network, with the probe's tools."""
    return testinfra.get_host(f"testbed://{node.name}")


@pytest.fixture
def inside(node: Node, lab: Lab) -> Host:
    """The node's own container, with what its image holds."""
    return testinfra.get_host(f"docker://{lab.handle.containers[node.name]}")


@pytest.fixture(scope="session")
def machine() -> Host:
    """The machine that the lab runs on."""
    return testinfra.get_host("local://")


@pytest.fixture
def inspected(node: Node, lab: Lab, machine: Host) -> dict[str, Any]:
    """What the engine says of the node's container."""
    found: dict[str, Any] = machine.docker(lab.handle.containers[node.name]).inspect()
    return found


@pytest.fixture
def processes(inside: Host) -> list[Process]:
    """The processes of the node's container but for those that look at it, the first one first."""
    return processes_in(inside)


@pytest.fixture
def program(processes: list[Process]) -> Process:
    """What the node is there for: what its init started."""
    return next(process for process in processes if process.parent == 1)
