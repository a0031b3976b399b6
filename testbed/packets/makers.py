"""Who made a card: the company to which the IEEE gave the first half of a MAC.

The table is that of the library aiooui: the IEEE's list of MA-L blocks (2^24 numbers each) as it was when
the library was released; no network is asked. A block that the IEEE sells on in parts (MA-M, MA-S)
stands there under its own name, so for the makers of few cards the table has no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

_GROUP: Final = 0x01
_LOCAL: Final = 0x02
_NONE: Final = "00:00:00:00:00:00"
_ROOM: Final = 8192  # numbers; a flood with forged sources must not fill the memory

_NOBODY: Final = frozenset({"IEEE Registration Authority", "Private"})
"""Entries that name no maker: a block sold in parts, and a company that does not want to be named."""


def is_group(mac: str) -> bool:
    """Whether a MAC (`33:33:00:00:00:16`) is a group's and no card's (IEEE 802-2014 §8.2.2, I/G bit)."""
    return bool(_first_octet(mac) & _GROUP)


def is_chosen(mac: str) -> bool:
    """Whether a MAC was chosen on the spot and not given by a maker (IEEE 802-2014 §8.2.2, U/L bit)."""
    return bool(_first_octet(mac) & _LOCAL)


@lru_cache(_ROOM)
def maker_of(mac: str) -> str | None:
    """Return the company that a MAC (`00:1b:21:00:00:01`) names, as the IEEE writes it; None where none is.

    None for a group's number, for one that was chosen (of the few such blocks of before that rule, DEC's
    AA-00-04 among them, nothing is said), for one that is not in the table, and for all zeros, which
    is no card's number (Linux: is_valid_ether_addr) though it would be the first of Xerox's.
    """
    if mac == _NONE or is_group(mac) or is_chosen(mac):
        return None
    company = _table()(mac)
    return None if company in _NOBODY else company


def _first_octet(mac: str) -> int:
    return int(mac[:2], 16)


@cache
def _table() -> Callable[[str], str | None]:
    """Load the table, once and only when a maker is asked for; return the function that looks up in it."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import aiooui

    with ThreadPoolExecutor(1) as pool:  # the thread that asks may have a loop of its own, as a notebook's
        pool.submit(lambda: asyncio.run(aiooui.async_load())).result()
    return aiooui.get_vendor
