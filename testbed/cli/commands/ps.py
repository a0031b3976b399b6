"""`testbed ps`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.cli.command import with_examples
from testbed.cli.options import backend_option, format_option

if TYPE_CHECKING:
    from testbed.backends.base import LabStatus


@with_examples("ps", "testbed ps", "testbed ps --format json")
@format_option("text", "json")
@backend_option
def command(fmt: str, backend: str | None) -> None:
    """Show the labs that are up, and what was left behind."""
    from testbed.cli.options import chosen_backend
    from testbed.cli.output import show, show_json, table

    labs = chosen_backend(backend).list()
    if fmt == "json":
        show_json([_document(lab) for lab in labs])
    elif not labs:
        show("no lab is up")
    else:
        show(table((_row(lab) for lab in labs), ("LAB", "OWNER", "NODES", "SUBNETS")))
        if any(lab.leftover for lab in labs):
            show("what was left behind goes with  testbed wipe")


def _row(lab: LabStatus) -> tuple[str, ...]:
    owner = "left behind" if lab.leftover else lab.liveness.value
    nodes = [name if state == "running" else f"{name} ({state})" for name, state in lab.nodes.items()]
    subnets = [f"{name} {subnet}" for name, subnet in sorted(lab.subnets.items())]
    return lab.name, owner, ", ".join(nodes) or "none", ", ".join(subnets)


def _document(lab: LabStatus) -> dict[str, object]:
    return {
        "name": lab.name,
        "project": lab.project,
        "run": lab.run_id,
        "owner": lab.owner,
        "liveness": lab.liveness.value,
        "leftover": lab.leftover,
        "nodes": dict(lab.nodes),
        "subnets": dict(lab.subnets),
    }
