"""Asking the engine to freeze a node in which a process begins at that moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from testbed.backends.docker.acting import TRIES, _ask

DISTURBED = "OCI runtime pause failed: unable to freeze: unknown"


def asked(said: str, times: int) -> list[str]:
    """Pause by an engine that refuses some times, saying why; what it was asked."""
    calls: list[str] = []

    def pause(container: str) -> None:
        calls.append(container)
        if len(calls) <= times:
            raise APIError(said)

    engine: Any = SimpleNamespace(client=SimpleNamespace(pause=pause))
    _ask(engine, "pause", "abc", {})
    return calls


def test_it_is_tried_again() -> None:
    """Until it works."""
    assert asked(DISTURBED, times=2) == ["abc"] * 3


@pytest.mark.parametrize(("said", "times"), [(DISTURBED, TRIES), ("no such container", 1)])
def test_what_lasts_or_is_something_else_is_raised(said: str, times: int) -> None:
    """After some tries, or at once."""
    with pytest.raises(APIError, match=said):
        asked(said, times)
