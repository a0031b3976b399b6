"""`testbed wipe`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_labs
from testbed.cli.options import backend_option


@with_examples("wipe", "testbed wipe", "testbed wipe lab        also when it is alive")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_labs)
@backend_option
def command(names: tuple[str, ...], backend: str | None) -> None:
    """Remove what labs that are no longer alive left behind.

    Exactly what bears testbed's label and whose owner is gone: containers and networks. With NAMEs:
    these labs, alive or not. Nothing else is ever touched.
    """
    from testbed.cli.options import chosen_backend
    from testbed.cli.output import show

    engine = chosen_backend(backend)
    for named in names or [None]:
        removed = engine.wipe(None if named is None else [named])
        for one in removed:
            show(f"removed {one}")
        if not removed:
            show("nothing was left behind" if named is None else f"there is nothing of lab {named}")
