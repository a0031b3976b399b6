"""Progress: what moves only on a terminal, and plain lines that say what matters elsewhere."""

from __future__ import annotations

import io

import pytest

from testbed.backends.base import Progress
from testbed.progress import Moving, Plain, display
from testbed.terminal import Terminal, terminal_of


class Stream(io.StringIO):
    """A stream that may be a terminal."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        """Whether it is one."""
        return self._tty

    encoding = "utf-8"


@pytest.mark.parametrize(
    ("tty", "environment", "live", "colour"),
    [
        (True, {"TERM": "xterm"}, True, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        (True, {"TERM": "xterm", "CI": "true"}, False, False),
        (True, {"TERM": "dumb"}, False, False),
        (True, {}, False, False),
        (False, {"TERM": "xterm"}, False, False),
    ],
)
def test_what_a_stream_can_show(tty: bool, environment: dict[str, str], live: bool, colour: bool) -> None:
    """Colours and movement only where somebody watches a terminal that knows them."""
    terminal = terminal_of(Stream(tty=tty), environment)
    assert (terminal.live, terminal.colour) == (live, colour)


def test_plain_lines_tell_what_takes_long_or_goes_wrong() -> None:
    """A build and a node that ends are told; each step of each network is not."""
    stream = Stream(tty=False)
    shown = Plain(stream)
    shown.lab("one", Progress("network", "lan-a", "created"))
    shown.lab("one", Progress("image", "testbed/host:1", "building"))
    shown.lab("one", Progress("node", "client", "exited", "with 1"))
    shown.lab_is_up("one", 5, 1.25)
    shown.lab_is_up("two", 1, 0.5)
    assert stream.getvalue().splitlines() == [
        "lab one: image testbed/host:1 building",
        "lab one: node client exited: with 1",
        "lab one is up: 5 nodes in 1.2 s",
        "lab two is up: 1 node in 0.5 s",
    ]


def test_what_a_node_says_cannot_take_over_the_terminal() -> None:
    """Control characters in what comes from outside are taken out, in both kinds of progress."""
    for make in (
        Plain,
        lambda stream: Moving(stream, Terminal(live=True, colour=False, width=80, ascii=False)),
    ):
        stream = Stream(tty=True)
        with make(stream) as shown:
            shown.note("\x1b]0;owned\x07 hello")
        assert "\x1b]0;" not in stream.getvalue()
        assert "hello" in stream.getvalue()


def test_what_moves_is_gone_at_the_end() -> None:
    """The lines of progress are cleared, so that what stays on the screen are the verdicts."""
    stream = Stream(tty=True)
    with Moving(stream, Terminal(live=True, colour=False, width=80, ascii=False)) as shown:
        shown.planned(3)
        shown.lab("one", Progress("node", "client", "starting"))
        shown.lab_is_up("one", 5, 1.0)
    assert stream.getvalue().endswith("\x1b[2K")


def test_a_pipe_gets_plain_lines() -> None:
    """The display is chosen by what the stream is."""
    assert isinstance(display(Stream(tty=False)), Plain)
