"""The keys of a service that Compose alone acts on, so far as a mistake in them is cheap to see.

Their values are looked at and then left alone. What a value must be is said no closer than Compose
says it; what is passed over here, Compose refuses when it starts the lab.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from testbed.compose.declared import Declared
from testbed.compose.document import shown
from testbed.compose.kinds import (
    Assignments,
    Command,
    Duration,
    Flag,
    Mapping,
    OneOrMore,
    Real,
    Restart,
    Size,
    Text,
    TextOrMapping,
    TextOrNumber,
    Texts,
    Whole,
    refuse,
)
from testbed.compose.ports import Port

TESTS = ("CMD", "CMD-SHELL", "NONE")
"""How a health check that is a list begins."""


def _test(value: Any) -> Any:
    if isinstance(value, str) or value == []:
        return value
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise refuse(shown(value), "text, or a list of texts")
    if value[0] not in TESTS:
        raise refuse(f"a list that begins with {value[0]!r}", f"one that begins with {', '.join(TESTS)}")
    return value


class Health(Declared):
    """``services.*.healthcheck``: when a node is ready."""

    disable: Flag | None = None
    interval: Duration | None = None
    retries: Whole | None = None
    start_interval: Duration | None = None
    start_period: Duration | None = None
    test: Annotated[Any, BeforeValidator(_test)] = None
    timeout: Duration | None = None


class Logging(Declared):
    """``services.*.logging``: where a node's words go."""

    driver: Text | None = None
    options: Mapping | None = None


class Amounts(Declared):
    """``services.*.deploy.resources.*``: how much of the machine."""

    UNREAD = frozenset({"devices", "generic_resources"})
    cpus: Real | None = None
    memory: Size | None = None
    pids: Whole | None = None


class Resources(Declared):
    """``services.*.deploy.resources``."""

    limits: Amounts | None = None
    reservations: Amounts | None = None


class Container(Declared):
    """``services.*``: how its containers are made and run. Only its subclass is built: that takes time."""

    model_config = ConfigDict(defer_build=True)

    UNREAD = frozenset(
        """
        blkio_config cpu_count cpu_percent cpu_period cpu_rt_period cpu_rt_runtime credential_spec develop
        extra_hosts gpus models pull_refresh_after ulimits
        """.split()
    )
    annotations: Assignments | None = None
    attach: Flag | None = None
    build: TextOrMapping | None = None
    cap_add: Texts | None = None
    cap_drop: Texts | None = None
    cgroup: Text | None = None
    cgroup_parent: Text | None = None
    configs: list[TextOrMapping] | None = None
    container_name: Text | None = None
    cpu_quota: Whole | None = None
    cpu_shares: Whole | None = None
    cpus: Real | None = None
    cpuset: Text | None = None
    device_cgroup_rules: Texts | None = None
    devices: list[TextOrMapping] | None = None
    dns: OneOrMore | None = None
    dns_opt: Texts | None = None
    dns_search: OneOrMore | None = None
    domainname: Text | None = None
    entrypoint: Command = None
    expose: list[TextOrNumber] | None = None
    external_links: Texts | None = None
    group_add: list[TextOrNumber] | None = None
    healthcheck: Health | None = None
    hostname: Text | None = None
    init: Flag | None = None
    ipc: Text | None = None
    isolation: Text | None = None
    label_file: OneOrMore | None = None
    labels: Assignments | None = None
    links: Texts | None = None
    logging: Logging | None = None
    mem_limit: Size | None = None
    mem_reservation: Size | None = None
    mem_swappiness: Size | None = None
    memswap_limit: Size | None = None
    oom_kill_disable: Flag | None = None
    oom_score_adj: Whole | None = None
    pid: Text | None = None
    pids_limit: Whole | None = None
    platform: Text | None = None
    ports: list[Port] | None = None
    post_start: list[Mapping] | None = None
    pre_stop: list[Mapping] | None = None
    privileged: Flag | None = None
    pull_policy: Text | None = None
    read_only: Flag | None = None
    restart: Restart | None = None
    runtime: Text | None = None
    secrets: list[TextOrMapping] | None = None
    security_opt: Texts | None = None
    shm_size: Size | None = None
    stdin_open: Flag | None = None
    stop_grace_period: Duration | None = None
    stop_signal: Text | None = None
    storage_opt: Mapping | None = None
    tmpfs: OneOrMore | None = None
    tty: Flag | None = None
    use_api_socket: Flag | None = None
    user: Text | None = None
    userns_mode: Text | None = None
    uts: Text | None = None
    volumes: list[TextOrMapping] | None = None
    volumes_from: Texts | None = None
    working_dir: Text | None = None
