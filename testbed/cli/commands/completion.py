"""`testbed completion`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples

SHELLS = ("bash", "zsh", "fish")


@with_examples(
    "completion",
    "source <(testbed completion bash)   for this shell",
    "testbed completion bash >> ~/.bash_completion   for every new one",
    "testbed completion fish > ~/.config/fish/completions/testbed.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    from testbed.cli.group import cli
    from testbed.cli.output import show

    completion = get_completion_class(shell)
    assert completion is not None
    show(completion(cli, {}, "testbed", "_TESTBED_COMPLETE").source())
