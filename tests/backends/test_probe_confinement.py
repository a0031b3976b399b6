"""What a probe may do to the machine that it runs on: nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.backends.base import Backend, Handle

pytestmark = pytest.mark.docker

HOST = Path("/proc/sys/net")

TRY_TO_WRITE = """
import os
written = {}
for folder, _, files in os.walk('/sysnet'):
    for name in files:
        path = os.path.join(folder, name)
        try:
            with open(path) as file:
                before = file.read().strip()
        except OSError:
            continue
        for after in (['0', '1'] if before == '1' else ['1']) if before.isdigit() else [before]:
            try:
                with open(path, 'w') as file:
                    file.write(after)
            except OSError:
                continue
            written[path.removeprefix('/sysnet/')] = before
channel.send(written)
"""

TRY_ELSEWHERE = """
opened = []
for path in ('/proc/sys/kernel/hostname', '/proc/sys/vm/swappiness', '/proc/sys/net/ipv4/ip_forward',
             '/proc/sysrq-trigger', '/sys/class/net/lo/mtu', '/etc/hostname', '/usr/bin/mine'):
    try:
        open(path, 'a').close()
        opened.append(path)
    except OSError:
        pass
channel.send(opened)
"""

CAPABILITIES = """
with open('/proc/self/status') as file:
    fields = dict(line.split(':', 1) for line in file)
channel.send([fields[key].strip() for key in ('CapEff', 'CapBnd', 'NoNewPrivs')])
"""

NET_ADMIN, NET_RAW = 12, 13


@pytest.fixture
def machine() -> Iterator[dict[str, str]]:
    """The machine's own settings before the test; what the test changed of them is set back."""
    before = settings()
    yield before
    for key, value in settings().items():
        if value != before.get(key, value):  # what is new came with somebody's interface
            (HOST / key).write_text(before[key])


def settings() -> dict[str, str]:
    """The machine's settings below /proc/sys/net that can be read and written (counters cannot)."""
    found = {}
    for folder, _, names in os.walk(HOST):  # which passes over a folder that went with its interface
        for path in (Path(folder, name) for name in names):
            try:
                if path.stat().st_mode & 0o600 == 0o600:
                    found[str(path.relative_to(HOST))] = path.read_text()
            except OSError:
                continue  # it went with its interface, or has no value until it gets one
    return found


def test_no_setting_of_the_machine_can_be_changed_from_a_probe(
    backend: Backend, small: Handle, machine: dict[str, str]
) -> None:
    """Every setting that a probe can write is written, and none of the machine's own has another value."""
    gateway = backend.open_gateway(small, "left")
    written = gateway.remote_exec(TRY_TO_WRITE).receive(60)
    assert "ipv4/tcp_syncookies" in written, "the probe could not even write what it is for"
    assert "netfilter/nf_hooks_lwtunnel" not in written  # one for all namespaces, and never turned off again
    after = settings()
    interfaces = {path.name for path in Path("/sys/class/net").iterdir()}
    changed = {
        key: (value, after[key])
        for key, value in machine.items()
        if key in after and after[key] != value and not volatile(key, interfaces)
    }
    assert changed == {}


def volatile(key: str, interfaces: set[str]) -> bool:
    """Whether a setting comes and goes with an interface that others make while we look."""
    parts = key.split("/")
    others = parts[2].startswith(("br-", "veth")) if len(parts) == 4 else False
    return len(parts) == 4 and (others or parts[2] not in {*interfaces, "all", "default"})


def test_a_probe_writes_nothing_but_the_nodes_network_settings(backend: Backend, small: Handle) -> None:
    """Its files are read-only, and so is the rest of /proc/sys."""
    assert backend.open_gateway(small, "left").remote_exec(TRY_ELSEWHERE).receive(10) == []


def test_a_probe_has_two_capabilities_and_gets_no_more(backend: Backend, small: Handle) -> None:
    """NET_ADMIN and NET_RAW, in the bounding set too, and no way to gain others."""
    effective, bounding, no_new = backend.open_gateway(small, "left").remote_exec(CAPABILITIES).receive(10)
    assert int(effective, 16) == int(bounding, 16) == 1 << NET_ADMIN | 1 << NET_RAW
    assert no_new == "1"


def test_a_setting_written_by_the_probe_is_the_nodes(backend: Backend, small: Handle) -> None:
    """The mount shows the node's namespace, not the machine's: the node itself reads the new value."""
    write = "open('/sysnet/ipv4/tcp_syn_retries', 'w').write('3'); channel.send(None)"
    backend.open_gateway(small, "left").remote_exec(write).receive(10)
    seen = backend.exec(small, "left", ["cat", "/proc/sys/net/ipv4/tcp_syn_retries"]).stdout
    other = backend.exec(small, "right", ["cat", "/proc/sys/net/ipv4/tcp_syn_retries"]).stdout
    assert (seen.strip(), other.strip() == b"3") == (b"3", False)
