"""The group of all commands. Their files are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import click

from testbed.cli.command import refuse_empty
from testbed.cli.output import ReaderGone


class Entry(NamedTuple):
    """A command as the group's help lists it, without importing its file."""

    module: str
    summary: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Scenarios": {
        "run": Entry("run", "Run scenarios on a lab and judge them."),
        "list": Entry("list", "List the scenarios."),
        "explain": Entry("explain", "Explain a scenario: the lesson, its claim, checks and mutants."),
        "mutate": Entry("mutate", "Break the network in declared ways and see which checks turn red."),
        "report": Entry("report", "Write a run's report as one HTML page."),
        "judge": Entry("judge", "Judge a run again from its folder, without a lab."),
    },
    "Labs": {
        "up": Entry("up", "Bring a lab up."),
        "down": Entry("down", "Take a lab down."),
        "ps": Entry("ps", "Show the labs that are up, and what was left behind."),
        "exec": Entry("exec", "Run a command on a node."),
        "connect": Entry("connect", "Open a shell with the network tools on a node."),
        "logs": Entry("logs", "Show what the nodes' programs wrote."),
        "ping": Entry("ping", "Ping from every node to every other, as a matrix."),
        "capture": Entry("capture", "Record frames of a running lab into a file or a pipe."),
        "wipe": Entry("wipe", "Remove what labs that are no longer alive left behind."),
    },
    "Pictures and files": {
        "decode": Entry("decode", "Take a capture file apart: as text, JSON or a ladder diagram."),
        "graph": Entry("graph", "Draw the topology of a Compose file."),
    },
    "This machine": {
        "doctor": Entry("doctor", "Say what this machine can run, and what is missing."),
        "completion": Entry("completion", "Print the completion script for a shell."),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

HELP = """A laboratory for Internet protocols: real hosts, exact faults, verdicts that cite frames.

\b
Examples:
  testbed run                          every scenario on the lab
  testbed run tcp.handshake            one of them
  testbed -f my/compose.yaml up -d     your own lab, left up
"""


@contextmanager
def _closed_pipe_ours() -> Iterator[None]:
    """Keep a closed pipe from click, which would end the process with 1, the code of a failed check."""
    try:
        yield
    except BrokenPipeError as exc:
        raise ReaderGone from exc


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries, and imports a command's file when called."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments, which may print help. Raises ReaderGone."""
        with _closed_pipe_ours():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command. Raises ReaderGone."""
        with _closed_pipe_ours():
            return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command's name."""
        rest = super().parse_args(ctx, args)
        refuse_empty(ctx)
        return rest

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the sections."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command; None when there is none of that name."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"testbed.cli.commands.{COMMANDS[name].module}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for one that does not exist."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section."""
        width = max(map(len, COMMANDS))
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in entries.items()])


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from testbed.version import package_version

        click.echo(f"testbed {package_version()}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-f", "--file", "file", type=click.Path(), help="The Compose file: here, or after the command.")
@click.option("--backend", help="What runs the lab: docker.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def cli(ctx: click.Context, file: str | None, backend: str | None) -> None:
    """Keep what was given before the command's name, for the command to find."""
    ctx.obj = {"file": file, "backend": backend}
