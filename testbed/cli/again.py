"""The command that repeats another, with all that made it what it was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

VARIABLES = ("TESTBED_NET", "COMPOSE_PROFILES")
"""What of the environment decides which lab comes up."""


def again(command: str, ids: Sequence[str], options: Mapping[str, object]) -> str:
    """The line to type. options: with their values; True is a flag; None, False and "" are left out."""
    words = ["testbed", command, *ids]
    for option, value in options.items():
        if value is True:
            words.append(option)
        elif value is not None and value is not False and value != "":
            words += [option, str(value)]
    settings = [f"{name}={shlex.quote(os.environ[name])}" for name in VARIABLES if os.environ.get(name)]
    return " ".join([*settings, shlex.join(words)])
