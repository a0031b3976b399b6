"""`testbed down`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_labs
from testbed.cli.options import backend_option, file_option


@with_examples("down", "testbed down", "testbed down second", "testbed down --all")
@click.argument("name", required=False, shell_complete=complete_labs)
@click.option("--all", "everything", is_flag=True, help="All labs that are up.")
@file_option
@backend_option
def command(name: str | None, everything: bool, file: str | None, backend: str | None) -> None:
    """Take a lab down.

    Without NAME: `lab`, or the only one that is up. Nothing of it is left: no container, no network.
    """
    from testbed.cli.labs import attach, only_one_to_remove
    from testbed.cli.options import chosen_backend
    from testbed.cli.output import show
    from testbed.errors import LabNotFound, UsageError

    if everything and name:
        raise UsageError("take a lab down", "a name and --all", "give one of them")
    engine = chosen_backend(backend)
    known = [lab.name for lab in engine.list()]
    if name and name not in known:
        raise LabNotFound(
            f"take lab {name!r} down",
            f"there are: {', '.join(known) or 'none'}",
            f"what docker compose started, it takes down: docker compose -p {name} down",
        )
    for one in known if everything else [name or only_one_to_remove(engine).name]:
        lab = attach(one, file, backend)
        lab.down()
        show(f"lab {lab.name} is down")
