"""DNS messages: names with pointers, addresses of both kinds, and bytes that are no message."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from testbed.packets import dns

QUERY = bytes.fromhex("2dfc0100000100000000000003777777036c616204746573740000010001")


def answer(kind: int, data: bytes, flags: int = 0x8180) -> bytes:
    """The answer to QUERY: one record of a kind, whose name is a pointer to the question's."""
    record = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    return QUERY[:2] + struct.pack("!5H", flags, 1, 1, 0, 0) + QUERY[12:] + record


def test_a_query_says_what_is_asked_for() -> None:
    """The name, and the type of the record."""
    message = dns.message_of(QUERY)
    assert message == dns.Message(0x2DFC, False, dns.NO_ERROR, (dns.Question("www.lab.test", dns.A),), ())


def test_an_answer_holds_addresses() -> None:
    """Of both versions; the name in it is a pointer to the question's (RFC 1035 §4.1.4)."""
    message = dns.message_of(answer(dns.A, bytes([172, 16, 20, 10])))
    assert message is not None
    assert (message.is_response, message.answers[0].name, message.answers[0].ttl) == (
        True,
        "www.lab.test",
        60,
    )
    assert message.addresses == (ip_address("172.16.20.10"),)
    message = dns.message_of(answer(dns.AAAA, ip_address("fd00::10").packed))
    assert message is not None
    assert message.addresses == (ip_address("fd00::10"),)


def test_no_such_name() -> None:
    """NXDOMAIN is a code in the header."""
    message = dns.message_of(QUERY[:2] + struct.pack("!5H", 0x8183, 1, 0, 0, 0) + QUERY[12:])
    assert message is not None
    assert (message.rcode, message.addresses) == (dns.NO_SUCH_NAME, ())


def test_a_name_without_end_is_no_name() -> None:
    """A pointer that points at itself would be followed for ever."""
    assert dns.message_of(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + bytes.fromhex("c00c00010001")) is None


def test_a_message_that_was_cut_is_none() -> None:
    """Wherever it was cut."""
    whole = answer(dns.A, bytes([172, 16, 20, 10]))
    assert [cut for cut in range(len(whole)) if dns.message_of(whole[:cut]) is not None] == []


@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    """It never raises: what a node sends may be anything."""
    dns.message_of(data)
