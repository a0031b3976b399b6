"""Where frames wait: in memory, on disk, and when there is no room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.spool import Spool


def test_batches_come_back_in_their_order_from_memory_and_disk(tmp_path: Path) -> None:
    """What was spilled and what was not are one recording."""
    spool = Spool(tmp_path, memory=1000)
    given = [(n % 3, bytes([n]) * (n * 37)) for n in range(60)]
    for source, batch in given:
        spool.append(source, batch)
    assert spool.take() == given
    assert spool.take() == []
    spool.append(1, b"again")
    assert spool.take() == [(1, b"again")]


def test_nothing_of_it_is_in_the_folder(tmp_path: Path) -> None:
    """Whatever ends the process, no file is left."""
    spool = Spool(tmp_path, memory=10)
    spool.append(0, b"x" * 100)
    assert list(tmp_path.iterdir()) == []
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 64 KiB of room."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_loses_nothing_that_was_there_and_is_told(small_disk: Path) -> None:
    """What came before the disk was full is kept; what came after is counted; the error says what to do."""
    spool = Spool(small_disk, memory=10_000)
    batches = [(0, os.urandom(9_000)) for _ in range(12)]
    for source, batch in batches:
        spool.append(source, batch)
    failure = spool.failure
    assert failure is not None
    assert "No space left on device" in failure.seen
    assert "batches of frames were lost" in failure.seen
    assert isinstance(failure.__cause__, OSError)
    kept = spool.take()
    assert 6 <= len(kept) < len(batches)
    assert kept == batches[: len(kept)]
    assert spool.failure is None
    assert list(small_disk.iterdir()) == []
