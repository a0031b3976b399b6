"""Asks Compose, once it has failed, whether it is the user's file that it does not take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.backends.docker import compose_cli
from testbed.errors import InvalidComposeFile, Mistake
from testbed.text import clean

_WARNING = re.compile(r'time="[^"]*" level=\w+ ')
_PLACE = re.compile(r"\b(?:services|networks|volumes|secrets|configs)(?:\.?\[[\w-]+\]|\.[\w-]+)+")
_SERVICE = re.compile(r'service "([\w-]+)"')


def of(
    file: Path, options: Sequence[str], environment: Mapping[str, str], deadline: float
) -> InvalidComposeFile | None:
    """Return what Compose refuses a file for, without its line; None where it takes it.

    options: --project-name and --profile as the lab is started with.
    deadline: seconds. Raises DeadlinePassed.
    """
    outcome = compose_cli.run(
        [*options, f"--file={file}", "config", "--quiet"],
        environment=environment, said=lambda _: None, deadline=deadline,
    )  # fmt: skip
    if outcome.status == 0:
        return None
    said = [line for line in outcome.complaints if not _WARNING.match(line)]
    words = clean(" ".join(said)).replace(f"validating {file}: ", "")
    return InvalidComposeFile(
        f"read {file}",
        [Mistake(_place(words) or file.name, f"Compose says: {words}", "allowed: what it takes")],
    )


def _place(words: str) -> str:
    """Return where in the file Compose's words are about, as a path; nothing where they do not say.

    It writes ``services.a.ports.0``, ``services[a].mem_limit``, ``services.a.ports.[0]``, ``service "a"``.
    """
    if place := _PLACE.search(words):
        return ".".join(re.findall(r"[\w-]+", place[0]))
    service = _SERVICE.search(words)
    return f"services.{service[1]}" if service else ""
