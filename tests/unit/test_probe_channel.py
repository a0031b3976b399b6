"""The channel and the agent, over a Python of this machine: no engine, no privilege."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import execnet
import pytest

from testbed import channel as channel_module
from testbed.channel import Channel
from testbed.errors import DeadlinePassed, ProbeDied, UsageError


@pytest.fixture
def gateway() -> Iterator[execnet.Gateway]:
    """A Python beside this one."""
    group = execnet.Group()
    yield group.makegateway("popen")
    group.terminate(timeout=2.0)


@pytest.fixture
def channel(gateway: execnet.Gateway) -> Iterator[Channel]:
    """A channel to an agent beside us."""
    opened = Channel("beside", gateway, lambda name, value: None)
    yield opened
    opened.close()


def run(channel: Channel, *argv: str, timeout: float = 5.0, **more: Any) -> dict[str, Any]:
    """Run a command through the agent."""
    answer: dict[str, Any] = channel.call(
        "processes.run", within=timeout, argv=list(argv), timeout=timeout, **more
    )
    return answer


def test_a_command_gives_status_and_both_outputs(channel: Channel) -> None:
    """What a command wrote comes back byte for byte, with its exit status."""
    answer = run(channel, "sh", "-c", r"printf 'out\0'; printf err >&2; exit 3")
    assert answer == {"status": 3, "stdout": b"out\0", "stderr": b"err", "cut": 0}


def test_a_command_gets_its_input(channel: Channel) -> None:
    """More input than a pipe holds reaches a command that answers while it reads."""
    data = os.urandom(300_000)
    assert run(channel, "cat", stdin=data)["stdout"] == data


def test_a_command_that_does_not_read_its_input_ends_all_the_same(channel: Channel) -> None:
    """As `head` may stop reading early, so may any command."""
    assert run(channel, "true", stdin=b"x" * 300_000)["status"] == 0


def test_output_beyond_the_limit_is_thrown_away_and_said(channel: Channel) -> None:
    """A command that writes for ever fills no memory, and nobody is told that this was all."""
    answer = run(channel, "head", "-c", "300000", "/dev/zero", limit=1000)
    assert (len(answer["stdout"]), answer["cut"]) == (1000, 299_000)


def test_a_command_over_its_time_is_killed_with_its_children(channel: Channel) -> None:
    """A time limit ends the whole group, and what was written until then is kept."""
    answer = run(channel, "sh", "-c", "sleep 100 & echo $!; wait", timeout=3.0)
    assert answer["status"] is None
    child = int(answer["stdout"])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def test_a_command_that_is_not_there_is_an_error_of_the_kernel(channel: Channel) -> None:
    """An OSError crosses the channel as what it is, with its errno."""
    with pytest.raises(FileNotFoundError):
        run(channel, "no-such-command")


def test_an_argument_that_cannot_be_is_refused(channel: Channel) -> None:
    """A setting outside of net is not looked for."""
    with pytest.raises(UsageError, match="below net"):
        channel.call("system.sysctl", key="kernel.hostname")
    with pytest.raises(UsageError, match="below net"):
        channel.call("system.sysctl", key="net/../../etc/passwd")


def test_many_requests_are_under_way_at_once(channel: Channel, tmp_path: Path) -> None:
    """Twenty callers wait at the same time, each for its own answer, and for what a later one does."""
    gate = tmp_path / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.1; done; echo"
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(run, channel, "sh", "-c", f"{wait} {n}", timeout=60.0) for n in range(20)]
        run(channel, "touch", str(gate))
        assert [int(answer.result()["stdout"]) for answer in answers] == list(range(20))


def test_a_probe_that_dies_turns_every_waiting_call_into_probe_died(gateway: execnet.Gateway) -> None:
    """Nobody waits for what will never come; the error names the node and what was last said."""
    told: list[tuple[str, Any]] = []
    channel = Channel("beside", gateway, lambda *event: told.append(event))
    pid = channel.call("agent.ping")
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            run(channel, "sleep", "100", timeout=100.0)
        except ProbeDied as error:
            failures.append(error)

    waiting = [threading.Thread(target=wait) for _ in range(3)]
    for thread in waiting:
        thread.start()
    Path(f"/proc/{pid}/fd/2").write_text("out of\x1b[2J memory\n", encoding="utf-8")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not channel.last_words:
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    for thread in waiting:
        thread.join(5.0)
    assert len(failures) == 3
    assert "beside" in str(failures[0])
    assert "out of memory" in str(failures[0])
    assert not channel.alive
    assert [name for name, _ in told] == ["failed"]
    with pytest.raises(ProbeDied):
        channel.call("agent.ping")


def test_a_probe_that_does_not_answer_is_not_waited_for_for_ever(
    gateway: execnet.Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen probe costs the operation's own time and some patience, and is named."""
    channel = Channel("beside", gateway, lambda name, value: None)
    pid = channel.call("agent.ping")
    monkeypatch.setattr(channel_module, "PATIENCE", 0.3)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(DeadlinePassed, match="beside"):
            channel.call("agent.ping")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_was_set_is_undone_by_a_probe_that_loses_its_caller(
    gateway: execnet.Gateway, tmp_path: Path
) -> None:
    """When this process dies, the probe still undoes what it set on the node, the last first."""
    channel = Channel("beside", gateway, lambda name, value: None)
    log = tmp_path / "undone"
    for word in ("first", "second", "third"):
        argv = ["sh", "-c", f"echo {word} >> {log}"]
        number = channel.call(
            "agent.undo_when_dead", name="processes.run", arguments={"argv": argv, "timeout": 5.0}
        )
        if word == "second":
            channel.call("agent.forget_undo", number=number)
    gateway._io.close_write()  # as the end of this process would
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (not log.exists() or "first" not in log.read_text()):
        time.sleep(0.01)
    assert log.read_text().split() == ["third", "first"]


def test_a_process_in_the_background_is_watched_and_ended(channel: Channel) -> None:
    """Its output grows, its end is seen, and a trap does not save it from being stopped."""
    number, pid = channel.call("processes.spawn", argv=["sh", "-c", "trap '' TERM; echo up; sleep 100"])
    while b"up" not in channel.call("processes.poll", number=number)["stdout"]:
        time.sleep(0.005)
    assert channel.call("processes.poll", number=number)["status"] is None
    assert channel.call("processes.cpu_seconds", number=number) < 5.0
    assert channel.call("processes.stop", within=3.0, number=number)["status"] == -signal.SIGKILL
    assert not _runs(pid)


def test_a_socket_that_another_thread_closes_stops_those_who_wait(channel: Channel) -> None:
    """Closing is not held up by a reader, and the reader learns of it."""
    listener = channel.call("sockets.listen", port=0, address="127.0.0.1", backlog=1)
    failures: list[BaseException] = []

    def accept() -> None:
        try:
            channel.call("sockets.accept", within=5.0, number=listener["number"], timeout=5.0)
        except OSError as error:
            failures.append(error)

    waiting = threading.Thread(target=accept)
    waiting.start()
    time.sleep(0.1)
    channel.call("sockets.close", number=listener["number"])
    waiting.join(30.0)
    assert [type(error) for error in failures] == [OSError]
