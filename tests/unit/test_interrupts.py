"""One interrupt interrupts; taking things down is not interrupted, until somebody insists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from testbed.interrupts import handled, shielded


def send(number: signal.Signals = signal.SIGINT) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts(number: signal.Signals) -> None:
    """Ctrl-C, a polite kill and a closed terminal all interrupt."""
    with handled(), pytest.raises(KeyboardInterrupt):
        send(number)


def test_a_shield_defers(capfd: pytest.CaptureFixture[str]) -> None:
    """What comes while things are taken down interrupts afterwards, and that is said."""
    done = []

    def take_down() -> None:
        with shielded():
            send()
            done.append("taken down")

    with handled(), pytest.raises(KeyboardInterrupt):
        take_down()
    assert done == ["taken down"]
    assert "taking everything down" in capfd.readouterr().err


def test_shields_nest() -> None:
    """The interrupt waits for the outermost one."""
    reached = []

    def take_down() -> None:
        with shielded():
            with shielded():
                send()
            reached.append("outer")

    with handled(), pytest.raises(KeyboardInterrupt):
        take_down()
    assert reached == ["outer"]


def test_the_second_is_ignored_and_the_third_is_not() -> None:
    """While things are taken down after the first, a second does nothing; who insists is obeyed."""
    with handled():
        with pytest.raises(KeyboardInterrupt):
            send()
        send()
        with pytest.raises(KeyboardInterrupt):
            send()


def test_handlers_are_given_back() -> None:
    """Afterwards the process is as it was."""
    before = signal.getsignal(signal.SIGTERM)
    with handled():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_nohup_is_respected() -> None:
    """Under nohup a closed terminal ends nothing."""
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from testbed.interrupts import handled\n"
        "with handled(): os.kill(os.getpid(), signal.SIGHUP); print('on')"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "on\n"
