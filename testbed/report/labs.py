"""The labs of a run, as its report shows them: each shape once, with what ran on it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from testbed.report import topology_svg
from testbed.report.markup import Markup
from testbed.results import Result
from testbed.topology import Topology

FEW: Final = 5
"""Scenarios that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class LabView:
    """A lab. told: what ran on it. twins: labs of its shape, each on addresses of its own."""

    told: str
    twins: int
    picture: Markup


@dataclass(slots=True)
class _Shape:
    """Labs that differ in nothing but their addresses."""

    topology: Topology
    scenarios: dict[str, None] = field(default_factory=dict)
    twins: set[Hashable] = field(default_factory=set)


def labs_of(results: Iterable[Result]) -> list[LabView]:
    """Return each lab that was recorded on; first the one on which most scenarios ran."""
    shapes: dict[Hashable, _Shape] = {}
    for result in results:
        if result.evidence is not None:
            topology = result.evidence.topology
            shape = shapes.setdefault(_key(topology), _Shape(topology))
            shape.scenarios[result.id] = None
            shape.twins.add(tuple(network.subnet for network in topology.networks))
    ordered = sorted(shapes.values(), key=lambda shape: -len(shape.scenarios))
    return [
        LabView(
            _told(list(shape.scenarios)),
            len(shape.twins),
            Markup(topology_svg.render(shape.topology, alone=False, key=f"topology-{at}")),
        )
        for at, shape in enumerate(ordered)
    ]


def _key(topology: Topology) -> Hashable:
    """Who is on which network."""
    nodes = tuple((node.name, node.forwards, node.networks) for node in topology.nodes)
    return tuple(network.name for network in topology.networks), nodes


def _told(scenarios: list[str]) -> str:
    return f"{len(scenarios)} scenarios" if len(scenarios) > FEW else ", ".join(scenarios)
