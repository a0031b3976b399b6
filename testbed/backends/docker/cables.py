"""Pulls and plugs a node's cable: the far end of its veth, in the machine's own namespace.

Set down from inside, an interface would lose its routes. Its far end is found by number:
the node's `iflink` is the `ifindex` of the far end, and the other way round. What sets it is
a short-lived container with the machine's network and NET_ADMIN, for this one command.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from execnet import Gateway

from testbed.backends.docker import labels
from testbed.backends.docker.compose_cli import docker_command
from testbed.backends.docker.images import PROBE
from testbed.errors import DeadlinePassed, LabFailed, Unsupported

PATIENCE = 20.0
"""Seconds until the node's own end must have noticed."""

_FIND = """
import os
wanted = channel.receive()
found = None
for name in os.listdir('/sys/class/net'):
    def read(key):
        with open(f'/sys/class/net/{name}/{key}') as file:
            return file.read().strip()
    if read('address') == wanted and name != 'lo':
        found = (name, int(read('ifindex')), int(read('iflink')))
channel.send(found)
"""

_CARRIER = """
def carrier(name):
    try:
        with open(f'/sys/class/net/{name}/carrier') as file:
            return file.read().strip() == '1'
    except OSError:
        return None
channel.send(carrier(channel.receive()))
"""

_SET = """
for folder in /sys/class/net/*; do
    if [ "$(cat $folder/ifindex)" = "$1" ] && [ "$(cat $folder/iflink)" = "$2" ]; then
        exec ip link set dev "${folder##*/}" "$3"
    fi
done
echo "no interface $1 with $2 at its other end" >&2
exit 3
"""


def set_cable(
    gateway: Gateway,
    node: str,
    mac: str,
    plugged: bool,
    common: Mapping[str, str],
    environment: Mapping[str, str],
) -> None:
    """Pull or plug the cable of the interface with this MAC, and see that the node noticed.

    Raises Unsupported where the far end is not on the engine's machine (no veth), LabFailed
    with what `ip` said, DeadlinePassed where the node's carrier does not follow.
    """
    what = f"{'plug' if plugged else 'pull'} the cable of node {node}"
    found = _ask(gateway, _FIND, mac)
    if found is None:
        raise LabFailed(what, f"the node has no interface with the MAC {mac}")
    name, index, far = found
    if far == index:
        raise Unsupported(what, f"its interface {name} has no other end that could be set")
    state = "up" if plugged else "down"
    command = [
        docker_command(), "run", "--rm", "--pull=never", "--network=host",
        "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--security-opt=no-new-privileges",
        "--read-only", "--log-driver=none", "--memory=64m", "--pids-limit=16",
        *labels.arguments({**common, labels.ROLE: labels.ROLE_HELPER, labels.NODE: node}),
        PROBE, "sh", "-c", _SET, "sh", str(far), str(index), state,
    ]  # fmt: skip
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        env={**os.environ, **environment}, check=False, start_new_session=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise LabFailed(what, answer.stderr.strip() or f"exit code {answer.returncode}")
    _wait_for_carrier(gateway, name, plugged, what)


def _wait_for_carrier(gateway: Gateway, name: str, wanted: bool, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while (seen := _ask(gateway, _CARRIER, name)) is not wanted:
        if time.monotonic() > until:
            raise DeadlinePassed(
                what, f"after {PATIENCE:.0f} s {name} has carrier {seen}, and should have {wanted}"
            )
        time.sleep(0.01)


def _ask(gateway: Gateway, source: str, argument: str) -> Any:
    channel = gateway.remote_exec(source)
    channel.send(argument)
    return channel.receive(PATIENCE)
