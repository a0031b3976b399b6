"""Who made a card, by its number."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from testbed.packets.makers import is_chosen, is_group, maker_of


@pytest.mark.parametrize(
    ("mac", "maker"),
    [
        # The IEEE's public list of MA-L assignments (standards-oui.ieee.org/oui/oui.txt).
        ("00:1b:21:00:00:01", "Intel Corporate"),
        ("00:00:0c:12:34:56", "Cisco Systems, Inc"),
        ("00:50:56:00:00:01", "VMware, Inc."),
        ("08:00:20:00:00:01", "Oracle Corporation"),  # Sun's, which Oracle bought
        # RFC 9542 §2.1: 00-00-5E is the IANA's.
        ("00:00:5e:00:53:01", "ICANN, IANA Department"),
    ],
)
def test_a_makers_number_names_him(mac: str, maker: str) -> None:
    """The first half of a number is looked up in the table of the IEEE, however it is written."""
    assert maker_of(mac) == maker
    assert maker_of(mac.upper()) == maker


@pytest.mark.parametrize(
    "mac",
    [
        "02:42:ac:10:0a:0a",  # chosen, as an engine does
        "aa:00:04:00:04:04",  # chosen too: DEC's is in the list, from before there was the bit
        "ff:ff:ff:ff:ff:ff",  # all
        "01:00:5e:00:00:01",  # a group's (RFC 1112 §6.4)
        "01:1b:21:00:00:01",  # a group's, with what else would be Intel's
        "fc:fc:fc:00:00:01",  # in no list
        "8c:1f:64:00:30:00",  # sold in parts, MA-S: the list has the IEEE itself there
        "ac:de:48:00:11:22",  # "Private"
        "00:00:00:00:00:00",  # none: loopback's, and ARP's for who is asked for
    ],
)
def test_a_number_without_a_maker(mac: str) -> None:
    """No maker is named where none gave the number, or where the table does not know him."""
    assert maker_of(mac) is None


def test_the_two_bits_of_the_first_octet() -> None:
    """IEEE 802-2014 §8.2.2: the lowest bit is a group's, the next a chosen number's."""
    numbers = ("00:1b:21:00:00:01", "01:00:5e:00:00:01", "02:42:ac:10:0a:0a", "33:33:00:00:00:16")
    assert [(is_group(mac), is_chosen(mac)) for mac in numbers] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_maker_is_named_where_a_loop_runs() -> None:
    """A report may be written in a notebook, whose thread runs an event loop already."""

    async def asked() -> str | None:
        maker_of.cache_clear()
        return maker_of("00:1b:21:00:00:01")

    assert asyncio.run(asked()) == "Intel Corporate"


def test_the_table_is_loaded_only_when_a_maker_is_asked_for() -> None:
    """A lab's own numbers are chosen: to tell that costs no table."""
    code = (
        "import sys; from testbed.packets.makers import maker_of; "
        "maker_of('02:42:ac:10:0a:0a'); print('aiooui' in sys.modules, 'asyncio' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
