"""The connections to the engine: one for each thread."""

from __future__ import annotations

import threading

import pytest

from testbed.backends.docker import client as client_module
from testbed.backends.docker.client import Engine


class Looked(threading.Thread):
    """A thread that has a connection; who asks whether it has ended lets another one connect meanwhile."""

    def __init__(self, looking: threading.Event, other: threading.Thread) -> None:
        super().__init__()
        self.looking = looking
        self.other = other

    def is_alive(self) -> bool:
        """Say that it lives, once the other has had the time to connect."""
        self.looking.set()
        self.other.join(0.3)
        return True


def test_a_connection_is_made_while_another_thread_looks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes a lab down asks from many threads at once: none of them meets a table that changes."""
    engine, connecting, looking = Engine(), threading.Event(), threading.Event()
    made: list[object] = []

    def connect(*_: object) -> object:
        if threading.current_thread() is other:
            connecting.set()
            looking.wait(30)
        made.append(object())
        return made[-1]

    monkeypatch.setattr(engine, "_pin", lambda: (None, ""))
    monkeypatch.setattr(client_module, "_connect", connect)
    monkeypatch.setattr(client_module, "_close_all", lambda clients: None)
    other = threading.Thread(target=lambda: engine.client)
    other.start()
    assert connecting.wait(30)
    engine._clients[Looked(looking, other)] = object()  # type: ignore[assignment]
    assert engine.client in made
    other.join(30)
    assert len(made) == 2
    engine._clients.clear()
