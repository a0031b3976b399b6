"""When a node is as far as it will come: looked at until it is, or has failed, or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable

from testbed.backends.base import NodeState, Progress, Report
from testbed.backends.docker import attaching
from testbed.backends.docker.inventory import Container
from testbed.errors import DeadlinePassed, NodeExited
from testbed.topology import Topology

PAUSE = 0.03
"""Seconds between two looks at nodes that are not ready."""

SETTLED = 0.3
"""Seconds for which a node without a health check must have run; what cannot start ends sooner."""


def wait_until_ready(
    topology: Topology,
    look: Callable[[], list[Container]],
    give_up: Callable[[str, Container, NodeState], NodeExited],
    progress: Report,
    since: dict[str, float],
    until: float,
) -> list[Container]:
    """Look at all nodes until each runs, and is healthy where it can tell, or has done its work.

    give_up: the error for a node that failed. since: when nodes were started, as far as that
    is known. until: the deadline; both by the monotonic clock.
    Raises that error, or DeadlinePassed naming those that are not ready.
    """
    told: set[str] = set()
    while True:
        containers = look()
        states = {}
        for container in containers:
            node = attaching.node_name(container, topology)
            states[node] = container.node_state
            if container.running:
                since.setdefault(node, time.monotonic())
            if failed(states[node]):
                raise give_up(node, container, states[node])
        now = time.monotonic()
        waiting = {
            node.name: states.get(node.name, NodeState("missing"))
            for node in topology.nodes
            if not ready(states.get(node.name), now - since.get(node.name, now))
        }
        for node in states.keys() - waiting.keys() - told:
            told.add(node)
            progress(Progress("node", node, states[node].health or states[node].status))
        if not waiting:
            return containers
        if now > until:
            seen = ", ".join(f"{node} {state.described()}" for node, state in waiting.items())
            raise DeadlinePassed(f"wait for the nodes of lab {topology.name!r}", f"at the deadline, {seen}")
        time.sleep(PAUSE)


def ready(state: NodeState | None, running_for: float) -> bool:
    """Whether a node is as far as it will come: up and healthy, or settled, or ended with 0.

    running_for: seconds since it was first seen running.
    """
    if state is None:
        return False
    if state.status == "running":
        return state.health == "healthy" or (state.health is None and running_for >= SETTLED)
    return state.status == "exited" and state.exit_code == 0


def failed(state: NodeState) -> bool:
    """Whether a node will not come up any more."""
    return (state.status in ("exited", "dead") and state.exit_code != 0) or state.health == "unhealthy"
