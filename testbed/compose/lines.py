"""The lines of mistakes that somebody else found, who knows only their paths."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from testbed.compose.yaml_lines import Unreadable, parse
from testbed.errors import InvalidComposeFile


def with_lines(path: Path, error: InvalidComposeFile) -> InvalidComposeFile:
    """Return the error with the lines of its mistakes, so far as the file has what they are about."""
    try:
        document, _ = parse(path.read_bytes().decode("utf-8-sig"), path.name)
    except (Unreadable, OSError, UnicodeDecodeError):  # it changed since it was read: no line is true
        return error
    found = []
    for mistake in error.mistakes:
        place = tuple(int(step) if step.isdigit() else step for step in mistake.path.split("."))
        found.append(dataclasses.replace(mistake, line=mistake.line or document.line_of(place)))
    return InvalidComposeFile(error.attempted, found, error.hint)
