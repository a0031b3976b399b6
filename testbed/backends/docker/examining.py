"""Whether this machine's Docker can run labs: looked at, and tried in a container that is gone afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator

from testbed.backends.base import Examined, Fitness
from testbed.backends.docker import images, labels
from testbed.backends.docker.client import Engine
from testbed.backends.docker.compose_cli import compose_version, docker_command
from testbed.backends.owner import Owner
from testbed.errors import TestbedError

PATIENCE = 120
"""Seconds that trying the kernel's features may take."""

TRIED = {
    "nftables": ("nft add table netdev t", "faults: losing, dropping and limiting packets", True),
    "nft_numgen": (
        "nft 'table inet t { chain c { numgen inc mod 2 0 counter drop; }; }'",
        "losing the nth packet and no other",
        True,
    ),
    "raw sockets": (
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
        "recording frames",
        True,
    ),
    "sysctls of a node": ("test -w /sysnet/ipv4/ip_forward", "changing a node's settings", True),
    "bridge": ("ip link add testbed0 type bridge", "a node that is a switch", False),
    "sch_tbf": (
        "tc qdisc replace dev lo root tbf rate 1mbit burst 10kb latency 50ms",
        "a slow line",
        False,
    ),
    "sch_netem": ("tc qdisc replace dev lo root netem delay 1ms", "delay on a line", False),
}
"""Feature of the kernel -> a command that needs it, what we use it for, whether nothing goes without."""


def examine(engine: Engine, others: Iterable[str] = ()) -> Iterator[Examined]:
    """Look at the engine, Compose, the images (ours and others) and the kernel, one after another.

    What rests on something that is missing is not looked at.
    """
    yield (first := _asked("Docker engine", lambda: _engine(engine)))
    yield _asked("Docker Compose", lambda: compose_version(docker_command()))
    if first.fitness is not Fitness.GOOD:
        return
    here = images.present(engine)
    for image in images.OURS:
        if image in here:
            yield Examined(f"image {image}", Fitness.GOOD, "is here")
        else:
            yield Examined(f"image {image}", Fitness.LACKING, "is not here yet", "it is built on first use")
    for image in others:
        if image in here:
            yield Examined(f"image {image}", Fitness.GOOD, "is here")
        else:
            hint = f"it is pulled on first use, where a registry can be reached; or: docker pull {image}"
            yield Examined(f"image {image}", Fitness.LACKING, "is not here", hint)
    if images.PROBE in here:
        yield from _kernel(engine)


def _engine(engine: Engine) -> str:
    return f"{engine.version.get('Version')} at {engine.url}"


def _asked(subject: str, ask: Callable[[], str]) -> Examined:
    try:
        return Examined(subject, Fitness.GOOD, ask())
    except TestbedError as exc:
        return Examined(subject, Fitness.BAD, exc.seen or str(exc), exc.hint)


def _kernel(engine: Engine) -> Iterator[Examined]:
    """Try each feature in one probe with a network namespace of its own."""
    script = "\n".join(
        f"if {command} >/tmp/said 2>&1; then echo yes; else echo no $(head -n 1 /tmp/said); fi"
        for command, _, _ in TRIED.values()
    )
    ours = {labels.LAB: "doctor", labels.OWNER: str(Owner.current()), labels.ROLE: labels.ROLE_HELPER}
    answer = subprocess.run(
        [
            docker_command(), "run", "--rm", "--pull=never", "--network=none",
            "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add=NET_RAW",
            "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp",
            "--volume=/proc/sys/net:/sysnet", *labels.arguments(ours), images.PROBE, "sh", "-c", script,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        env={**os.environ, **engine.environment()}, check=False, timeout=PATIENCE,
    )  # fmt: skip
    lines = answer.stdout.splitlines()
    if len(lines) != len(TRIED):
        yield Examined("kernel", Fitness.BAD, answer.stderr.strip() or "the probe said nothing")
        return
    for (feature, (_, use, needed)), line in zip(TRIED.items(), lines, strict=True):
        if line == "yes":
            yield Examined(f"kernel: {feature}", Fitness.GOOD, use)
        else:
            fitness = Fitness.BAD if needed else Fitness.LACKING
            hint = (
                f"as root on the engine's machine: modprobe {feature}"
                if feature.startswith(("sch_", "nft_"))
                else ""
            )
            yield Examined(f"kernel: {feature}", fitness, f"not there, for {use}: {line[3:]}", hint)
