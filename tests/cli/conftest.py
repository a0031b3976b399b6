"""testbed as a program: run in a folder of its own, on a real lab."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.engine_view import why_no_engine
from tests.cli.calling import Called, call


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Skip, with the reason, where no engine answers."""
    if reason := why_no_engine():
        pytest.skip(f"needs a Docker engine: {reason}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's commands are called, and where their runs lie."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[str]:
    """A lab that `testbed up -d` brought up, shared by a module: who changes it changes it back."""
    name = f"test-{secrets.token_hex(4)}"
    came_up = call("up", "-d", name, cwd=folder)
    assert came_up.status == 0, came_up.stderr
    yield name
    assert call("down", name, cwd=folder).status == 0


@pytest.fixture
def own_name(tmp_path: Path) -> Iterator[str]:
    """A name for a lab of the test's own, and nothing left of it afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    call("wipe", name, cwd=tmp_path)


def runs(folder: Path) -> list[Path]:
    """The folders of the runs there, oldest first."""
    return sorted(path for path in (folder / ".testbed/runs").glob("*") if not path.is_symlink())


def succeeded(called: Called) -> str:
    """Its standard output, once it is seen that it ended with 0."""
    assert called.status == 0, called.stderr
    return called.stdout
