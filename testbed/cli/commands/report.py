"""`testbed report`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_runs
from testbed.cli.options import Written


@with_examples("report", "testbed report --open", "testbed report 20261123-061601-4f2a -o lesson.html")
@click.argument("run", default="latest", shell_complete=complete_runs)
@click.option("-o", "target", metavar="FILE", type=Written(), help="Where to write it.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
def command(run: str, target: str | None, opened: bool) -> None:
    """Write a run's report as one HTML page.

    RUN is a run's id, its folder, or `latest`. The run is judged again from its recording; the page lies
    in its folder, beside the capture, and needs neither network nor engine.
    """
    from pathlib import Path

    from testbed.cli.output import show
    from testbed.errors import EnvironmentUnfit
    from testbed.evidence.store import CAPTURE, storage
    from testbed.report import html
    from testbed.runner.again import judge_again
    from testbed.runs import REPORT, find

    folder = find(run)
    path = Path(target) if target else folder / REPORT
    capture = (folder / CAPTURE).resolve().as_uri() if target else CAPTURE
    page = html.render(judge_again(folder), capture=capture)
    with storage(path):
        path.write_text(page, encoding="utf-8")
    show(str(path))
    if opened:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            raise EnvironmentUnfit(
                "open the report", "this machine has no browser", f"copy {path} to one that has"
            )
