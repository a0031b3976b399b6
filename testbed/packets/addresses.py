"""Bytes to addresses, each converted once.

A capture holds few addresses many times; looking one up costs a tenth of making it.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Generic, TypeVar

_A = TypeVar("_A")
_ROOM: Final = 8192  # addresses; a flood with forged sources must not fill the memory


class _Known(dict[bytes, _A], Generic[_A]):
    """A dict that converts what it does not know yet, and forgets everything when it is full."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Callable[[bytes], _A]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, raw: bytes) -> _A:
        if len(self) >= _ROOM:
            self.clear()
        address = self[raw] = self._convert(raw)
        return address


def _mac_text(raw: bytes) -> str:
    return raw.hex(":")


MAC: Final[_Known[str]] = _Known(_mac_text)
"""6 bytes -> 'aa:bb:cc:dd:ee:ff', lowercase."""

IP4: Final[_Known[IPv4Address]] = _Known(IPv4Address)
"""4 bytes -> IPv4Address."""

IP6: Final[_Known[IPv6Address]] = _Known(IPv6Address)
"""16 bytes -> IPv6Address."""
