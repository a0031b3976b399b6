"""What Compose is given and does not start: whose fault it is, and that nothing lies about afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testbed.backends.docker import laid_over
from testbed.errors import InvalidComposeFile, NodeExited
from testbed.lab import Lab
from tests.backends.engine_view import remains, small_lab
from tests.backends.starting import starter, wait_for


@pytest.mark.docker
@pytest.mark.parametrize(
    ("given", "line", "path", "says"),
    [
        ("ulimits: {nofile: {soft: 5}}", 4, "services.host.ulimits.nofile", "hard is required"),
        ("volumes: [nosuch:/data]", 3, "services.host", "undefined volume nosuch"),
        ("extra_hosts: [nowhere]", 4, "services.host.extra_hosts", "missing IP"),
    ],
)
def test_a_mistake_that_only_compose_finds(
    name: str, given: str, line: int, path: str, says: str, tmp_path: Path
) -> None:
    """It is the file's, as those that we find: with its line, and exit code 4."""
    file = tmp_path / "compose.yaml"
    file.write_text(
        f"services:\n  near: {{image: testbed/host:1}}\n  host: {{image: testbed/host:1,\n{given}}}"
    )
    with pytest.raises(InvalidComposeFile, match=says) as caught:
        Lab.up(file, name, environment={})
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.path) == (line, path)
    assert caught.value.exit_code == 4
    assert remains(name) == []


@pytest.mark.docker
@pytest.mark.parametrize("program", ["/nosuch", "/etc/passwd"])
def test_a_node_whose_command_cannot_be_run(name: str, program: str, tmp_path: Path) -> None:
    """It is said of which node, and not how the engine's parts are called that say so to each other."""
    file = small_lab(tmp_path, {"host": {}, "broken": {"init": False, "entrypoint": [program]}})
    with pytest.raises(NodeExited, match=f'node broken cannot be started: exec: "{program}": ') as caught:
        Lab.up(file, name, environment={})
    assert "runc" not in str(caught.value)
    assert remains(name) == []


@pytest.mark.docker
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memfd_create")
def test_a_start_that_is_killed_leaves_no_file(
    name: str, two_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is laid over the user's file is on no disk, so that SIGKILL leaves nothing of it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with starter(two_hosts, name) as process:
        wait_for(process, "node")
        process.kill()
        process.wait()
    assert not list(folder.glob("testbed-up-*"))


@pytest.mark.parametrize("memory", [True, False])
def test_a_child_reads_what_is_laid_over(memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it likes, and where the system has no files in memory too; then it is gone."""
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("this system has no memfd_create")
    with laid_over.readable("two\nlines äö") as (path, inherited):
        said = subprocess.run(["cat", path, path], pass_fds=inherited, capture_output=True, check=True)
        assert said.stdout.decode() == "two\nlines äö" * 2
    for descriptor in inherited:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    assert memory or not Path(path).exists()
