"""`testbed logs`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_nodes
from testbed.cli.options import backend_option, file_option, name_option


@with_examples("logs", "testbed logs", "testbed logs server --tail 20", "testbed logs --follow client server")
@click.argument("nodes", metavar="[NODE]...", nargs=-1, shell_complete=complete_nodes)
@click.option("--follow", "followed", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--tail", metavar="N", type=click.IntRange(0), help="The last N lines of each.")
@name_option
@file_option
@backend_option
def command(
    nodes: tuple[str, ...],
    followed: bool,
    tail: int | None,
    name: str | None,
    file: str | None,
    backend: str | None,
) -> None:
    """Show what the nodes' programs wrote.

    Control characters are taken out.
    """
    from testbed.cli.commands.up import follow
    from testbed.cli.labs import attach
    from testbed.cli.output import show
    from testbed.text import clean

    with attach(name, file, backend) as lab:
        chosen = [lab[node].name for node in nodes] or [node.name for node in lab.topology.nodes]
        if followed:
            follow(lab, chosen, tail)
            return
        width = max(len(node) for node in chosen)
        for node in chosen:
            for line in clean(lab.logs(node, tail)).splitlines():
                show(f"{node.ljust(width)}  {line}")
