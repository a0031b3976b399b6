"""A service's environment: its `env_file`s, then its `environment`, then what it passes through."""

from __future__ import annotations

from pathlib import Path

from testbed.compose import dotenv, models
from testbed.compose.reading import Reading


def environment_of(name: str, service: models.Service, folder: Path, reading: Reading) -> dict[str, str]:
    """Return the variables that a service's containers start with, as far as the file says.

    folder: what relative paths of env_file start from.
    """
    found: dict[str, str] = {}
    for at, declared in enumerate(service.env_file):
        place = ("services", name, "env_file", at)
        path = folder / declared.path
        if not path.is_file():
            if declared.required:
                reading.complain(place, f"{declared.path}: no such file", "a file of NAME=value lines")
            continue
        try:
            found |= dotenv.parse(path.read_text("utf-8"), reading.variables)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            reading.complain(place, f"{declared.path}: {reason}", "a file of NAME=value lines")
    for variable, value in service.environment.items():
        if value is None:
            value = reading.variables(variable)
        if value is not None:
            found[variable] = value
    return found
