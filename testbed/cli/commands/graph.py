"""`testbed graph`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.options import file_option, format_option


@with_examples("graph", "testbed graph", "testbed graph -f my/compose.yaml --format svg > lab.svg")
@click.option("--profile", "profiles", metavar="P", multiple=True, help="Nodes of this profile, too.")
@format_option("text", "mermaid", "svg", "json")
@file_option
def command(profiles: tuple[str, ...], fmt: str, file: str | None) -> None:
    """Draw the topology of a Compose file.

    Nothing is started, and no engine is asked.
    """
    import os

    from testbed.cli.options import chosen_file, known_profiles
    from testbed.cli.output import show, style
    from testbed.compose import load
    from testbed.report import topology, topology_svg

    lab = load(chosen_file(file), os.environ, profiles)
    known_profiles(lab, profiles)
    if fmt == "mermaid":
        show(topology.mermaid(lab))
    elif fmt == "svg":
        show(topology_svg.render(lab))
    elif fmt == "json":
        show(lab.to_json())
    else:
        show(topology.render(lab, style()))
