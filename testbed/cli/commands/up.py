"""`testbed up`."""

from __future__ import annotations

import functools
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from testbed.cli.command import with_examples
from testbed.cli.options import DEFAULT_LAB, backend_option, file_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.lab import Lab


@with_examples(
    "up",
    "testbed up -d",
    "testbed up -d second        beside the first, under another prefix",
    "testbed up -f my/compose.yaml",
    "TESTBED_NET=10.77 testbed up -d",
)
@click.argument("name", default=DEFAULT_LAB)
@click.option("-d", "--detach", is_flag=True, help="Leave it up and return.")
@click.option("--profile", "profiles", metavar="P", multiple=True, help="Nodes of this profile, too.")
@click.option("--timeout", metavar="S", type=click.FloatRange(1), default=120.0, help="Seconds it may take.")
@file_option
@backend_option
def command(
    name: str, detach: bool, profiles: tuple[str, ...], timeout: float, file: str | None, backend: str | None
) -> int:
    """Bring a lab up.

    NAME is `lab` where none is given. Without -d the nodes' output is shown, and Ctrl-C takes the lab
    down again.
    """
    from testbed.cli.options import chosen_backend, chosen_file, known_profiles
    from testbed.cli.output import show
    from testbed.compose import load
    from testbed.lab import Lab
    from testbed.progress import display

    path = chosen_file(file)
    if profiles:
        known_profiles(load(path, os.environ, profiles), profiles)
    begun = time.monotonic()
    with display() as shown:
        lab = Lab.up(
            path,
            name,
            backend=chosen_backend(backend),
            profiles=profiles,
            detached=detach,
            progress=functools.partial(shown.lab, name),
            deadline=timeout,
        )
        shown.lab_is_up(name, len(lab.topology.nodes), time.monotonic() - begun)
    if detach:
        lab.keep()
        with lab:
            show(described(lab))
            show(f"take it down with  testbed down {name}")
        return 0
    with lab:
        show(described(lab))
        follow(lab, [node.name for node in lab.topology.nodes])
        return 0


def described(lab: Lab) -> str:
    """A lab as a tree of networks and nodes, with the addresses that it has."""
    from testbed.cli.output import style
    from testbed.report import topology

    return f"lab {lab.name}\n{topology.render(lab.topology, style())}"


def follow(lab: Lab, nodes: Sequence[str], tail: int | None = None) -> None:
    """Print the nodes' output as it comes, each line after the node's name, until all of them end."""
    from testbed.cli.output import show
    from testbed.text import clean

    width = max(len(name) for name in nodes)
    for node, line in lab.backend.follow(lab.handle, nodes, tail=tail):
        show(f"{node.ljust(width)}  {clean(line).rstrip()}")
        sys.stdout.flush()  # who reads a pipe wants it now, too
