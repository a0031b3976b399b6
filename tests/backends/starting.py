"""Starts `starter.py` in a process group of its own, and waits for what it says."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def starter(file: Path, name: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the starter; it is killed at the block's end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.backends.starter", str(file), name, *options],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what the starter says until a line holds these words."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    assert process.stderr is not None
    raise AssertionError(f"it ended before {words!r}: {said} {process.stderr.read()}")


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what Ctrl-C at a terminal does: a SIGINT to every process of the group."""
    os.killpg(process.pid, signal.SIGINT)
