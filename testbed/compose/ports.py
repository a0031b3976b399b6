"""``services.*.ports``: which ports of a node the machine publishes, in both of Compose's ways to say it.

Source: compose-spec, 05-services.md, `ports`; docker/go-connections, nat/nat.go.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from testbed.compose.declared import Declared
from testbed.compose.document import shown
from testbed.compose.kinds import Text, TextOrNumber, refuse

HIGHEST: Final = 65535

_PORTS: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_PROTOCOLS: Final = ("tcp", "udp", "sctp")
_ALLOWED: Final = "[address:][port:]port[/protocol], such as 127.0.0.1:8080:80/tcp; ports are 1 to 65535"


def _range(text: str, lowest: int) -> range:
    """Read ``80`` or ``80-89``; raise ValueError for what is no range of ports."""
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    first, last = int(match[1]), int(match[2] or match[1])
    if not lowest <= first <= last <= HIGHEST:
        raise ValueError(text)
    return range(first, last + 1)


def _short(text: str) -> None:
    """Read ``[address:][port:]port[/protocol]``; raise ValueError for what is none.

    A port of the machine may be 0, or left out: the engine chooses.
    """
    rest, slash, protocol = text.partition("/")
    if slash and protocol.lower() not in _PROTOCOLS:
        raise ValueError(text)
    before, _, inner = rest.rpartition(":")
    address, _, outer = before.rpartition(":")
    if address:
        ip_address(address.removeprefix("[").removesuffix("]"))
    inside = _range(inner, 1)
    if outer:
        outside = _range(outer, 0)
        if len(outside) != len(inside) and len(inside) != 1:
            raise ValueError(text)


class LongPort(Declared):
    """A published port as a mapping."""

    UNREAD = frozenset({"mode", "app_protocol"})
    target: TextOrNumber
    published: TextOrNumber | None = None
    host_ip: Text | None = None
    protocol: Text | None = None
    name: Text | None = None


def _port(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise refuse(shown(value), _ALLOWED)
    try:
        _short(str(value))
    except ValueError as exc:
        raise refuse(shown(value), _ALLOWED) from exc
    return {"target": value}


Port = Annotated[LongPort, BeforeValidator(_port)]
