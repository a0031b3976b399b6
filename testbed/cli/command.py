"""A command whose help ends in examples, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def refuse_empty(ctx: click.Context) -> None:
    """Raise UsageError for `--backend ""`: a shell's variable that was not set must not become a default."""
    for option in ctx.command.params:
        value = ctx.params.get(option.name or "")
        empty = value == "" or (isinstance(value, tuple) and "" in value)
        if isinstance(option, click.Option) and empty and option.default != "":
            raise click.BadParameter("it is empty; give it a value, or leave it out", ctx, option)


class WithExamples(click.Command):
    """examples: lines that can be typed as they are."""

    def __init__(self, *args: Any, examples: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an option without a value that means something is refused."""
        given = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            if "--" not in given and any((one.metavar or "").startswith("-- ") for one in self.params):
                hint = "If it is the command's own, write -- before the command."
                raise click.UsageError(f"{exc.message} {hint}", ctx) from exc
            raise
        refuse_empty(ctx)
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def with_examples(name: str, *examples: str) -> Callable[[Callable[..., Any]], WithExamples]:
    """Make a function a command of ours; its docstring is the help."""
    return click.command(name, cls=WithExamples, examples=examples)
