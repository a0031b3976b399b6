"""What Compose is given and does not start: whose fault it is, and that nothing lies about afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testbed.backends.docker import laid_over
from tests.backends.starting import starter, wait_for


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
