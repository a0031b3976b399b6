"""Options that several commands share, and what they resolve to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from testbed.cli.completing import complete_labs
from testbed.errors import UsageError

if TYPE_CHECKING:
    from testbed.backends.base import Backend
    from testbed.topology import Topology


class Written(click.Path):
    """A file to write: what cannot be is refused before anything begins.

    folder_made: its folder will be made where there is none.
    """

    def __init__(self, *, folder_made: bool = False) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=True)
        self._folder_made = folder_made

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Look at the folder, or at the nearest one above it that there is."""
        path = Path(value)
        folder = path.absolute().parent
        if self._folder_made:
            folder = next(one for one in (folder, *folder.parents) if one.exists())
        if value != "-" and not path.exists():
            if not folder.is_dir():
                self.fail(f"there is no folder {folder}", param, ctx)
            if not os.access(folder, os.W_OK):
                self.fail(f"nothing can be written in {folder}", param, ctx)
        return super().convert(value, param, ctx)


F = TypeVar("F", bound=Callable[..., Any])

BACKENDS = ("docker",)
DEFAULT_LAB = "lab"
"""The name of a lab that `up` brings up and the other commands look for, when none is given."""


def file_option(command: F) -> F:
    """-f FILE: the Compose file; default the one in this folder, else the shipped one."""
    return click.option(
        "-f",
        "--file",
        "file",
        metavar="FILE",
        type=click.Path(),
        help="The Compose file (default: the one in this folder, else the shipped one).",
    )(command)


def backend_option(command: F) -> F:
    """--backend NAME: what runs the lab."""
    return click.option("--backend", metavar="NAME", help="What runs the lab: docker (the default).")(command)


def name_option(command: F) -> F:
    """-n NAME: the lab that a command is about."""
    return click.option(
        "-n",
        "--name",
        "name",
        metavar="NAME",
        shell_complete=complete_labs,
        help="The lab, where more than one is up.",
    )(command)


def format_option(*formats: str) -> Callable[[F], F]:
    """--format, the first being the default."""
    return click.option(
        "--format",
        "fmt",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="As what.",
    )


def chosen_file(given: str | None) -> Path:
    """The Compose file that a command is about; UsageError when the one given does not exist."""
    from testbed.compose import find_file, shipped_file

    return given_file(given) or find_file(Path.cwd()) or shipped_file()


def given_file(given: str | None) -> Path | None:
    """The Compose file that was given; None where none was. UsageError when it does not exist."""
    from testbed.compose import find_file

    given = given or of_group("file")
    if given is None:
        return None
    path = Path(given)
    if path.is_dir():
        found = find_file(path)
        if found is None:
            raise UsageError(f"read the Compose file in {path}", "there is none in that folder")
        return found
    if not path.is_file():
        raise UsageError(
            f"read the Compose file {path}", "there is no such file", "-f names a file or a folder"
        )
    return path


def known_profiles(topology: Topology, profiles: Iterable[str]) -> None:
    """Raise UsageError for a profile that was asked for, and that no node of the topology has."""
    for profile in profiles:
        if profile != "*" and not any(profile in node.profiles for node in topology.nodes):
            raise UsageError(f"use profile {profile!r}", "no node has it")


def chosen_topology(given: str | None) -> Topology:
    """The topology of the Compose file that a command is about."""
    from testbed.compose import load

    return load(chosen_file(given), os.environ)


def chosen_backend(given: str | None) -> Backend:
    """The backend that a command is about; UsageError when there is none of that name."""
    name = given or of_group("backend") or BACKENDS[0]
    if name not in BACKENDS:
        raise UsageError(f"use backend {name!r}", f"there is no such backend: {', '.join(BACKENDS)}")
    from testbed.backends.docker import DockerBackend

    return DockerBackend()


def of_group(option: str) -> str | None:
    """What was given before the command's name: `testbed -f FILE run`."""
    context = click.get_current_context(silent=True)
    given = (context.find_root().obj or {}) if context else {}
    return given.get(option)
