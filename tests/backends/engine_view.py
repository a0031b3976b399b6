"""An independent look at the engine, through the docker command, and small Compose files to start."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from testbed.claims import claim

LABS = Path(__file__).parent.parent / "labs"


@functools.cache
def why_no_engine() -> str | None:
    """Why the tests with an engine cannot run; None where they can."""
    try:
        answer = subprocess.run(["docker", "compose", "ls"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no docker command"
    return None if answer.returncode == 0 else answer.stderr.strip()


def docker(*arguments: str, **environment: str) -> str:
    """Run the docker command; return what it printed."""
    answer = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def remains(lab: str) -> list[str]:
    """List everything that bears a lab's label."""
    seen = []
    for kind, arguments in {
        "container": ["ps", "--all", "--format={{.Names}}"],
        "network": ["network", "ls", "--format={{.Name}}"],
        "volume": ["volume", "ls", "--format={{.Name}}"],
    }.items():
        listing = docker(*arguments, f"--filter=label=testbed.lab={lab}")
        seen += [f"{kind} {line}" for line in listing.split()]
    return seen


def until(condition: Callable[[], object], what: str, deadline: float = 60.0) -> None:
    """Wait for a condition; fail, saying for what, after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not so after {deadline:g} s: {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def wiping_alone() -> Iterator[None]:
    """Let one test at a time kill an owner and wipe, over all processes: each wipes what the others left."""
    with contextlib.ExitStack() as held:
        until(lambda: held.enter_context(claim("a test of wipe")), "no other test of wipe runs", deadline=500)
        yield


def small_lab(folder: Path, services: dict[str, dict[str, object]], **more: object) -> Path:
    """Write a Compose file of hosts on one LAN; what a service says of its own goes first."""
    host = {"image": "testbed/host:1", "init": True, "cap_drop": ["ALL"], "networks": ["lan"]}
    document = {
        "name": "small",
        "networks": {
            "lan": {
                "driver_opts": {"com.docker.network.bridge.inhibit_ipv4": "true"},
                "ipam": {"config": [{"subnet": "${TESTBED_NET:-172.16}.70.0/24"}]},
            }
        },
        "services": {name: {**host, **given} for name, given in services.items()},
        **more,
    }
    file = folder / "compose.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file
