"""`testbed judge`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_runs
from testbed.cli.options import format_option


@with_examples(
    "judge", "testbed judge latest", "testbed judge .testbed/runs/20261123-061601-4f2a --format json"
)
@click.argument("run", default="latest", shell_complete=complete_runs)
@click.option("-v", "--verbose", is_flag=True, help="Say what was seen where a check passed, too.")
@click.option("--ladder", is_flag=True, help="Draw every scenario's ladder.")
@format_option("text", "json", "junit")
def command(run: str, verbose: bool, ladder: bool, fmt: str) -> int:
    """Judge a run again from its folder, without a lab.

    RUN is a run's id, its folder, or `latest`. Ends as the run itself did.
    """
    from testbed.cli.output import show, style
    from testbed.report import as_json, junit, text
    from testbed.runner.again import judge_again
    from testbed.runs import find

    folder = find(run)
    judged = judge_again(folder)
    if fmt == "json":
        show(as_json.render(judged))
    elif fmt == "junit":
        show(junit.render(judged))
    else:
        for result in judged.results:
            show(text.scenario(result, style(), reasons=verbose, ladder=ladder or None))
        show(text.summary(judged, style(), folder=str(folder)))
    return judged.exit_code
