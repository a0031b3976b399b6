"""`testbed list`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_ids
from testbed.cli.options import format_option


@with_examples(
    "list",
    "testbed list",
    "testbed list tcp",
    'testbed list -k "transport and not handshake" --format json',
)
@click.argument("ids", metavar="[ID|FILE]...", nargs=-1, shell_complete=complete_ids)
@click.option("-k", "narrowed", metavar="EXPR", default="", help='Only what fits, e.g. "tcp and not close".')
@format_option("text", "json")
def command(ids: tuple[str, ...], narrowed: str, fmt: str) -> None:
    """List the scenarios."""
    from testbed.cli.output import show, show_json, style, table
    from testbed.report.style import cut
    from testbed.runner.selection import select

    scenarios = [selected.scenario for selected in select(ids, narrowed)]
    if fmt == "json":
        show_json(
            [
                {
                    "id": one.id,
                    "layer": one.layer,
                    "title": one.title(),
                    "checks": [c.name for c in one.checks()],
                }
                for one in scenarios
            ]
        )
        return
    drawn = style()
    rows = table([(one.id, one.layer.value, one.title()) for one in scenarios]).splitlines()
    show("\n".join(drawn.glyphs(cut(row, drawn.width)) for row in rows))
