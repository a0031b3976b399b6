"""Gets an image that a lab would like to have and can do without."""

from __future__ import annotations

from testbed.backends.base import Progress, Report, ignore
from testbed.backends.docker import images
from testbed.backends.docker.client import Engine, engine

QUIET = 20.0
"""Seconds without a word from the registry after which it counts as out of reach."""


def fetch(engine_: Engine, image: str, progress: Report = ignore) -> bool:
    """Say whether an image is here, or a registry gives it now. Raises EngineUnavailable."""
    import requests.exceptions
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    if images.is_here(engine_, image):
        return True
    patient = Engine(timeout=QUIET)
    name, tag = parse_repository_tag(image)
    progress(Progress("image", image, "pulling"))
    with engine(f"pull image {image}"):
        try:
            steps = list(patient.client.pull(name, tag=tag or "latest", stream=True, decode=True))
        except (APIError, requests.exceptions.Timeout, requests.exceptions.ConnectionError):
            return False  # no registry, no such image, or none that answers: the lab does without
    got = not any("error" in step for step in steps)
    if got:
        progress(Progress("image", image, "pulled"))
    return got
