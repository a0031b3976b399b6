"""What goes wrong around a lab: for each a message that says what to do, and nothing left behind."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from testbed.backends.docker import DockerBackend, compose_cli, images
from testbed.backends.docker.client import Engine
from testbed.backends.docker.endpoint import endpoint
from testbed.errors import (
    DeadlinePassed,
    EngineUnavailable,
    ImageMissing,
    LabFailed,
    NodeExited,
    ProbeDied,
    UsageError,
)
from testbed.lab import Lab
from tests.backends.engine_view import docker, remains, small_lab


def waiting_for(other: str) -> dict[str, object]:
    """A host that starts after another, and that `up` waits for: what becomes of the other is seen."""
    return {
        "healthcheck": {"test": "true", "interval": "3s"},
        "depends_on": {other: {"condition": "service_started"}},
    }


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is remembered of the docker command is forgotten: these tests replace it."""
    compose_cli.compose_version.cache_clear()
    yield
    compose_cli.compose_version.cache_clear()


# -- the engine


def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No socket there: it says where it looked and how to get an engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnavailable, match=r"no engine answers at unix://.*none\.sock") as caught:
        DockerBackend().list()
    assert "systemctl start docker" in caught.value.hint


def test_an_engine_that_is_not_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A socket to which nobody listens any more."""
    path = tmp_path / "dead.sock"
    with socketserver.UnixStreamServer(str(path), socketserver.BaseRequestHandler):
        pass
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(EngineUnavailable, match="refused") as caught:
        DockerBackend().list()
    assert "Start it" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not")
def test_a_user_who_may_not_use_the_engine(tmp_path: Path) -> None:
    """It is said which group is missing, not that there is no engine."""
    folder = tmp_path / "engine"
    folder.mkdir()
    with socketserver.UnixStreamServer(str(folder / "docker.sock"), socketserver.BaseRequestHandler):
        (folder / "docker.sock").chmod(0o600)
        for above in (folder, *folder.parents):
            if above == Path("/tmp"):
                break
            above.chmod(0o755)
        program = (
            "import docker.api.client, docker.context, requests.exceptions, os\n"
            "from testbed.backends.docker.client import Engine\n"
            "from testbed.errors import EngineUnavailable\n"
            "os.setgroups([]); os.setegid(65534); os.seteuid(65534)\n"
            "try:\n    Engine().version\n"
            "except EngineUnavailable as error:\n    print(error)\n"
        )
        environment = {
            **os.environ,
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder),
        }
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
        )
    assert "Permission denied" in said.stdout, said.stderr
    assert "usermod -aG docker" in said.stdout


@pytest.mark.parametrize(("version", "api"), [("19.03.15", "1.40"), ("1.13.1", "1.26"), ("20.9.0", "1.40")])
def test_an_engine_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, api: str
) -> None:
    """It says which it is, and which is the oldest that will do."""
    with engine_that_says(tmp_path, {"Version": version, "ApiVersion": api, "MinAPIVersion": "1.12"}) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        with pytest.raises(EngineUnavailable, match=f"version {version}, and 20.10 is the oldest"):
            DockerBackend().list()


def test_podman_is_no_docker_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is refused by its name and with the reason, before a lab comes up that routes nothing."""
    podman = {
        "Version": "4.3.1",
        "ApiVersion": "1.41",
        "MinAPIVersion": "1.24",
        "Components": [{"Name": "Podman Engine"}],
    }
    with engine_that_says(tmp_path, podman) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        with pytest.raises(EngineUnavailable, match=r"Podman 4\.3\.1") as caught:
            DockerBackend().list()
    assert "rootless" in caught.value.hint


@pytest.mark.parametrize(
    ("api", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.45", "1.24", "1.45"), ("1.52", "1.44", "1.45"), ("1.60", "1.47", "1.47")],
)
def test_the_api_version_is_one_that_both_speak(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: str, oldest: str, spoken: str
) -> None:
    """An old engine is asked in its own words, and one that has forgotten ours in its oldest."""
    with engine_that_says(tmp_path, {"Version": "28.0.0", "ApiVersion": api, "MinAPIVersion": oldest}) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        assert Engine().client.api_version == spoken


def test_something_else_that_listens_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What answers is no Docker engine, and that is what is said."""
    with engine_that_says(tmp_path, {"hello": "world"}) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        with pytest.raises(EngineUnavailable, match="no Docker engine"):
            DockerBackend().list()


def test_a_context_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The context is the docker command's: so is the way to see which there are."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")
    with pytest.raises(EngineUnavailable, match="no-such-context") as caught:
        DockerBackend().list()
    assert "docker context ls" in caught.value.hint


def test_the_current_context_is_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker Desktop and rootless engines are found by their context, as the docker command finds them."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker("context", "create", "mine", "--docker=host=unix:///somewhere/else.sock")
    docker("context", "use", "mine")
    program = "from testbed.backends.docker.endpoint import endpoint; print(endpoint().url)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "unix:///somewhere/else.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///this/one.sock")
    assert endpoint().url == "unix:///this/one.sock"


# -- Compose


def test_no_docker_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine may be there; what runs Compose is not."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="no `docker` command"):
        compose_cli.docker_command()


def test_compose_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A docker command without the plugin."""
    a_docker_command(monkeypatch, tmp_path, "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1")
    with pytest.raises(EngineUnavailable, match="no plugin `compose`") as caught:
        compose_cli.compose_version(compose_cli.docker_command())
    assert "2.24" in caught.value.hint


@pytest.mark.parametrize("version", ["2.23.3", "1.29.2", "v2.9.0"])
def test_compose_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    """It says which it is."""
    a_docker_command(monkeypatch, tmp_path, f"echo {version}")
    with pytest.raises(EngineUnavailable, match=f"version {version}, too old"):
        compose_cli.compose_version(compose_cli.docker_command())


@pytest.mark.parametrize("version", ["2.24.0", "v2.40.3", "5.0.1", "2.26.1-4"])
def test_compose_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    """In each of the ways in which distributions write it."""
    a_docker_command(monkeypatch, tmp_path, f"echo {version}")
    assert compose_cli.compose_version(compose_cli.docker_command()) == version


@pytest.mark.docker
def test_nothing_is_started_with_a_compose_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, two_hosts: Path
) -> None:
    """It is looked at before anything is made."""
    a_docker_command(monkeypatch, tmp_path, 'if [ "$2" = version ]; then echo 2.20.0; else exit 99; fi')
    with pytest.raises(EngineUnavailable, match="too old"):
        Lab.up(two_hosts, name, environment={})
    monkeypatch.undo()
    assert remains(name) == []


# -- images


@pytest.mark.docker
def test_an_image_that_is_not_here_and_no_registry_answers(name: str, tmp_path: Path) -> None:
    """Node and image are named, with what to do, and nothing is left."""
    file = small_lab(tmp_path, {"stranger": {"image": "localhost:1/nobody/nothing:7"}, "host": {}})
    with pytest.raises(ImageMissing, match=r"localhost:1/nobody/nothing:7 \(node stranger\)") as caught:
        Lab.up(file, name, environment={})
    assert "docker pull localhost:1/nobody/nothing:7" in caught.value.hint
    assert remains(name) == []


@pytest.mark.docker
def test_an_image_of_ours_that_is_missing_is_built(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """From what travels with the package, on the base that is here."""
    mine = "testbed-test/host:1"
    monkeypatch.setitem(images.OURS, mine, "host")
    try:
        images.ensure_ours(Engine(), {mine})
        assert mine in images.present(Engine())
    finally:
        docker("image", "rm", "--no-prune", mine)


@pytest.mark.docker
def test_an_image_of_ours_that_cannot_be_built(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without base image and registry: the end of the build's log, and what to run."""
    monkeypatch.setitem(images.OURS, "testbed-test/host:2", "host")
    monkeypatch.setenv("TESTBED_BASE", "localhost:1/no-base:1")
    with pytest.raises(ImageMissing, match="no-base") as caught:
        images.ensure_ours(Engine(), {"testbed-test/host:2"})
    assert "make run" in caught.value.hint


# -- nodes and probes


@pytest.mark.docker
def test_a_node_that_exits_while_the_lab_comes_up(name: str, tmp_path: Path) -> None:
    """Node, exit code and its last words; everything is removed."""
    script = "for i in $$(seq 30); do echo line $$i; done; echo cannot bind; exit 3"
    file = small_lab(tmp_path, {"dying": {"command": ["sh", "-c", script]}, "host": waiting_for("dying")})
    with pytest.raises(NodeExited, match=r"(?s)node dying exited with 3; .*cannot bind") as caught:
        Lab.up(file, name, environment={})
    assert "line 12" in caught.value.seen
    assert "line 9\n" not in caught.value.seen
    assert remains(name) == []


@pytest.mark.docker
def test_a_node_that_others_wait_for_exits(name: str, tmp_path: Path) -> None:
    """Compose gives up by itself then; the cause is the node's, not Compose's complaint."""
    healthy = {"test": "false", "interval": "1s", "retries": 30}
    services: dict[str, dict[str, object]] = {
        "first": {"command": ["sh", "-c", "echo no disk; exit 4"], "healthcheck": healthy},
        "second": {"depends_on": {"first": {"condition": "service_healthy"}}},
    }
    with pytest.raises(NodeExited, match=r"(?s)node first exited with 4; .*no disk"):
        Lab.up(small_lab(tmp_path, services), name, environment={})
    assert remains(name) == []


@pytest.mark.docker
def test_a_node_that_is_never_healthy(name: str, tmp_path: Path) -> None:
    """Its health check says no: that is told, with its log."""
    check = {"test": "false", "interval": "200ms", "retries": 2}
    file = small_lab(
        tmp_path, {"sick": {"command": ["sh", "-c", "echo ill; sleep 60"], "healthcheck": check}}
    )
    with pytest.raises(NodeExited, match=r"(?s)node sick is running, unhealthy; .*ill"):
        Lab.up(file, name, environment={})
    assert remains(name) == []


@pytest.mark.docker
def test_a_node_that_is_not_ready_in_time(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds, it says which node was waited for, and everything is removed."""
    check = {"test": "false", "interval": "30s", "retries": 3, "start_period": "60s"}
    file = small_lab(tmp_path, {"slow": {"healthcheck": check}, "host": {}})
    run = compose_cli.run  # which is not to be what is too slow
    monkeypatch.setattr(compose_cli, "run", lambda words, **given: run(words, **{**given, "deadline": 60}))
    with pytest.raises(DeadlinePassed, match="slow is running, starting"):
        Lab.up(file, name, environment={}, deadline=3)
    assert remains(name) == []


@pytest.mark.docker
def test_compose_itself_is_too_slow(name: str, tmp_path: Path) -> None:
    """Compose waits for a dependency beyond the deadline: it is ended, and everything is removed."""
    check = {"test": "false", "interval": "30s", "retries": 3, "start_period": "60s"}
    services: dict[str, dict[str, object]] = {
        "slow": {"healthcheck": check},
        "host": {"depends_on": {"slow": {"condition": "service_healthy"}}},
    }
    with pytest.raises(DeadlinePassed, match="not done after"):
        Lab.up(small_lab(tmp_path, services), name, environment={}, deadline=3)
    assert remains(name) == []


@pytest.mark.docker
def test_a_published_port_that_another_lab_has(name: str, tmp_path: Path) -> None:
    """The second lab is told so, and what to do; nothing of it is left, and the first runs on."""
    port = 20_000 + os.getpid() % 10_000  # below those that the kernel gives to connections
    file = small_lab(tmp_path, {"host": {"ports": [f"127.0.0.1:{port}:80"]}})
    with Lab.up(file, name, environment={}) as first:
        with pytest.raises(LabFailed, match="a port that the file publishes is taken") as caught:
            Lab.up(file, f"{name}-2", environment={})
        assert "Publish another" in caught.value.hint
        assert remains(f"{name}-2") == []
        assert first.state("host").running


@pytest.mark.docker
def test_control_characters_of_a_dying_node_do_not_reach_the_terminal(name: str, tmp_path: Path) -> None:
    """Its last words are quoted without what would move the cursor."""
    script = "printf 'red \\033[31malert\\033[2J\\007'; exit 1"
    file = small_lab(tmp_path, {"rude": {"command": ["sh", "-c", script]}, "host": waiting_for("rude")})
    with pytest.raises(NodeExited, match="alert") as caught:
        Lab.up(file, name, environment={})
    assert not any(sign in str(caught.value) for sign in "\x1b\x07")


@pytest.mark.docker
def test_a_probe_that_is_killed(name: str, two_hosts: Path) -> None:
    """ProbeDied for that node, and the others go on."""
    with Lab.up(two_hosts, name, environment={}) as lab:
        lab.open()
        filters = (f"label=testbed.lab={name}", "label=testbed.role=probe", "label=testbed.node=left")
        docker("kill", *docker("ps", "--quiet", *(f"--filter={one}" for one in filters)).split())
        with pytest.raises(ProbeDied, match="left"):
            lab["left"].run(["sleep", "5"])
        assert lab["right"].run(["true"]).status == 0
    assert remains(name) == []


@pytest.mark.docker
@pytest.mark.parametrize("wrong", ["Upper", "-x", "a" * 41, "a/b", "a b"])
def test_a_name_that_cannot_be(engine: None, two_hosts: Path, wrong: str) -> None:
    """Refused before anything is made."""
    with pytest.raises(UsageError, match="a lab's name"):
        Lab.up(two_hosts, wrong, environment={})


@contextlib.contextmanager
def engine_that_says(folder: Path, version: Mapping[str, object]) -> Iterator[str]:
    """Something on a Unix socket that answers GET /version; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(version).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def address_string(self) -> str:
            return "a socket without addresses"

    path = folder / "engine.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


def a_docker_command(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put another docker command before the real one."""
    command = folder / "bin" / "docker"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
