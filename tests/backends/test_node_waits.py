"""Waiting for what the kernel says: so many sockets of a kind, a counter that grows."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.errors import DeadlinePassed, Unsupported
from testbed.lab import Lab

pytestmark = pytest.mark.docker

PORT = 9765


def test_sockets_of_a_kind_are_waited_for(lab: Lab) -> None:
    """Until there are enough, until there are none; what there is instead is told."""
    kind: dict[str, Any] = {"state": ["ESTABLISHED"], "local_port": PORT}
    with lab.server.listen(PORT) as listener:
        streams = [lab.client.connect(lab.server, PORT) for _ in range(2)]
        assert lab.server.await_sockets(least=2, **kind) == 2
        with pytest.raises(DeadlinePassed, match="2 sockets"):
            lab.server.await_sockets(most=0, timeout=0.05, **kind)
        streams += [listener.accept() for _ in range(2)]
        for stream in streams:
            stream.reset()
        assert lab.server.await_sockets(most=0, **kind) == 0


def test_a_counter_is_waited_for(lab: Lab) -> None:
    """Until it has grown to a number; what it is instead is told, and that a kernel has no such counter."""
    before = lab.client.counters()["TcpActiveOpens"]
    with pytest.raises(DeadlinePassed, match=f"TcpActiveOpens is {before}"):
        lab.client.await_counter("TcpActiveOpens", before + 1, timeout=0.05)
    lab.client.tcp_echo(lab.server, b"one")
    assert lab.client.await_counter("TcpActiveOpens", before + 1) == before + 1
    with pytest.raises(Unsupported, match="TcpNonsense"):
        lab.client.await_counter("TcpNonsense", 1)
