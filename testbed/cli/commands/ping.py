"""`testbed ping`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_nodes
from testbed.cli.options import backend_option, file_option, format_option, name_option

if TYPE_CHECKING:
    from testbed.reachability import Reachability


@with_examples("ping", "testbed ping", "testbed ping client server", "testbed ping --format json")
@click.argument("nodes", metavar="[NODE]...", nargs=-1, shell_complete=complete_nodes)
@click.option(
    "--timeout", metavar="S", type=click.FloatRange(0.1), default=1.0, help="Seconds for each echo."
)
@format_option("text", "json")
@name_option
@file_option
@backend_option
def command(
    nodes: tuple[str, ...],
    timeout: float,
    fmt: str,
    name: str | None,
    file: str | None,
    backend: str | None,
) -> int:
    """Ping from every node to every other, as a matrix.

    With NODEs: from these to all. Ends with 1 when an echo is not answered.
    """
    from testbed.cli.labs import attach
    from testbed.cli.output import show, show_json
    from testbed.reachability import ping_all

    with attach(name, file, backend) as lab:
        sources = [lab[node].name for node in nodes] or None
        found = ping_all(lab, timeout, sources)
    if fmt == "json":
        show_json(
            [
                {
                    "from": one.source,
                    "to": one.target,
                    "address": one.address,
                    "ms": one.rtt_ms,
                    "error": one.error,
                }
                for one in found
            ]
        )
    else:
        show(matrix(found))
    return 0 if found.complete else 1


def matrix(found: Reachability) -> str:
    """Milliseconds from each row to each column, and below why some are missing."""
    from testbed.cli.output import style, table

    def cell(source: str, target: str) -> str:
        if source == target:
            return "·"
        rtt = found[source, target].rtt_ms
        return "✗" if rtt is None else f"{rtt:.2f}"

    rows = [(source, *(cell(source, target) for target in found.targets)) for source in found.sources]
    lines = [table(rows, ("ms from \\ to", *found.targets))]
    lines += [
        f"{one.source} to {f'{one.target} {one.address}'.rstrip()}: {one.error}" for one in found.unreached
    ]
    asked = len(list(found))
    lines.append(f"{asked - len(found.unreached)} of {asked} answered")
    return style().glyphs("\n".join(lines))
