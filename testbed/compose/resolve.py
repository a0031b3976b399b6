"""What only Compose resolves, and having it do so.

A file that uses `extends`, `include`, several documents or the tags `!reset` and `!override` is
given to ``docker compose config``, and what comes back is read like any other file. Entries that
the user wrote keep their lines; those that Compose brought in have the line of what is above them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from testbed.compose.document import Document, dotted, mistake
from testbed.compose.document import Path as Place
from testbed.compose.yaml_lines import Unreadable, parse
from testbed.errors import InvalidComposeFile

_COMMANDS: Final = (("docker", "compose"), ("docker-compose",))
_PATIENCE: Final = 60.0
"""Seconds for Compose to resolve a file; one that includes from afar has to fetch it."""


def beyond_the_subset(document: Document) -> list[tuple[Place, str]]:
    """Return what a document uses that only Compose resolves: places and names."""
    found = list(document.beyond)
    top = document.value if isinstance(document.value, dict) else {}
    if "include" in top:
        found.append((("include",), "include"))
    services = top.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict) and "extends" in service:
            found.append((("services", name, "extends"), "extends"))
    return found


def resolve(
    path: Path,
    environment: Mapping[str, str],
    profiles: tuple[str, ...],
    document: Document,
    beyond: list[tuple[Place, str]],
) -> Document:
    """Return the document that Compose makes of a file; raise InvalidComposeFile where it cannot."""
    settings = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | dict(environment)
    options = ["-f", str(path), *(f"--profile={profile}" for profile in profiles)]
    try:
        command = _compose_command(settings)
        if command is None:
            given = "which only Compose resolves, and there is none here"
            raise _refused(path, document, beyond, given, "Compose 2.24 or newer")
        done = _run([*command, *options, "config", "--format", "json"], settings, path.parent)
    except subprocess.TimeoutExpired as exc:
        given = f"no answer from Compose in {_PATIENCE:.0f} s"
        raise _refused(path, document, beyond, given, "what Compose resolves") from exc
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())
        raise _refused(path, document, beyond, f"Compose says: {reason}", "what Compose resolves")
    return _with_lines_of(document, done.stdout, path)


def _compose_command(settings: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the command by which Compose answers here, None where there is none."""
    for command in _COMMANDS:
        program = shutil.which(command[0], path=settings.get("PATH", os.defpath))
        if program is None:
            continue
        asked = (program, *command[1:])
        if _run([*asked, "version", "--short"], settings, Path.cwd()).returncode == 0:
            return asked
    return None


def _run(argv: list[str], settings: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; raise TimeoutExpired where it does not come."""
    return subprocess.run(
        argv, env=dict(settings), cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )


def _refused(
    path: Path, document: Document, beyond: list[tuple[Place, str]], given: str, allowed: str
) -> InvalidComposeFile:
    mistakes = [
        mistake(dotted(place) or path.name, f"{name}: {given}", allowed, document.line_of(place))
        for place, name in beyond
    ]
    return InvalidComposeFile(f"read {path}", mistakes)


def _with_lines_of(written: Document, resolved: str, path: Path) -> Document:
    """Return Compose's answer, in the order and with the lines of what the user wrote."""
    try:
        document, _ = parse(resolved, path.name)
    except Unreadable as exc:
        raise InvalidComposeFile(f"read {path} as Compose resolved it", [exc.mistake]) from exc
    value = _in_order_of(written.value, document.value)
    return Document(value, written.lines, written=written.value)


def _in_order_of(written: Any, resolved: Any) -> Any:
    """Return a mapping, and those in it, with the keys in the order in which the user wrote them."""
    if not isinstance(resolved, dict):
        return resolved
    names = list(written) if isinstance(written, (dict, list)) else []
    rank = {name: at for at, name in enumerate(names) if isinstance(name, str)}
    inner = written if isinstance(written, dict) else {}
    keys = sorted(resolved, key=lambda key: rank.get(key, len(rank)))
    return {key: _in_order_of(inner.get(key), resolved[key]) for key in keys}
