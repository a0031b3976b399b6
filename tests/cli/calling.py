"""Calls testbed as a process of its own: with pipes, or on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import testbed

ROOT = Path(testbed.__file__).parents[1]
PATIENCE = 400.0
CTRL_C = b"\x03"


@dataclass(frozen=True, slots=True)
class Called:
    """How a call ended. after: seconds from the last key or signal to its end."""

    status: int
    stdout: str
    stderr: str = ""
    after: float = 0.0


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change the output."""
    changing = ("CI", "NO_COLOR", "TESTBED_NET", "PYTHONUNBUFFERED")
    kept = {key: value for key, value in os.environ.items() if key not in changing}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def command(*args: str) -> list[str]:
    """The command line that calls testbed."""
    return [sys.executable, "-m", "testbed", *args]


def call(*args: str, cwd: Path, stdin: bytes = b"", patience: float = PATIENCE, **more: str) -> Called:
    """Call testbed with pipes. patience: seconds after which it is given up."""
    answer = subprocess.run(
        command(*args), cwd=cwd, input=stdin, capture_output=True, check=False, timeout=patience,
        env=environment(**more),
    )  # fmt: skip
    return Called(answer.returncode, answer.stdout.decode(), answer.stderr.decode())


def completed(line: str, cwd: Path, **more: str) -> list[str]:
    """What bash would offer at the end of a line; nothing may be said beside it."""
    asking = {"_TESTBED_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    answer = subprocess.run(
        command(), cwd=cwd, capture_output=True, text=True, check=True, env=environment(**asking, **more)
    )
    assert answer.stderr == ""
    return [offer.partition(",")[2] for offer in answer.stdout.split()]


@dataclass(frozen=True, slots=True)
class Key:
    """What to press, or which signal to send, once a pattern has been shown."""

    when: str
    press: bytes | signal.Signals


def on_terminal(*args: str, cwd: Path, keys: Sequence[Key] = (), **more: str) -> Called:
    """Call testbed on a terminal of 100 columns, and press keys."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        settings = environment(**{"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **more})
        os.execve(sys.executable, command(*args), settings)
    shown, pressed = _attend(pid, terminal, list(keys))
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return Called(os.waitstatus_to_exitcode(status), shown, after=time.monotonic() - pressed)


def _attend(pid: int, terminal: int, keys: list[Key]) -> tuple[str, float]:
    """Read what is shown until the end; press each key when its pattern has come, behind the last one's."""
    begun = pressed = time.monotonic()
    shown, looked = b"", 0
    while True:
        if time.monotonic() - begun > PATIENCE:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"not done after {PATIENCE:g} s; it showed {shown[-2000:]!r}")
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the terminal has no other end any more (Linux: EIO)
                data = b""
            if not data:
                return shown.decode(errors="replace"), pressed
            shown += data
        if keys and (found := re.search(keys[0].when.encode(), shown[looked:])):
            looked += found.end()
            key = keys.pop(0).press
            pressed = time.monotonic()
            if isinstance(key, signal.Signals):
                os.kill(pid, key)
            else:
                os.write(terminal, key)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not so after {seconds:g} s"
        time.sleep(0.05)
