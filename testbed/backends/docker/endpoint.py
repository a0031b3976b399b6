"""Where the engine is: where the docker command would look for it.

DOCKER_HOST (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else the context that
DOCKER_CONTEXT names, else the current one: Docker Desktop and rootless engines make theirs
current.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from testbed.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker.tls import TLSConfig


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An engine's address. environment: what makes the docker command go there, too."""

    url: str
    tls: TLSConfig | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def endpoint() -> Endpoint:
    """Find the engine; raise EngineUnavailable for a context that does not exist or cannot be read."""
    import docker.errors
    from docker.utils import kwargs_from_env

    if os.environ.get("DOCKER_HOST"):
        given = kwargs_from_env()
        return Endpoint(given["base_url"], given.get("tls") or None)
    name = os.environ.get("DOCKER_CONTEXT")
    try:
        context = _context(name)
    except docker.errors.DockerException as error:
        raise EngineUnavailable(
            "find the Docker engine", f"the docker context cannot be read: {error}", "See: docker context ls"
        ) from error
    if context is None:
        raise EngineUnavailable(
            "find the Docker engine", f"there is no docker context {name!r}", "See: docker context ls"
        )
    url = str(context.Host or "unix:///var/run/docker.sock").replace("http+unix://", "unix://")
    return Endpoint(url, context.TLSConfig, {"DOCKER_CONTEXT": context.Name})


def _context(name: str | None) -> Any:
    from docker.context import ContextAPI

    return ContextAPI.get_context(name) if name else ContextAPI.get_current_context()


def root_cause(error: BaseException) -> str:
    """Return the first cause's text: requests wraps a refused connection four times over."""
    seen: BaseException = error
    while (below := seen.__cause__ or seen.__context__) is not None:
        seen = below
    return seen.strerror if isinstance(seen, OSError) and seen.strerror else str(seen)


def what_to_do(url: str, error: BaseException) -> str:
    """Say what makes an engine answer there."""
    cause = root_cause(error).lower()
    if "permission denied" in cause:
        return (
            "This user may not use the engine. Become a member of its group and log in again:"
            " sudo usermod -aG docker $USER  (or run as root)"
        )
    if not url.startswith("unix://"):
        return f"Is {url} right, and the engine there running? (DOCKER_HOST, docker context ls)"
    if "no such file" in cause:
        return "Install and start it: `make run` does so on Debian as root; or: systemctl start docker"
    return "Start it: systemctl start docker"
