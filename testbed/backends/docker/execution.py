"""A command in a node's own container: bytes in, bytes out, exit code.

The engine's exec is an HTTP request that turns into a raw connection: what we write there
is the command's input, what we read are frames of eight bytes of header (stream, three
zeros, length) and their data (Docker Engine API, "Attach to a container", Stream format).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

from testbed.backends.base import Executed, Handle, NodeState
from testbed.backends.docker import acting
from testbed.backends.docker.client import Engine, engine
from testbed.errors import CommandMissing, DeadlinePassed, NodeExited, UsageError

CHUNK = 65536
STDERR = 2
NOT_FOUND = 127
NOT_EXECUTABLE = 126
GONE = 404
"""HTTP: what was asked for is not there."""

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What the engine gives a container whose image sets no PATH."""


def execute(
    engine_: Engine,
    handle: Handle,
    node: str,
    argv: Sequence[str],
    to_send: bytes | None,
    timeout: float | None,
    user: str | None,
) -> Executed:
    """Run a command in a node's container and wait for its end.

    timeout: seconds; the engine cannot end a command, so one that runs longer goes on after
    DeadlinePassed was raised. Raises NodeExited where the node does not run, CommandMissing where
    the container holds no such command.
    """
    what = f"run {argv[0] if argv else 'nothing'} in node {node}"
    if not argv:
        raise UsageError(what, "no command was given")
    identity = _create(engine_, handle, node, argv, to_send is not None, user, what)
    with engine(what):
        connection = engine_.client.exec_start(identity, socket=True)
    try:
        deadline = None if timeout is None else time.monotonic() + timeout
        stdout, stderr = _converse(_raw(connection), to_send or b"", deadline, what)
    finally:
        _close(connection)
    with engine(what):
        status = engine_.client.exec_inspect(identity)["ExitCode"]
    if status in (NOT_FOUND, NOT_EXECUTABLE) and b"OCI runtime exec failed" in stdout + stderr:
        raise missing(handle, node, argv)
    return Executed(int(status), stdout, stderr)


def missing(handle: Handle, node: str, argv: Sequence[str]) -> CommandMissing:
    """The error for a command that the node's image does not hold."""
    image = handle.topology.node(node).image or "(built by Compose)"
    return CommandMissing(f"run {argv[0]} in node {node}", f"its image {image} holds no such command")


def holds(engine_: Engine, container: str, command: str) -> bool:
    """Say, without running anything, whether a container has a command of that name in its PATH.

    One that is named by its path is taken to be there. Of what the engine cannot tell (a PATH on a tmpfs)
    only the run itself could.
    """
    if "/" in command:
        return True
    with engine(f"look for {command}"):
        client = engine_.client
        variables = client.inspect_container(container)["Config"].get("Env") or []
        path = next((one.partition("=")[2] for one in variables if one.startswith("PATH=")), USUAL_PATH)
        archive = f"{client.base_url}/v{client.api_version}/containers/{container}/archive"
        return any(
            client.head(archive, params={"path": f"{folder}/{command}"}).status_code != GONE
            for folder in path.split(":")
            if folder
        )


def _create(
    engine_: Engine,
    handle: Handle,
    node: str,
    argv: Sequence[str],
    wants_input: bool,
    user: str | None,
    what: str,
) -> str:
    from docker.errors import APIError, NotFound

    container = acting.container_of(handle, node)
    with engine(what):
        try:
            created = engine_.client.exec_create(container, list(argv), stdin=wants_input, user=user or "")
        except NotFound as error:
            raise NodeExited(what, f"the node {NodeState('missing').described()}") from error
        except APIError as error:
            if error.status_code == 409:
                seen = acting.state(engine_, handle, node)
                raise NodeExited(what, f"the node {seen.described()}") from error
            raise
    return str(created["Id"])


def _converse(
    connection: socket.socket, to_send: bytes, deadline: float | None, what: str
) -> tuple[bytes, bytes]:
    """Write the input while reading the output: either may be larger than the pipes between hold."""
    connection.setblocking(False)
    unsent, unread = memoryview(to_send), bytearray()
    ended_input = False
    streams: dict[int, list[bytes]] = {}
    while True:
        if not unsent and not ended_input:
            connection.shutdown(socket.SHUT_WR)
            ended_input = True
        remaining = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        readable, writable, _ = select.select([connection], [connection] if unsent else [], [], remaining)
        if not readable and not writable:
            so_far = sum(len(part) for parts in streams.values() for part in parts)
            raise DeadlinePassed(what, f"it still runs; {so_far} bytes of output until now")
        if writable:
            unsent = unsent[_send(connection, unsent) :]
        if readable:
            data = connection.recv(CHUNK)
            if not data:
                break
            unread += data
            for stream, part in _frames(unread):
                streams.setdefault(stream, []).append(part)
    stderr = b"".join(streams.pop(STDERR, ()))
    return b"".join(part for parts in streams.values() for part in parts), stderr


def _send(connection: socket.socket, data: memoryview) -> int:
    """Send some; a command that closed its input gets no more."""
    try:
        return connection.send(data[:CHUNK])
    except (BrokenPipeError, ConnectionResetError):
        return len(data)


def _frames(unread: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames from the front of what was read."""
    while len(unread) >= 8:
        stream, length = struct.unpack_from(">BxxxI", unread)
        if len(unread) < 8 + length:
            return
        yield stream, bytes(unread[8 : 8 + length])
        del unread[: 8 + length]


def _raw(connection: Any) -> socket.socket:
    """Return the socket below what the SDK hands out, which is one of several wrappers of it."""
    inner = getattr(connection, "_sock", connection)
    if not isinstance(inner, socket.socket):
        raise UsageError(
            "run a command in a node", f"not over a connection of this kind: {type(inner).__name__}"
        )
    return inner


def _close(connection: Any) -> None:
    """Close the response that the connection was born of, then the connection."""
    response = getattr(connection, "_response", None)
    if response is not None:
        response.close()
    with contextlib.suppress(OSError):  # closed by the other end already
        connection.close()
