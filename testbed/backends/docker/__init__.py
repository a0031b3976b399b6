"""Docker Compose runs the lab's file; the docker SDK looks at it and acts on it."""

from testbed.backends.docker.backend import DockerBackend

__all__ = ["DockerBackend"]
