"""A Compose file -> `Topology`, every mistake reported with its line.

The one reader of Compose files, for every backend. It reads the part of Compose that a topology
rests on (docs/compose.md lists it) and lets the rest through unread, for Compose itself runs the
file. A file that uses more than that part (`extends`, `include`, …) is resolved by Compose first.

What happens to a file, and where::

    text ─► Document ─► values ─► declarations ─► Topology ─► rules
       yaml_lines  interpolation  models   assemble             │
       scalars     dotenv         validation  routers           │
       resolve ◄─► Compose    ◄── places: back to paths, lines ─┘

Importing this package imports neither yaml nor pydantic: a command that needs no lab starts fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from testbed.errors import InvalidComposeFile
    from testbed.topology import Topology

__all__ = ["FILE_NAMES", "find_file", "load", "shipped_file", "wished_images", "with_lines"]

FILE_NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, the first found first taken."""


def load(path: Path, environment: Mapping[str, str], profiles: Iterable[str] = ()) -> Topology:
    """Read a Compose file.

    environment: the variables that ``${NAME}`` stands for; a `.env` file beside the Compose file
    gives the ones that are not in it.
    profiles: those to make active; with none, those that COMPOSE_PROFILES names; '*' is all.

    Raises InvalidComposeFile with every mistake there is.
    """
    from testbed.compose.reader import read

    return read(path, environment, tuple(profiles))


def wished_images(path: Path) -> dict[str, str]:
    """Return the images that a file would rather have, where they can be had, by its variables.

    Raises InvalidComposeFile.
    """
    from testbed.compose import wishes

    return wishes.wished_images(path)


def with_lines(path: Path, error: InvalidComposeFile) -> InvalidComposeFile:
    """Return what a backend refuses a file for, with the lines of the file."""
    from testbed.compose import lines

    return lines.with_lines(path, error)


def find_file(start: Path) -> Path | None:
    """Return the Compose file in a folder, under the first of `FILE_NAMES` that exists, or None."""
    for name in FILE_NAMES:
        path = start / name
        if path.is_file():
            return path
    return None


def shipped_file() -> Path:
    """Return the default lab's Compose file: beside the package in a checkout, in it once installed."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "shipped" / "compose.yaml"
    return installed if installed.is_file() else package.parent / "compose.yaml"
