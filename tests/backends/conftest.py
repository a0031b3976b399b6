"""Labs to act on: one that is shared, and one for a test alone."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.backends.base import Backend, Handle, Owner
from testbed.backends.docker import DockerBackend
from testbed.compose import shipped_file
from testbed.lab import Lab
from testbed.prefixes import with_free_prefix
from testbed.topology import Topology
from tests.backends.engine_view import small_lab, why_no_engine


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip, with the reason, where no engine answers."""
    if reason := why_no_engine():
        pytest.skip(f"needs a Docker engine: {reason}")


@pytest.fixture(scope="session", params=["docker"])
def backend(request: pytest.FixtureRequest, engine: None) -> Backend:
    """Each backend in turn."""
    backends: dict[str, type[DockerBackend]] = {"docker": DockerBackend}
    return backends[request.param]()


@pytest.fixture
def name(engine: None) -> Iterator[str]:
    """A lab's name that nobody else has; whatever the test leaves of it is removed."""
    called = f"test-{secrets.token_hex(4)}"
    yield called
    DockerBackend().wipe([called])


@pytest.fixture(scope="module")
def lab(engine: None) -> Iterator[Lab]:
    """The default lab, shared by a module: who changes it changes it back."""
    with Lab.up(shipped_file(), f"test-{secrets.token_hex(4)}", environment={}) as running:
        yield running


@pytest.fixture(scope="module")
def handle(backend: Backend) -> Iterator[Handle]:
    """The default lab on a backend, shared by a module."""

    def start(topology: Topology) -> Handle:
        called, run_id = f"test-{secrets.token_hex(4)}", secrets.token_hex(6)
        return backend.up(topology, called, run_id=run_id, owner=Owner.current())

    started = with_free_prefix(shipped_file(), {"TESTBED_CLIENT": "wait"}, (), start)
    yield started
    backend.down(started)


@pytest.fixture
def two_hosts(tmp_path: Path) -> Path:
    """A Compose file with the smallest lab: two hosts on one LAN, ready at once."""
    return small_lab(tmp_path, {"left": {}, "right": {}})


@pytest.fixture
def small(backend: Backend, name: str, two_hosts: Path) -> Iterator[Handle]:
    """The smallest lab on a backend, for one test alone."""
    start = functools.partial(backend.up, name=name, run_id=secrets.token_hex(6), owner=Owner.current())
    started = with_free_prefix(two_hosts, {}, (), start)
    yield started
    backend.down(started)
