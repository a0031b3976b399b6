"""Telling whether the process that started a lab still lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.backends.base import DETACHED
from testbed.backends.owner import Liveness, Owner, liveness

SAY_AND_WAIT = "from testbed.backends.owner import Owner; print(Owner.current(), flush=True); input()"


@contextmanager
def other_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and the owner that it says it is."""
    with subprocess.Popen(
        [sys.executable, "-c", SAY_AND_WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_this_process_lives() -> None:
    """Written down and read again, the owner is the same and alive."""
    mine = Owner.current()
    assert Owner.parse(str(mine)) == mine
    assert liveness(str(mine)) is Liveness.LIVE


def test_another_process_lives_until_it_is_killed() -> None:
    """SIGKILL leaves it no time to tell anybody; it is seen all the same, before it is waited for, too."""
    with other_process() as (process, label):
        assert liveness(label) is Liveness.LIVE
        process.kill()
        process.wait()
        assert liveness(label) is Liveness.DEAD


def test_a_zombie_is_dead() -> None:
    """A process that ended and that its parent has not waited for still has an entry in /proc."""
    with other_process() as (process, label):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert liveness(label) is Liveness.DEAD


def test_a_process_number_that_came_round_again_is_not_the_owner() -> None:
    """The same number, started at another time."""
    mine = Owner.current()
    assert Owner(mine.pid, mine.started - 1, mine.place).liveness() is Liveness.DEAD


def test_nothing_is_said_of_another_machines_process() -> None:
    """Nor of one from before this machine was started: the boot is part of the owner."""
    mine = Owner.current()
    assert Owner(mine.pid, mine.started, "another-boot/1").liveness() is Liveness.ELSEWHERE


@pytest.mark.parametrize("label", ["", "nonsense", "1:2", "x:2:place", "1:x:place"])
def test_what_cannot_be_read_is_nobodys_to_remove(label: str) -> None:
    """A label that we did not write does not make a lab a dead process's."""
    assert liveness(label) is Liveness.ELSEWHERE


def test_a_detached_lab_has_no_owner_to_live() -> None:
    """It was left up on purpose."""
    assert liveness(DETACHED) is Liveness.DETACHED
    assert Owner.parse(DETACHED) is None
