"""DHCP messages, as far as a lesson looks at them: who offers what to whom, and for how long.

Pure. Not a layer of `decode`: what a datagram carries is told by its port, and who knows the port asks.
Sources: RFC 2131 §2, RFC 2132.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

SERVER_PORT, CLIENT_PORT = 67, 68
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
NAMES = dict(enumerate("DISCOVER OFFER REQUEST DECLINE ACK NAK RELEASE INFORM".split(), 1))

_HEADER = struct.Struct("!4BIHH4s4s4s4s16s64s128s4s")
_COOKIE = bytes((99, 130, 83, 99))
_PAD, _END = 0, 255
_MASK, _ROUTERS, _REQUESTED, _LEASE, _KIND, _SERVER = 1, 3, 50, 51, 53, 54


@dataclass(frozen=True, slots=True)
class Message:
    """A message. transaction: the number by which a client knows the answers to its question.

    given: "your address", 0.0.0.0 where the message gives none. mac: of the client. options: number -> bytes.
    """

    transaction: int
    given: IPv4Address
    mac: str
    options: Mapping[int, bytes]

    @property
    def kind(self) -> int | None:
        """DISCOVER to INFORM; None in a message of BOOTP, DHCP's forerunner."""
        value = self.options.get(_KIND, b"")
        return value[0] if len(value) == 1 else None

    @property
    def name(self) -> str:
        """The kind's name, as RFC 2131 has it."""
        return NAMES.get(self.kind or 0, f"kind {self.kind}")

    @property
    def mask(self) -> IPv4Address | None:
        """The subnet mask that goes with the address."""
        return self._address(_MASK)

    @property
    def router(self) -> IPv4Address | None:
        """The first of the gateways."""
        return self._address(_ROUTERS)

    @property
    def requested(self) -> IPv4Address | None:
        """The address that the client asks for."""
        return self._address(_REQUESTED)

    @property
    def server(self) -> IPv4Address | None:
        """The server that speaks, or that is spoken to: its identifier."""
        return self._address(_SERVER)

    @property
    def lease(self) -> int | None:
        """Seconds for which the address is given."""
        value = self.options.get(_LEASE, b"")
        return int.from_bytes(value, "big") if len(value) == 4 else None

    def _address(self, number: int) -> IPv4Address | None:
        value = self.options.get(number, b"")
        return IPv4Address(value[:4]) if len(value) >= 4 else None


def message_of(data: bytes) -> Message | None:
    """Read a message; None for bytes that are none. Options in the fields for names are not looked at."""
    if len(data) < _HEADER.size:
        return None
    _, _, length, _, transaction, _, _, _, given, _, _, hardware, _, _, cookie = _HEADER.unpack_from(data)
    options = _options(data[_HEADER.size :])
    if cookie != _COOKIE or length != 6 or options is None:
        return None
    return Message(transaction, IPv4Address(given), hardware[:6].hex(":"), options)


def _options(data: bytes) -> dict[int, bytes] | None:
    """The options by number, parts of one number joined (RFC 3396); None where one is cut short."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 1 >= len(data) or at + 2 + data[at + 1] > len(data):
            return None
        number, length = data[at], data[at + 1]
        found[number] = found.get(number, b"") + data[at + 2 : at + 2 + length]
        at += 2 + length
    return found
