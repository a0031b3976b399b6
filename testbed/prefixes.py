"""Which addresses a lab takes where its file leaves that open: the first two octets, TESTBED_NET.

A file that writes `${TESTBED_NET:-172.16}.10.0/24` can run beside itself under another prefix.
Where the user chose one, it is that one or an error; else the candidates are tried in turn
until the engine takes one, since another process may take the same one at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from testbed.claims import claim
from testbed.errors import PrefixInUse

if TYPE_CHECKING:
    from testbed.topology import Topology

VARIABLE = "TESTBED_NET"
T = TypeVar("T")


def candidates() -> Iterator[str]:
    """Yield prefixes of private addresses (RFC 1918) in the order in which they are tried.

    172.17 is the engine's own bridge on most machines.
    """
    yield from (f"172.{second}" for second in range(16, 32) if second != 17)
    yield from (f"10.{second}" for second in range(201, 251))


def with_free_prefix(
    file: Path,
    environment: Mapping[str, str],
    profiles: tuple[str, ...],
    start: Callable[[Topology], T],
) -> T:
    """Read the file and start it, under the user's prefix or else under the first that is free.

    Raises PrefixInUse where the user's is not free, or none is; else what `start` raises.
    """
    from testbed.compose import load

    if VARIABLE in environment:
        return start(load(file, environment, profiles))
    refused: PrefixInUse | None = None
    for prefix in candidates():
        with claim(f"prefix {prefix}") as granted:
            if not granted:
                continue
            topology = load(file, {**environment, VARIABLE: prefix}, profiles)
            try:
                return start(topology)
            except PrefixInUse as error:
                if topology.source is None or VARIABLE not in dict(topology.source.environment):
                    raise  # the file does not use it: another prefix would change nothing
                refused = error
    last = f"; the last one: {refused.seen}" if refused else ""
    raise PrefixInUse(
        f"start a lab from {file}",
        f"no prefix is free, from 172.16 to 10.250{last}",
        "See what holds them: testbed ps, docker network ls, ip route",
    ) from refused
