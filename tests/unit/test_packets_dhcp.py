"""DHCP messages: what is read of them, and that nothing else is taken for one."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from testbed.packets import dhcp

MAC = bytes.fromhex("0242ac100a81")
COOKIE = bytes((99, 130, 83, 99))


def option(number: int, value: bytes) -> bytes:
    """An option as on the wire: number, length, value."""
    return bytes((number, len(value))) + value


def message(*options: bytes, given_address: str = "172.16.10.200", hardware_length: int = 6) -> bytes:
    """A server's message to MAC (RFC 2131 §2)."""
    head = struct.pack("!4BIHH", 2, 1, hardware_length, 0, 0x01020304, 0, 0)
    addresses = bytes(4) + IPv4Address(given_address).packed + bytes(8)
    return head + addresses + MAC.ljust(16, b"\0") + bytes(192) + COOKIE + b"".join(options) + b"\xff"


OFFER = message(
    option(53, b"\2"),
    option(54, IPv4Address("172.16.10.67").packed),
    option(51, (3600).to_bytes(4, "big")),
    b"\0",  # padding between two options
    option(1, IPv4Address("255.255.255.0").packed),
    option(3, IPv4Address("172.16.10.1").packed + IPv4Address("172.16.10.2").packed),
)


def test_an_offer_is_read() -> None:
    """All that it gives, and from whom to whom."""
    offer = dhcp.message_of(OFFER)
    assert offer is not None
    assert (offer.kind, offer.name) == (dhcp.OFFER, "OFFER")
    assert (offer.transaction, offer.mac) == (0x01020304, "02:42:ac:10:0a:81")
    assert (offer.given, offer.mask) == (IPv4Address("172.16.10.200"), IPv4Address("255.255.255.0"))
    assert (offer.server, offer.router) == (IPv4Address("172.16.10.67"), IPv4Address("172.16.10.1"))
    assert (offer.lease, offer.requested) == (3600, None)


def test_a_request_names_what_it_wants() -> None:
    """The address that was offered."""
    request = dhcp.message_of(message(option(53, b"\3"), option(50, IPv4Address("172.16.10.200").packed)))
    assert request is not None
    assert (request.name, request.requested, request.lease) == ("REQUEST", IPv4Address("172.16.10.200"), None)


def test_options_of_one_number_are_joined() -> None:
    """As RFC 3396 has it."""
    joined = dhcp.message_of(message(option(51, b"\0\0"), option(51, b"\x0e\x10")))
    assert joined is not None
    assert joined.lease == 3600


def test_without_a_kind_it_is_bootp() -> None:
    """Which had no such option."""
    bootp = dhcp.message_of(message())
    assert bootp is not None
    assert (bootp.kind, bootp.name) == (None, "kind None")


def test_what_is_cut_or_of_another_kind_is_none() -> None:
    """Too short, cut within an option, without the cookie, of cards that are no Ethernet."""
    assert dhcp.message_of(b"") is None
    assert dhcp.message_of(OFFER[:239]) is None
    assert dhcp.message_of(OFFER[:-4]) is None  # in the middle of an option
    assert dhcp.message_of(OFFER.replace(COOKIE, b"none")) is None
    assert dhcp.message_of(message(hardware_length=8)) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    """It never raises: what a node sends may be anything."""
    dhcp.message_of(data)
    dhcp.message_of(OFFER[:240] + data)
