"""`testbed mutate`."""

from __future__ import annotations

from typing import Any

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_ids
from testbed.cli.options import backend_option, file_option, format_option


@with_examples(
    "mutate",
    "testbed mutate",
    "testbed mutate tcp.reset arp",
    "testbed mutate --format markdown > docs/mutants.md",
)
@click.argument("ids", metavar="[ID|FILE.py]...", nargs=-1, shell_complete=complete_ids)
@click.option("-k", "narrowed", metavar="EXPR", default="", help='Only what fits, e.g. "tcp and not close".')
@click.option("--timeout", metavar="S", type=click.FloatRange(min=0, min_open=True), default=120.0)
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, help="Labs at a time.")
@format_option("text", "markdown", "json")
@file_option
@backend_option
def command(ids: tuple[str, ...], narrowed: str, **given: Any) -> int:
    """Break the network in declared ways and see which checks turn red.

    Each scenario is run as it is, then on each network that its mutants break, and its recording is
    judged under each of their edits. Ends with 0 when every mutant turns red just what it declares and
    every check is turned red by one.
    """
    from testbed.cli.again import again
    from testbed.cli.matrix import document, legend, markdown, text
    from testbed.cli.options import chosen_backend, chosen_file, given_file
    from testbed.cli.output import show, show_json, style
    from testbed.cli.telling import Teller
    from testbed.progress import display
    from testbed.runner.mutating import falsify
    from testbed.runner.run import Limits
    from testbed.runner.running import Settings
    from testbed.runner.selection import select

    settings = Settings(
        selection=select(ids, narrowed),
        file=chosen_file(given["file"]),
        backend=chosen_backend(given["backend"]),
        limits=Limits(given["timeout"], given["jobs"]),
        command=again("mutate", ids, {"-k": narrowed, "--file": given_file(given["file"])}),
    )
    with display() as shown:
        falsified = falsify(settings, Teller(shown, quiet=True))
    if given["fmt"] == "json":
        show_json(document(falsified.found))
    elif given["fmt"] == "markdown":
        show("\n".join(markdown(falsified.found)))
    else:
        drawn = style()
        for one in falsified.found:
            show(drawn.glyphs(text(one, drawn)))
            show("")
        show(drawn.glyphs(legend(falsified.found)))
        show(f"recorded in {falsified.finished.folder}")
    return falsified.exit_code
