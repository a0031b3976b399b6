"""Ask Compose itself what it makes of a file."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SETTINGS = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
"""What Compose needs of an environment, and nothing that a file could depend on."""


@functools.cache
def _version() -> str:
    try:
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def config(
    path: Path, environment: Mapping[str, str], profiles: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """Return a file as Compose resolves it, None where it refuses it; skip where there is no Compose."""
    if not _version():
        pytest.skip("there is no Compose here to ask: `docker compose version` fails")
    command = ["docker", "compose", "-f", str(path), *(f"--profile={name}" for name in profiles)]
    done = subprocess.run(
        [*command, "config", "--format", "json"],
        env=SETTINGS | dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    resolved: dict[str, Any] = json.loads(
        done.stdout.replace("$$", "$")
    )  # it doubles them for the next reader
    return resolved
