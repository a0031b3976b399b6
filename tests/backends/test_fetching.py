"""Images that a lab would like to have and can do without."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.backends.base import Backend, Progress
from testbed.backends.docker import DockerBackend
from testbed.backends.docker.client import Engine
from testbed.compose import load
from testbed.lab import Lab
from tests.backends.registry import registry


def test_an_image_that_is_here(backend: Backend) -> None:
    """Nothing is asked of anybody."""
    said: list[Progress] = []
    assert backend.fetch("testbed/host:1", said.append)
    assert said == []


def test_an_image_that_a_registry_has() -> None:
    """It is pulled, and said so."""
    said: list[Progress] = []
    with registry("wanted", f"made for one test: {secrets.token_hex(8)}") as image:
        try:
            assert DockerBackend().fetch(image, said.append)
            assert [one.state for one in said] == ["pulling", "pulled"]
        finally:
            Engine().client.remove_image(image)


def test_an_image_that_the_registry_has_not() -> None:
    """The lab does without."""
    with registry("wanted", "something") as image:
        assert not DockerBackend().fetch(image.replace("wanted", "other"))


def test_a_registry_that_is_not_there() -> None:
    """The lab does without."""
    with registry("wanted", "something") as image:
        pass
    assert not DockerBackend().fetch(image)


WISHES = """
name: wishes
x-testbed:
  images: {WISHED: "%s"}
networks: {lan: {}}
services:
  guest: {image: "${WISHED:-testbed/host:1}", networks: [lan]}
"""


class Refused(Exception):
    """The lab is not brought up: it was enough to see which one."""


@pytest.mark.parametrize(("there", "expected"), [(True, "wished:1"), (False, "testbed/host:1")])
def test_a_lab_takes_the_image_where_it_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, expected: str
) -> None:
    """Else its file's default stands; what the user says counts more than either."""
    path = tmp_path / "compose.yaml"
    path.write_text(WISHES % "wished:1")
    seen = []

    class Asked(DockerBackend):
        def fetch(self, image: str, progress: Callable[[Progress], None] = lambda _: None) -> bool:
            return there

        def up(self, topology, *_args, **_more):  # type: ignore[no-untyped-def]
            seen.append(topology.node("guest").image)
            raise Refused

    for given in ({}, {"WISHED": "mine:2"}):
        with pytest.raises(Refused):
            Lab.up(path, backend=Asked(), environment=given)
    assert seen == [expected, "mine:2"]
    assert load(path, {}).node("guest").image == "testbed/host:1"
