"""What these tests stand on: a real engine, and laboratories brought up by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.setup.by_hand import ROOT, Compose


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine with Compose and the images; without it a test is skipped, in CI it fails."""
    for script in ("engine.sh", "images.sh"):
        done = subprocess.run([ROOT / "setup" / script], capture_output=True, text=True, check=False)
        if done.returncode:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(done.stderr.strip())


@pytest.fixture
def lab(engine: None) -> Iterator[Callable[..., Compose]]:
    """Make laboratories by hand, each under a project and a prefix of its own; they go at the end."""
    made: list[Compose] = []

    def make(**variables: str) -> Compose:
        made.append(Compose.beside(len(made), variables))
        return made[-1]

    yield make
    for one in made:
        one("--profile", "*", "down", "--timeout", "2")
