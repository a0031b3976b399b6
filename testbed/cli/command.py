"""A command whose help ends in examples, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class WithExamples(click.Command):
    """examples: lines that can be typed as they are."""

    def __init__(self, *args: Any, examples: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def with_examples(name: str, *examples: str) -> Callable[[Callable[..., Any]], WithExamples]:
    """Make a function a command of ours; its docstring is the help."""
    return click.command(name, cls=WithExamples, examples=examples)
