"""What a lab is before it runs: networks, nodes and the interfaces that join them.

Pure values: nothing here reads a file, asks an engine or knows how a lab is started.
A topology comes from a Compose file (`testbed.compose.load`), from its own JSON
(`Topology.from_json`) or is written down in Python::

    Topology(
        name="two-hosts",
        networks=(Network("lan", subnet=IPv4Network("10.9.0.0/24")),),
        nodes=(
            Node("left", "debian", (Interface("lan", IPv4Interface("10.9.0.10/24")),)),
            Node("right", "debian", (Interface("lan", IPv4Interface("10.9.0.11/24")),)),
        ),
    ).validate()
"""

from testbed.topology.model import SCHEMA_VERSION, Interface, Network, Node, Route, Source, Topology

__all__ = ["SCHEMA_VERSION", "Interface", "Network", "Node", "Route", "Source", "Topology"]
