"""How long a lab takes to come up and to go, against plain Docker Compose on the same file.

    python -m bench.lifecycle

Both are given the same nodes and the same variables; runs alternate, so that what else the
machine does meets both; medians are compared. `measure()` returns the numbers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from testbed.compose import load, shipped_file
from testbed.lab import Lab
from testbed.reachability import ping_all

ROUNDS = 5
PLAIN_PREFIX = "10.251"
LIMIT = 1.25
"""`up` and `down` may take at most so many times as long as plain Compose."""

LANS = 4
HOSTS = 50


def measure(rounds: int = ROUNDS) -> dict[str, float | int]:
    """Return seconds (medians), the ratio, and the numbers of the large lab."""
    Lab.up(shipped_file(), "bench-warm").down()
    ours_up, ours_down, plain_up, plain_down = [], [], [], []
    for number in range(rounds):
        begun = time.perf_counter()
        lab = Lab.up(shipped_file(), f"bench-{number}")
        up = time.perf_counter()
        lab.down()
        ours_up.append(up - begun)
        ours_down.append(time.perf_counter() - up)
        up_time, down_time = plain(shipped_file())
        plain_up.append(up_time)
        plain_down.append(down_time)
    ours = statistics.median(u + d for u, d in zip(ours_up, ours_down, strict=True))
    theirs = statistics.median(u + d for u, d in zip(plain_up, plain_down, strict=True))
    return {
        "rounds": rounds,
        "testbed_up_s": round(statistics.median(ours_up), 3),
        "testbed_down_s": round(statistics.median(ours_down), 3),
        "compose_up_s": round(statistics.median(plain_up), 3),
        "compose_down_s": round(statistics.median(plain_down), 3),
        "ratio": round(ours / theirs, 3),
        "ratio_limit": LIMIT,
        **large_lab(),
    }


def plain(file: Path) -> tuple[float, float]:
    """Run `docker compose up -d` and `down` on the file; return the seconds of each."""
    variables = {"TESTBED_NET": PLAIN_PREFIX, "TESTBED_CLIENT": "wait"}
    services = [node.service for node in load(file, variables).nodes]
    command = ["docker", "compose", "--project-name", "bench-plain", "--file", str(file)]
    begun = time.perf_counter()
    try:
        _run([*command, "up", "--detach", *services], variables)
        up = time.perf_counter()
    finally:
        _run([*command, "down"], variables)
    return up - begun, time.perf_counter() - up


def large_lab() -> dict[str, float | int]:
    """Start 50 hosts on four LANs around one router, and have one of them reach all others."""
    with tempfile.TemporaryDirectory(prefix="bench-large-") as folder:
        file = Path(folder, "compose.yaml")
        file.write_text(json.dumps(large_file()), encoding="utf-8")
        begun = time.perf_counter()
        with Lab.up(file, "bench-large", deadline=300) as lab:
            up = time.perf_counter()
            lab.open("host-1")
            opened = time.perf_counter()
            hosts = [node.name for node in lab if node.name != "router"]
            seen = ping_all(lab, sources=["host-1"], targets=hosts, timeout=2)
            reached = time.perf_counter()
            unreached = seen.unreached
            if unreached:
                raise AssertionError(f"host-1 did not reach {', '.join(ping.target for ping in unreached)}")
        down = time.perf_counter()
    return {
        "large_hosts": len(hosts),
        "large_up_s": round(up - begun, 3),
        "large_probe_s": round(opened - up, 3),
        "large_reach_all_s": round(reached - opened, 3),
        "large_down_s": round(down - reached, 3),
    }


def large_file() -> dict[str, object]:
    """Return the Compose file of the large lab: the recipe of the default one, with more of it."""
    net = "${TESTBED_NET:-172.16}"
    lan = {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.inhibit_ipv4": "true",
        "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
        "com.docker.network.advertise_addr_nmsgs": "0",
    }
    confined = {"cap_drop": ["ALL"], "read_only": True, "init": True, "stop_grace_period": "2s"}
    router = {
        **confined,
        "image": "testbed/router:1",
        "cap_add": ["NET_ADMIN"],
        "environment": {"ROUTER_ADDRESSES": " ".join(f"{net}.{lan}0.1/24" for lan in range(1, LANS + 1))},
        "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.rp_filter": 0},
        "networks": {f"lan-{lan}": {} for lan in range(1, LANS + 1)},
        "healthcheck": {
            "test": f"ip -4 -oneline address show to {net}.{LANS}0.1/32 | grep -q .",
            "interval": "1s",
            "retries": 10,
        },
    }
    hosts = {
        f"host-{number}": {
            **confined,
            "image": "testbed/host:1",
            "sysctls": {"net.ipv4.ip_forward": 0},
            "networks": {
                f"lan-{number % LANS + 1}": {"ipv4_address": f"{net}.{number % LANS + 1}0.{10 + number}"}
            },
        }
        for number in range(1, HOSTS + 1)
    }
    networks = {
        f"lan-{number}": {
            "driver_opts": lan,
            "ipam": {"config": [{"subnet": f"{net}.{number}0.0/24", "gateway": f"{net}.{number}0.1"}]},
        }
        for number in range(1, LANS + 1)
    }
    return {"name": "large", "networks": networks, "services": {"router": router, **hosts}}


def _run(command: list[str], variables: dict[str, str]) -> None:
    subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
