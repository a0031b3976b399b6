"""What a shell completes where no engine answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.runs import RunFolder
from tests.cli.calling import call, completed

NO_ENGINE = "unix:///nowhere/docker.sock"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    """Each shell gets a script that asks testbed."""
    assert "_TESTBED_COMPLETE" in call("completion", shell, cwd=tmp_path).stdout


@pytest.mark.parametrize("command", ["run", "list", "explain", "mutate"])
def test_ids_are_completed(command: str, tmp_path: Path) -> None:
    """The shell completes the ids of scenarios."""
    assert completed(f"testbed {command} tcp.hands", tmp_path) == ["tcp.handshake"]


def test_runs_are_completed(tmp_path: Path) -> None:
    """The runs of this folder, the last one first."""
    for name in ("20261123-1", "20261123-2"):
        RunFolder(tmp_path / ".testbed", name)
    assert completed("testbed judge ", tmp_path) == ["latest", "20261123-2", "20261123-1"]
    assert completed("testbed report l", tmp_path) == ["latest"]


@pytest.mark.parametrize("line", ["testbed exec ", "testbed down ", "testbed run --attach "])
def test_without_an_engine_nothing_is_completed(line: str, tmp_path: Path) -> None:
    """Quietly: a message would stand in the middle of what is being typed."""
    assert completed(line, tmp_path, DOCKER_HOST=NO_ENGINE) == []
