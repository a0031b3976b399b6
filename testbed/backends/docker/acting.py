"""Acts on a node as a whole: commands in its own container, logs, state, signals."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from testbed.backends.base import Handle, NodeState
from testbed.backends.docker.client import Engine, engine
from testbed.backends.docker.compose_cli import docker_command
from testbed.errors import NodeExited

LAST_WORDS = 20
"""How many lines of a node's log an error quotes."""


def container_of(handle: Handle, node: str) -> str:
    """Return the container of a node; raise NodeExited where it has none (any more)."""
    name = handle.topology.node(node).name
    try:
        return handle.containers[name]
    except KeyError as error:
        raise NodeExited(
            f"act on node {name}", "it has no container: it was removed, or never started"
        ) from error


def state(engine_: Engine, handle: Handle, node: str) -> NodeState:
    """Ask the engine what a node is doing."""
    from docker.errors import NotFound

    identity = handle.containers.get(handle.topology.node(node).name)
    if identity is None:
        return NodeState("missing")
    with engine(f"look at node {node}"):
        try:
            seen = engine_.client.inspect_container(identity)["State"]
        except NotFound:
            return NodeState("missing")
    health = (seen.get("Health") or {}).get("Status")
    ended = seen["Status"] in ("exited", "dead")
    return NodeState(
        status=seen["Status"],
        exit_code=int(seen["ExitCode"]) if ended else None,
        health=health if health in ("healthy", "unhealthy", "starting") and not ended else None,
        out_of_memory=bool(seen.get("OOMKilled")),
    )


def why_not_started(engine_: Engine, container: str) -> str:
    """Return why the engine could not start a container; nothing where it could, or was not asked to.

    Of what the engine says only the end is about the node: ``exec: "/nosuch": stat …``.
    """
    with engine("look at a node that was not started"):
        said = str(engine_.client.inspect_container(container)["State"].get("Error") or "")
    return said[said.find("exec: ") :] if "exec: " in said else said


def mac_of(engine_: Engine, handle: Handle, node: str, network: str) -> str:
    """Return the MAC that the engine gave a node's interface on a network of the file."""
    from testbed.backends.docker.attaching import network_names

    full = network_names(engine_, handle.project).get(network)
    with engine(f"look at node {node}"):
        seen = engine_.client.inspect_container(container_of(handle, node))["NetworkSettings"]["Networks"]
    mac = (seen.get(full.name if full else network) or {}).get("MacAddress")
    if not mac:
        raise NodeExited(
            f"find the interface of node {node} on {network}", "the engine has it on that network no more"
        )
    return str(mac)


def logs(engine_: Engine, container: str, tail: int | None = None) -> bytes:
    """Return what a container wrote, standard output and error in order."""
    with engine("read a node's log"):
        answer = engine_.client.logs(
            container, stdout=True, stderr=True, tail="all" if tail is None else tail
        )
    return bytes(answer)


def last_words(engine_: Engine, container: str) -> str:
    """Return the end of a log as text, indented to be quoted."""
    from testbed.text import clean

    text = clean(logs(engine_, container, LAST_WORDS).decode(errors="replace")).rstrip()
    return "\n".join(f"    {line}" for line in text.splitlines()) or "    (it said nothing)"


UNFROZEN, TRIES = "unable to freeze", 5
"""What runc says where a process of the node began just then (a health check): then it is tried again."""


def _ask(engine_: Engine, verb: str, container: str, arguments: dict[str, str]) -> None:
    from docker.errors import APIError

    ask = getattr(engine_.client, verb)
    for left in reversed(range(TRIES)):
        try:
            ask(container, **arguments)
        except APIError as error:
            if not left or UNFROZEN not in str(error):
                raise
        else:
            return


def act(engine_: Engine, verb: str, handle: Handle, node: str, **arguments: str) -> None:
    """Kill, pause or unpause a node; raise NodeExited where it does not run."""
    from docker.errors import APIError, NotFound

    container = container_of(handle, node)
    with engine(f"{verb} node {node}"):
        try:
            _ask(engine_, verb, container, arguments)
        except NotFound as error:
            raise NodeExited(f"{verb} node {node}", f"it {NodeState('missing').described()}") from error
        except APIError as error:
            seen = state(engine_, handle, node)
            if error.status_code in (409, 500) and not seen.running:
                raise NodeExited(f"{verb} node {node}", f"it {seen.described()}") from error
            raise


def on_terminal(engine_: Engine, arguments: Sequence[str]) -> int:
    """Run the docker command on our terminal, in our foreground: Ctrl-C is the user's word to it."""
    command = [docker_command(), *arguments]
    return subprocess.run(command, env={**os.environ, **engine_.environment()}, check=False).returncode
