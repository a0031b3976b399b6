"""What Compose alone acts on is refused where Compose refuses it, and never where it does not.

Compose itself is the oracle.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import compose
from testbed.errors import InvalidComposeFile
from tests.compose_oracle import SETTINGS, config

RIGHT = """\
annotations: [a=b]
attach: "no"
build: {context: ., args: [A=1]}
cap_add: [NET_ADMIN, NET_RAW]
cap_add: []
cpus: 0.5
cpus: "0.5"
cpu_shares: "5"
cpu_quota: 5000
depends_on: {b: {condition: service_healthy}}
depends_on: {b: {condition: service_started, restart: true, required: false}}
deploy: {resources: {limits: {memory: 64m, cpus: "0.5", pids: 5}}}
devices: ["/dev/net/tun"]
dns: 1.1.1.1
dns: [1.1.1.1]
dns_search: a
entrypoint: sh -c 'exit 0'
entrypoint: []
expose: [80, "81/tcp"]
extra_hosts: {a: 1.1.1.1}
group_add: [5, x]
healthcheck: {test: [CMD, x], interval: 1m30s, timeout: 500ms, retries: 3, start_period: 0s}
healthcheck: {test: x, retries: "3"}
healthcheck: {test: []}
healthcheck: {test: [NONE]}
healthcheck: {disable: true, x-why: slow}
init: "yes"
init: true
labels: {a: b, c: 5, d: null}
links: [b]
logging: {driver: none, options: {a: 1}}
mem_limit: 5g
mem_limit: 100
mem_limit: 1.5 GiB
memswap_limit: -1
mem_swappiness: "5"
networks: {default: {aliases: [x], priority: 5, link_local_ips: [169.254.1.1]}}
oom_score_adj: -500
pid: host
pids_limit: "5"
pids_limit: -1
ports: [80, "81:81", "127.0.0.1:82:82/udp", "127.0.0.1::83", "[::1]:84:84", "0:85", ":86"]
ports: ["9000-9001:90", "9010-9011:90-91", "95-96"]
ports: [{target: 80}, {target: "81", published: "8081", protocol: udp, host_ip: 127.0.0.1, mode: host}]
ports: []
ports: [22:22]
privileged: "false"
read_only: off
restart: no
restart: on-failure:3
restart: unless-stopped
shm_size: 5kib
stop_grace_period: 1.5s
sysctls: [net.ipv4.ip_forward=0]
tmpfs: /x
tmpfs: [/x, /y]
ulimits: {nofile: {soft: 5, hard: 6}}
user: "5"
volumes: ["./a:/b:ro", {type: tmpfs, target: /c}]
volumes_from: [b]
""".splitlines()

WRONG = """\
annotations: x
attach: x
build: 5
cap_add: NET_ADMIN
cap_add: [1]
cap_drop: {a: b}
container_name: 5
cpus: x
cpu_shares: x
depends_on: b
depends_on: [a]
depends_on: [c]
depends_on: {b: {}}
depends_on: {b: {condition: service_up}}
depends_on: {b: {condition: service_started, wrong: false}}
depends_on: {c: {condition: service_started, required: false}}
deploy: {resources: {limits: {memory: lots}}}
deploy: {resources: {limits: {cpus: lots}}}
devices: [5]
dns: 5
dns_opt: a
entrypoint: [a, 5]
entrypoint: "a 'b"
expose: 80
group_add: x
healthcheck: true
healthcheck: {interval: 5}
healthcheck: {interval: 5x}
healthcheck: {retries: x}
healthcheck: {test: 5}
healthcheck: {test: [x]}
healthcheck: {wrong: 5}
hostname: 5
init: 1
init: x
labels: [5]
labels: {a: {b: c}}
links: b
logging: {wrong: 5}
mem_limit: ""
mem_limit: [1]
mem_limit: lots
mem_swappiness: x
networks: {default: {aliases: x}}
networks: {default: {driver_opts: x}}
networks: {default: {link_local_ips: x}}
oom_score_adj: x
pid: 5
pids_limit: true
pids_limit: x
ports: "80:80"
ports: ["300.1.1.1:80:80"]
ports: ["80-90:80-91"]
ports: ["80:0"]
ports: ["80:80-81"]
ports: ["80:80/xxx"]
ports: ["80:99999"]
ports: ["90-80:90-80"]
ports: ["99999:80"]
ports: ["a:80"]
ports: ["localhost:80:80"]
ports: [""]
ports: [80.5]
ports: [99999]
ports: [null]
ports: [true]
ports: [{published: 80}]
ports: [{target: 80, wrong: 1}]
privileged: x
read_only: 5
security_opt: x
shm_size: 5q
stop_grace_period: 5
stop_grace_period: soon
stop_signal: 5
storage_opt: x
tmpfs: 5
tty: x
user: 5
volumes: [5]
volumes: x
volumes_from: b
working_dir: 5
""".splitlines()


def file_with(folder: Path, *lines: str) -> Path:
    """Write a file with one service for each line, and one more that may be depended on."""
    services = [f"  a{at or ''}: {{image: i, {line}}}\n" for at, line in enumerate(lines)]
    file = folder / "compose.yaml"
    file.write_text("services:\n  b: {image: i}\n" + "".join(services))
    return file


def test_what_compose_takes_is_taken(tmp_path: Path) -> None:
    """Compose takes each of them: a file is never refused for more than it is by Compose."""
    file = file_with(tmp_path, *RIGHT)
    assert config(file, {}) is not None, "Compose refuses the file"
    compose.load(file, SETTINGS)


@pytest.mark.parametrize("line", WRONG)
def test_what_compose_refuses_is_refused_with_its_place(line: str, tmp_path: Path) -> None:
    """Compose refuses each of them, and so do we: with the line, and at the key or in it."""
    file = file_with(tmp_path, line)
    assert config(file, {}) is None, "Compose takes the file"
    with pytest.raises(InvalidComposeFile) as raised:
        compose.load(file, SETTINGS)
    (mistake,) = raised.value.mistakes
    assert mistake.line == 3
    assert mistake.path.startswith(f"services.a.{line.partition(':')[0]}")


@pytest.mark.parametrize(
    ("services", "path"),
    [
        ("a: {image: i}\n  b: {depends_on: [a]}", "services.b"),
        ("a: {image: i}\n  b:", "services.b"),
        ("a: {image: i}\n  b: {image: ''}", "services.b"),
        ("a: {image: i}\n  b: {image: i, depends_on: [c]}\n  c: {image: i, depends_on: [b]}",
         "services.b.depends_on.c"),
        ("a: {image: i}\n  b: {image: i, depends_on: [c]}\n  c: {image: i, depends_on: [d]}\n"
         "  d: {image: i, depends_on: [c]}", "services.c.depends_on.d"),
        ("a: {image: i}\n  b: {image: i, depends_on: [c]}\n  c: {image: i, profiles: [x]}",
         "services.b.depends_on.c"),
    ],
)  # fmt: skip
def test_services_that_compose_cannot_start_are_refused(services: str, path: str, tmp_path: Path) -> None:
    """Nothing to run, waiting in a circle, waiting for what is not active."""
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  {services}\n")
    assert config(file, {}) is None, "Compose takes the file"
    with pytest.raises(InvalidComposeFile) as raised:
        compose.load(file, SETTINGS)
    (mistake,) = raised.value.mistakes
    assert (mistake.path, mistake.line is not None) == (path, True)


@pytest.mark.parametrize(
    "services",
    [
        "a: {image: i}\n  b: {profiles: [x]}",
        "a: {image: i}\n  b: {build: .}",
        "a: {image: i, depends_on: {b: {condition: service_started, required: false}}}\n"
        "  b: {image: i, profiles: [x]}",
    ],
)
def test_services_that_compose_can_start_are_taken(services: str, tmp_path: Path) -> None:
    """What is not active needs no image, and what is built neither."""
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  {services}\n")
    assert config(file, {}) is not None, "Compose refuses the file"
    compose.load(file, SETTINGS)


def test_every_circle_is_told_once(tmp_path: Path) -> None:
    """Compose stops at the first."""
    file = tmp_path / "compose.yaml"
    file.write_text(
        "services:\n"
        "  a: {image: i, depends_on: [b, c]}\n"
        "  b: {image: i, depends_on: [a]}\n"
        "  c: {image: i, depends_on: [d]}\n"
        "  d: {image: i, depends_on: [c]}\n"
    )
    with pytest.raises(InvalidComposeFile) as raised:
        compose.load(file, SETTINGS)
    assert [(mistake.path, mistake.given) for mistake in raised.value.mistakes] == [
        ("services.a.depends_on.b", "a service that waits for this one: a -> b -> a"),
        ("services.c.depends_on.d", "a service that waits for this one: c -> d -> c"),
    ]
