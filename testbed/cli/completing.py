"""What a shell may complete: scenarios, labs, nodes and runs.

Asked between two key strokes, where nobody could read a message: what cannot be found out
completes to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from testbed.errors import TestbedError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def complete_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete scenarios' ids, and names of Python files."""
    from click.shell_completion import CompletionItem

    from testbed.scenario import builtin_ids

    return _those(builtin_ids(), incomplete) or [CompletionItem(incomplete, type="file")]


def complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of labs that are there."""
    from testbed.cli.options import chosen_backend

    def names() -> Iterable[str]:
        return [lab.name for lab in chosen_backend(ctx.params.get("backend")).list()]

    return _those(_found(names), incomplete)


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the nodes of the lab that the command is about."""
    from testbed.cli.labs import attach

    def names() -> Iterable[str]:
        with attach(*(ctx.params.get(option) for option in ("name", "file", "backend"))) as lab:
            return [node.name for node in lab.topology.nodes]

    return _those(_found(names), incomplete)


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the runs of this folder, the last one first."""
    from testbed.runs import LATEST, ROOT, RUNS

    runs = sorted((path.name for path in (ROOT / RUNS).glob("*") if path.is_dir()), reverse=True)
    return _those(sorted(runs, key=lambda name: name != LATEST), incomplete)


def _found(names: Callable[[], Iterable[str]]) -> Iterable[str]:
    try:
        return names()
    except TestbedError:
        return []


def _those(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
