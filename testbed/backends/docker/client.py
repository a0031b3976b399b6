"""One connection to the engine for each thread, its API version pinned once.

The border where docker's exceptions end: `engine()` maps them to ours.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.backends.docker.endpoint import Endpoint, endpoint, root_cause, what_to_do
from testbed.errors import EngineUnavailable, LabFailed

if TYPE_CHECKING:
    from docker.api.client import APIClient

OLDEST_ENGINE = (20, 10)
NEWEST_API = (1, 45)
"""We speak nothing that came after it, so we ask for no newer one (unless the engine demands it)."""


class Engine:
    """The Docker engine that the docker command on this machine would talk to.

    timeout: seconds until a call that does not answer raises.
    """

    def __init__(self, timeout: float = 60.0) -> None:
        self._timeout = timeout
        self._clients: dict[threading.Thread, APIClient] = {}
        weakref.finalize(self, _close_all, self._clients)
        self._lock = threading.Lock()
        self._pinned: tuple[Endpoint, str] | None = None
        self._version: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where the engine is, with its scheme: unix, tcp or ssh."""
        return self._pin()[0].url

    @property
    def local(self) -> bool:
        """Whether the engine's processes are this machine's: Linux, by a socket in the file system."""
        return self.url.startswith("unix://") and Path("/proc/net/route").exists()

    @property
    def version(self) -> dict[str, Any]:
        """What the engine answered to GET /version."""
        self._pin()
        return self._version

    @property
    def client(self) -> APIClient:
        """This thread's connection; one whose thread has ended is used again."""
        this = threading.current_thread()
        with self._lock:
            client = self._clients.get(this)
            if client is None:
                ended = next((thread for thread in self._clients if not thread.is_alive()), None)
                client = self._clients.pop(ended) if ended else None
                if client is not None:
                    self._clients[this] = client
        if client is None:
            where, api = self._pin()
            client = _connect(where, api, self._timeout)
            with self._lock:  # others may be looking for one that is free
                self._clients[this] = client
        return client

    def environment(self) -> dict[str, str]:
        """What makes the docker command talk to this engine, and to no other."""
        return dict(self._pin()[0].environment)

    def _pin(self) -> tuple[Endpoint, str]:
        """Find the engine and agree on an API version, once."""
        with self._lock:
            if self._pinned is None:
                where = endpoint()
                self._version = _ask_version(where, self._timeout)
                self._pinned = (where, _choose_api(self._version))
            return self._pinned


def _close_all(clients: dict[threading.Thread, APIClient]) -> None:
    for client in clients.values():
        client.close()


@contextlib.contextmanager
def engine(attempted: str) -> Iterator[None]:
    """Map what the SDK raises to our errors; `attempted` says what was being done."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        seen = error.explanation or str(error)
        raise LabFailed(attempted, f"the engine says: {seen}") from error
    except requests.exceptions.Timeout as error:
        raise LabFailed(attempted, "the engine does not answer in time") from error
    except (requests.exceptions.ConnectionError, docker.errors.DockerException) as error:
        raise EngineUnavailable(attempted, f"the engine went away: {error}") from error


def version_numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: "26.1.5+dfsg1" -> (26, 1, 5)."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _connect(where: Endpoint, api: str, timeout: float) -> APIClient:
    from docker.api.client import APIClient
    from docker.errors import DockerException

    try:
        return APIClient(
            base_url=where.url,
            version=api,
            timeout=int(timeout),
            tls=where.tls or False,
            use_ssh_client=where.url.startswith("ssh://"),
        )
    except DockerException as error:
        raise EngineUnavailable(
            "reach the Docker engine", f"{where.url}: {error}", what_to_do(where.url, error)
        ) from error


def _ask_version(where: Endpoint, timeout: float) -> dict[str, Any]:
    """Ask the engine what it is; any version of it answers this, without an API version agreed on."""
    import docker.errors
    import requests.exceptions

    client = _connect(where, "1.24", timeout)
    try:
        _knock(where.url)
        answer: dict[str, Any] = client.version(api_version=False)
    except (
        requests.exceptions.RequestException,
        docker.errors.DockerException,
        OSError,
        ValueError,
    ) as error:
        raise EngineUnavailable(
            "reach the Docker engine",
            f"no engine answers at {where.url} ({root_cause(error)})",
            what_to_do(where.url, error),
        ) from error
    finally:
        client.close()
    return answer


def _knock(url: str) -> None:
    """Raise OSError where nobody listens on a Unix socket: the SDK would leave its own one open."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.connect(url.removeprefix("unix://"))


def _choose_api(version: dict[str, Any]) -> str:
    """Pick the API version to speak, having refused an engine that cannot run a lab."""
    engine_version = str(version.get("Version", ""))
    numbers = version_numbers(engine_version)
    if _is_podman(version):
        raise EngineUnavailable(
            "use the Docker engine",
            f"what answers is Podman {engine_version}, whose bridges keep the gateway addresses for"
            " themselves: no packet would cross a lab's router",
            "Use Docker Engine, rootless if need be: https://docs.docker.com/engine/security/rootless/",
        )
    if numbers and numbers < OLDEST_ENGINE:
        raise EngineUnavailable(
            "use the Docker engine",
            f"it is version {engine_version}, and 20.10 is the oldest that can run a lab",
            "Install a newer Docker Engine: https://docs.docker.com/engine/install/",
        )
    newest = version_numbers(str(version.get("ApiVersion", "")))
    oldest = version_numbers(str(version.get("MinAPIVersion", "")))
    if not newest:
        raise EngineUnavailable("use the Docker engine", f"what answers is no Docker engine: {version}")
    return ".".join(str(part) for part in max(min(newest, NEWEST_API), oldest))


def _is_podman(version: dict[str, Any]) -> bool:
    return any("podman" in str(part.get("Name", "")).lower() for part in version.get("Components") or ())
