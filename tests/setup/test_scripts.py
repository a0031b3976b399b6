"""What `make` sets up: done once, in silence when there is nothing to do, and clear when it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.setup.by_hand import ROOT


def script(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a set-up script of this checkout."""
    return subprocess.run(
        [ROOT / "setup" / name],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def content(root: Path, role: str) -> str:
    """What setup/images.sh takes an image's files for: the number that becomes the image's label."""
    command = f"source {ROOT}/setup/images.sh && ROOT={root} && content {role}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def label(role: str) -> str:
    """The number that an image of this machine was built with."""
    template = '{{index .Config.Labels "testbed.content"}}'
    command = ["docker", "image", "inspect", "--format", template, f"testbed/{role}:1"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.docker
def test_nothing_is_done_twice(engine: None) -> None:
    """With everything in place `make setup` does nothing, and says nothing."""
    setup = ["make", "--silent", "setup"]
    subprocess.run(setup, cwd=ROOT, capture_output=True, check=True)
    done = subprocess.run(setup, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.docker
@pytest.mark.parametrize("role", ["host", "router", "probe"])
def test_images_are_of_these_files(engine: None, role: str) -> None:
    """After set-up each image bears the number of the files that it was built from."""
    assert label(role) == content(ROOT, role)


def test_an_image_is_known_by_its_files(tmp_path: Path) -> None:
    """A changed byte, a changed mode and a new file each make another image; a copy makes the same."""
    shutil.copytree(ROOT / "images", tmp_path / "images")
    program = tmp_path / "images/host/echo_server.py"
    seen = [content(ROOT, "host"), content(tmp_path, "host")]
    assert seen[0] == seen[1]
    program.write_text(program.read_text() + "\n")
    seen.append(content(tmp_path, "host"))
    program.chmod(0o600)
    seen.append(content(tmp_path, "host"))
    (tmp_path / "images/host/new").touch()
    seen.append(content(tmp_path, "host"))
    assert len(set(seen[1:])) == 4


def test_an_engine_out_of_reach() -> None:
    """With DOCKER_HOST set, that engine is meant: where it does not answer, exit 3 and say what to do."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker client on this machine")
    done = script("engine.sh", DOCKER_HOST="tcp://127.0.0.1:9")
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "set-up: no engine answers at DOCKER_HOST=tcp://127.0.0.1:9",
        "  start it there, or: unset DOCKER_HOST",
    ]


@pytest.mark.docker
def test_a_user_without_the_right_to_the_engine(engine: None) -> None:
    """Who may not use the engine that runs is told how to get the right, with exit code 3."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        shutil.copytree(ROOT / "setup", Path(folder, "setup"))
        done = subprocess.run(
            [Path(folder, "setup/engine.sh")],
            user="nobody",
            group="nogroup",
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "may not use it\n  as root: usermod --append --groups docker nobody" in done.stderr


def test_the_wheel_brings_the_lab(tmp_path: Path) -> None:
    """The wheel holds compose.yaml and every file of the images, and each program keeps its mode."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    shipped = [ROOT / "compose.yaml", *(ROOT / "images").glob("*/[!_]*")]
    for path in shipped:
        mode = inside[f"testbed/shipped/{path.relative_to(ROOT)}"]
        assert mode & 0o111 == path.stat().st_mode & 0o111, path


def test_the_ci_is_what_a_newcomer_runs() -> None:
    """`.ci/run` runs `make test` and no other command."""
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd ", "export "))]
    assert commands == ["exec make test"]
