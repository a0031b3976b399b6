"""The lesson's two programs, over the loopback interface: no Docker, no root."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.setup.by_hand import ROOT

SERVER, CLIENT = (str(ROOT / "images/host" / name) for name in ("echo_server.py", "echo_client.py"))
DEADLINE = 10.0  # seconds


class Server:
    """A running echo server: its port, and what it says line by line."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", SERVER, "--host", "127.0.0.1", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.port = int(self.line().split(":")[1].split(",")[0])

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def until(self, ending: str) -> list[str]:
        """What it prints up to the line that ends so."""
        lines = [self.line()]
        while lines[-1] and not lines[-1].endswith(ending):
            lines.append(self.line())
        return lines

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)


@contextlib.contextmanager
def server(*options: str) -> Iterator[Server]:
    """Run an echo server, and end it with SIGTERM, upon which it exits with 0."""
    running = Server(*options)
    try:
        yield running
    finally:
        running.process.terminate()
        status = running.process.wait(DEADLINE)
        assert running.process.stdout is not None
        running.process.stdout.close()
    assert status == 0


def hear(connection: socket.socket, count: int) -> bytes:
    """Read `count` bytes, or fewer if the stream ends."""
    heard = b""
    while len(heard) < count and (data := connection.recv(count - len(heard))):
        heard += data
    return heard


def is_quiet(connection: socket.socket) -> bool:
    """Whether nothing comes within a fifth of a second."""
    return not select.select([connection], [], [], 0.2)[0]


def run_client(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the client to its end."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", CLIENT, "--host", "127.0.0.1", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("farewell", [b"q", b"q\n", b"q\r\n"])
def test_q_ends_a_conversation(farewell: bytes) -> None:
    """After `q` the server closes, echoes it to nobody, and serves the next."""
    with server() as echo:
        for _ in range(2):
            with echo.connect() as client:
                client.sendall(b"hello\n")
                assert hear(client, 6) == b"hello\n"
                client.sendall(farewell)
                assert hear(client, 1) == b""
        assert [line.split(" ", 1)[1] for line in echo.until("goodbye")] == [
            "is connected",
            r"said 'hello\n': 6 bytes sent back",
            "said q: goodbye",
        ]


def test_a_client_that_goes_away_ends_its_conversation() -> None:
    """The end of the stream is no message: the server says goodbye and serves the next."""
    with server() as echo:
        echo.connect().close()
        assert echo.until("has gone away")
        with echo.connect() as client:
            client.sendall(b"still there?")
            assert hear(client, 12) == b"still there?"


def test_a_client_that_breaks_off_ends_only_its_own_conversation() -> None:
    """A reset is told in the log, and the next client is served."""
    with server() as echo:
        client = echo.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        echo.until("is connected")
        client.close()
        assert "broke off: Connection reset by peer" in echo.line()
        with echo.connect() as client:
            client.sendall(b"next")
            assert hear(client, 4) == b"next"


def test_a_character_across_two_buffers_stays_whole() -> None:
    """A Chinese text longer than the buffer comes back unchanged, and no log line has half a character."""
    text = "路由器" * 500  # 4500 bytes: 1024 is no multiple of 3
    with server() as echo, echo.connect() as client:
        client.sendall(text.encode())
        assert hear(client, len(text.encode())).decode() == text
        client.shutdown(socket.SHUT_WR)
        said = echo.until("has gone away")[1:-1]
    assert "".join(line.split("'")[1] for line in said) == text


def test_one_client_after_another() -> None:
    """A second client is connected at once, and heard when the first has ended."""
    with server() as echo, echo.connect() as first, echo.connect() as second:
        second.sendall(b"my turn?")
        first.sendall(b"me first")
        assert hear(first, 8) == b"me first"
        assert is_quiet(second)
        first.sendall(b"q")
        assert hear(second, 8) == b"my turn?"


def test_concurrent_serves_all_at_once() -> None:
    """With --concurrent no client waits for another."""
    with server("--concurrent", "--backlog", "50") as echo, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(echo.connect()) for _ in range(20)]
        for client in reversed(clients):
            client.sendall(b"hello")
            assert hear(client, 5) == b"hello"


def test_talk_hears_every_line_unchanged() -> None:
    """`talk` shows each line said and heard, and exits with 0."""
    with server() as echo:
        talk = run_client("talk", "--port", str(echo.port))
    assert talk.returncode == 0, talk.stderr
    assert "> 你好，世界\n< 你好，世界\n" in talk.stdout
    assert talk.stdout.endswith("every line came back unchanged\n")


def test_talk_notices_a_changed_line() -> None:
    """Against a server that answers in upper case, `talk` marks each such line and exits with 1."""

    def shout(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while (data := connection.recv(1024)) not in (b"", b"q\n"):
                connection.sendall(data.upper())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shout, args=(listener,))
        thread.start()
        talk = run_client("talk", "--port", str(listener.getsockname()[1]))
        thread.join(DEADLINE)
    assert talk.returncode == 1
    assert "< HELLO, SERVER   (this is not what was said)" in talk.stdout


def test_talk_to_nobody() -> None:
    """Where nobody listens, `talk` says so on standard error and exits with 1."""
    with socket.socket() as taken:  # bound, so that nobody else gets it, and it does not listen
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        talk = run_client("talk", "--port", str(port))
    assert talk.returncode == 1
    assert talk.stderr == f"127.0.0.1:{port}: [Errno 111] Connection refused\n"


def test_a_server_that_leaves_in_the_middle() -> None:
    """A connection closed before the answer is an error with a sentence, not a client that waits."""

    def leave(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=leave, args=(listener,))
        thread.start()
        talk = run_client("talk", "--port", str(listener.getsockname()[1]))
        thread.join(DEADLINE)
    assert talk.returncode == 1
    assert "the server closed the connection before it had answered" in talk.stderr


@pytest.mark.parametrize("typed", ["一二三\n\nq\nnever said\n", "一二三\n\n"])
def test_typing(typed: str) -> None:
    """Each typed line is echoed, an empty one too; `q` or the end of the input ends it with 0."""
    with server() as echo:
        talk = run_client("--port", str(echo.port), typed=typed)
        log = echo.until("goodbye")
    assert talk.returncode == 0, talk.stderr
    assert "> < 一二三\n> < \n" in talk.stdout
    assert [line.split(" ", 1)[1] for line in log[1:]] == [
        r"said '一二三\n': 10 bytes sent back",
        r"said '\n': 1 bytes sent back",
        "said q: goodbye",
    ]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_wait_ends_when_told_to(how: signal.Signals) -> None:
    """`wait` idles until SIGTERM or Ctrl-C and exits with 0."""
    with subprocess.Popen([sys.executable, CLIENT, "wait"], stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("waiting")
        waiting.send_signal(how)
        assert waiting.wait(DEADLINE) == 0
