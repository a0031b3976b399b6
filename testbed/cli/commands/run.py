"""`testbed run`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_ids, complete_labs
from testbed.cli.options import Written, backend_option, file_option, format_option


@with_examples(
    "run",
    "testbed run",
    "testbed run arp.via-gateway ./mine.py",
    'testbed run -k "tcp and not close" -x',
    "testbed run --attach lab --format json",
    "testbed run --repeat 10 --jobs 2",
)
@click.argument("ids", metavar="[ID|FILE.py]...", nargs=-1, shell_complete=complete_ids)
@click.option("-k", "narrowed", metavar="EXPR", default="", help='Only what fits, e.g. "tcp and not close".')
@click.option("-x", "first", is_flag=True, help="End at the first verdict that is failed or unknown.")
@click.option("--keep", is_flag=True, help="Leave the lab up.")
@click.option(
    "--attach",
    metavar="NAME",
    shell_complete=complete_labs,
    help="Run on a lab that is up, whatever was done to it.",
)
@click.option("--timeout", metavar="S", type=click.FloatRange(min=0, min_open=True), help="Seconds for each.")
@click.option("--repeat", metavar="N", type=click.IntRange(1), default=1, help="Run each N times.")
@click.option("--seed", metavar="N", type=click.IntRange(0), help="Repeat what an earlier run drew by lot.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, help="Labs at a time.")
@click.option("--junitxml", metavar="F", type=Written(folder_made=True), help="Write JUnit XML there too.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was seen where a check passed, too.")
@format_option("text", "json")
@file_option
@backend_option
def command(ids: tuple[str, ...], narrowed: str, first: bool, **given: Any) -> int:
    """Run scenarios on a lab and judge them.

    Without ID: all of them. An ID is `tcp.close`, a family (`tcp`) or a pattern (`tcp.*`); a file
    that ends in .py holds scenarios of your own.

    Ends with 0 when all that ran passed, 1 when a check failed, 3 when a verdict is unknown or
    no lab came up, 4 when a file is not valid, 5 when nothing was selected, 130 when interrupted.
    """
    from testbed.cli.options import chosen_backend, chosen_file, given_file
    from testbed.cli.output import for_who_reads, show
    from testbed.cli.telling import Teller, tell_end
    from testbed.errors import UsageError
    from testbed.progress import display
    from testbed.report import as_json
    from testbed.runner.run import Limits
    from testbed.runner.running import Settings, run
    from testbed.runner.selection import select

    if given["attach"] and given["jobs"] > 1:
        raise UsageError("use --attach with --jobs", "the lab that is up is one", "leave one of them out")
    if given["attach"] and given["keep"]:
        raise UsageError("use --attach with --keep", "a lab that is attached to stays up anyway")
    seed = secrets.randbelow(10**9) if given["seed"] is None else given["seed"]
    settings = Settings(
        selection=select(ids, narrowed),
        file=chosen_file(given["file"]),
        backend=chosen_backend(given["backend"]),
        rounds=given["repeat"],
        attach=given["attach"],
        attach_file=given_file(given["file"]),
        keep=given["keep"],
        limits=Limits(given["timeout"], given["jobs"], first, seed),
        command=_again(ids, narrowed, first, {**given, "seed": seed}),
        junit=Path(given["junitxml"]) if given["junitxml"] else None,
    )
    quiet = given["fmt"] == "json"
    with display() as shown:
        finished = run(settings, Teller(shown, reasons=given["verbose"], quiet=quiet))
    with for_who_reads():
        if quiet:
            show(as_json.render(finished.run))
        else:
            tell_end(finished)
    if finished.run.interrupted:
        click.echo(f"testbed: interrupted; what was recorded is in {finished.folder}", err=True)
    return finished.run.exit_code


def _again(ids: tuple[str, ...], narrowed: str, first: bool, given: dict[str, Any]) -> str:
    from testbed.cli.again import again
    from testbed.cli.options import given_file, of_group

    return again(
        "run",
        ids,
        {
            "-k": narrowed,
            "--attach": given["attach"],
            "--timeout": given["timeout"],
            "--repeat": given["repeat"] if given["repeat"] > 1 else None,
            "--seed": given["seed"],
            "--jobs": given["jobs"] if given["jobs"] > 1 else None,
            "--file": given_file(given["file"]),
            "--backend": given["backend"] or of_group("backend"),
            "-x": first,
        },
    )
