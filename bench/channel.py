"""A command on a node, through the channel to its probe, against `docker exec` into the same node.

    python -m bench.channel

The same command, `true`, by turns, so that what else the machine does meets both; medians are
compared. Beside it the smallest request there is, which needs no process. `measure()` returns the
numbers.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from testbed.compose import shipped_file
from testbed.lab import Lab

ROUNDS = 60
RUNS_FOR_EACH_EXEC = 5
LEAST_RATIO = 10.0
"""How many times faster than `docker exec` at least."""


def measure(rounds: int = ROUNDS) -> dict[str, float | int]:
    """Return milliseconds (medians) of a request, a command and `docker exec`, and their ratio."""
    with Lab.up(shipped_file(), "bench-channel") as lab:
        client = lab.client
        container = lab.handle.containers["client"]
        client.run(["true"])
        requests, commands, execs = [], [], []
        for _ in range(rounds):
            execs.append(milliseconds(lambda: docker_exec(container)))
            for _ in range(RUNS_FOR_EACH_EXEC):
                commands.append(milliseconds(lambda: client.run(["true"])))
                requests.append(milliseconds(lambda: client.call("agent.ping")))
    command, docker = statistics.median(commands), statistics.median(execs)
    return {
        "rounds": rounds,
        "request_ms": round(statistics.median(requests), 3),
        "command_ms": round(command, 3),
        "docker_exec_ms": round(docker, 3),
        "ratio": round(docker / command, 1),
        "ratio_least": LEAST_RATIO,
    }


def docker_exec(container: str) -> None:
    """Run `true` in a container, as one would from a script."""
    subprocess.run(["docker", "exec", container, "true"], check=True, stdin=subprocess.DEVNULL)


def milliseconds(do: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    do()
    return (time.perf_counter() - begun) * 1e3


def main() -> int:
    """Print the numbers; 1 where the ratio is less than it must be."""
    found = measure()
    print(json.dumps(found, indent=2))
    return 0 if found["ratio"] >= LEAST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
