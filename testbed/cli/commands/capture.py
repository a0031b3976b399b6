"""`testbed capture`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_nodes
from testbed.cli.options import Written, backend_option, file_option, name_option


@with_examples(
    "capture",
    "testbed capture -w all.pcapng",
    "testbed capture router -w - | wireshark -k -i -",
    "testbed capture client:lan-a server --seconds 10 -w both.pcapng",
    "testbed capture client:lo -c 20 -w - | testbed decode -",
)
@click.argument("places", metavar="[NODE[:NET]]...", nargs=-1, shell_complete=complete_nodes)
@click.option(
    "-w", "target", metavar="FILE|-", type=Written(), required=True, help="Where to; - is standard output."
)
@click.option("-c", "most", metavar="N", type=click.IntRange(1), help="End after N frames.")
@click.option("--seconds", metavar="S", type=click.FloatRange(0, min_open=True), help="End after S seconds.")
@name_option
@file_option
@backend_option
def command(
    places: tuple[str, ...],
    target: str,
    most: int | None,
    seconds: float | None,
    name: str | None,
    file: str | None,
    backend: str | None,
) -> None:
    """Record frames of a running lab into a file or a pipe.

    One pcapng with all the vantage points named: NODE is all of a node's networks, NODE:NET one of them,
    NODE:lo its loopback; without any, all networks of all nodes. Ctrl-C ends it.
    """
    from testbed.cli.labs import attach
    from testbed.cli.live import Limits, capture, vantages_of
    from testbed.errors import UsageError
    from testbed.evidence.store import storage

    def ready() -> None:
        click.echo(f"recording {', '.join(vantages)}; Ctrl-C ends it", err=True)

    if target == "-" and sys.stdout.isatty():
        raise UsageError(
            "write a capture to standard output", "it is a terminal", "pipe it: | wireshark -k -i -"
        )
    with ExitStack() as stack:
        lab = stack.enter_context(attach(name, file, backend))
        vantages = vantages_of(lab, places)
        lab.open(*dict.fromkeys(one.partition(":")[0] for one in vantages))
        with storage(Path(target)):
            out: IO[bytes] = (
                sys.stdout.buffer if target == "-" else stack.enter_context(Path(target).open("wb"))
            )
            count = capture(lab, vantages, out, Limits(most, seconds), ready)
    click.echo(f"{count} frames in {'the pipe' if target == '-' else target}", err=True)
