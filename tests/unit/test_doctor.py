"""What the doctor says of scenarios, on machines that lack something."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pytest

from testbed.backends.base import Backend, Examined, Fitness
from testbed.backends.docker import DockerBackend
from testbed.compose import load, shipped_file
from testbed.doctor import examine


class Machine(DockerBackend):
    """A machine of which some things are known, and on which no lab is."""

    def __init__(self, *known: Examined) -> None:
        super().__init__()
        self._known = known

    def examine(self, images: Iterable[str] = ()) -> Iterator[Examined]:
        """What is known, and that no other image is here."""
        yield from self._known
        yield from (Examined(f"image {image}", Fitness.LACKING, "is not here") for image in images)

    def list(self) -> list:  # type: ignore[type-arg]
        """None."""
        return []


def told(backend: Backend) -> dict[str, str]:
    """Subject -> what is said of it."""
    topology = load(shipped_file(), {**os.environ, "TESTBED_NET": "172.16"})
    return {one.subject: one.seen for one in examine(backend, topology)}


def lacking(feature: str) -> Examined:
    """A feature that is not there."""
    return Examined(f"kernel: {feature}", Fitness.LACKING, "not there")


def test_what_can_run_whole() -> None:
    """It is counted and named; of what can run but for a part, the part is named and what it takes."""
    said = told(Machine(lacking("sch_netem")))
    assert "arp.via-gateway" in said["scenarios"]
    assert "app.unreliable-network" not in said["scenarios"]
    assert said["app.unreliable-network"] == "can run but for a long line (kernel: sch_netem): see above"
    assert said["app.default-ports"] == "can run but for MongoDB (image mongo:8): see above"


@pytest.mark.parametrize(
    ("feature", "cannot"),
    [("sch_tbf", {"app.unreliable-network", "link.broadcast-storm"}), ("bridge", {"link.broadcast-storm"})],
)
def test_what_cannot_run_at_all(feature: str, cannot: set[str]) -> None:
    """It is named, with what is missing; the others can."""
    said = told(Machine(lacking(feature)))
    assert {name for name, seen in said.items() if seen.startswith("cannot run")} == cannot
    assert all(f"kernel: {feature}" in said[name] for name in cannot)


def test_nothing_can_run_where_something_bad_is_found() -> None:
    """It is said once."""
    said = told(Machine(Examined("Docker engine", Fitness.BAD, "does not answer")))
    assert "none can run" in said["scenarios"]
    assert "app.default-ports" not in said
