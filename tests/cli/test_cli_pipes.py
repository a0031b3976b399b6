"""A run whose output nobody reads to its end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.calling import PATIENCE, command, environment


@pytest.mark.parametrize("stderr", [subprocess.PIPE, subprocess.STDOUT])
def test_a_run_goes_on_when_nobody_reads_it_any_more(lab: str, tmp_path: Path, stderr: int) -> None:
    """`testbed run … | head -1`, with progress in the pipe or not: all run, and the folder is whole."""
    with subprocess.Popen(
        command("run", "--attach", lab, "tcp.reset", "arp.via-gateway"), cwd=tmp_path, env=environment(),
        stdout=subprocess.PIPE, stderr=stderr,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        running.stdout.close()
        running.wait(timeout=PATIENCE)
    assert running.returncode == 0
    run = tmp_path / ".testbed/runs/latest"
    verdicts = json.loads((run / "verdicts.json").read_bytes())
    assert [one["status"] for one in verdicts["scenarios"]] == ["passed", "passed"]
    assert (run / "report.html").exists()
