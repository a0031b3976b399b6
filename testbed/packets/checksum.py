"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

_ONES = 0xFFFF


def folded(data: bytes) -> int:
    """Sum `data` as 16-bit words in ones' complement, 0 to 0xFFFF; an odd end is padded with a zero.

    A big number modulo 0xFFFF is the sum of its 16-bit digits modulo 0xFFFF, because 0x10000 leaves
    the remainder 1: so the whole sum is one division, done in C. Ones' complement has two zeros;
    0xFFFF is the one that a sum of words other than zero can reach.
    """
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    return number % _ONES or (_ONES if number else 0)


def is_right(data: bytes) -> bool:
    """Say whether `data`, its checksum field included, sums up to ones only (RFC 1071 §1 (3))."""
    return folded(data) == _ONES


def checksum(data: bytes) -> int:
    """Compute the checksum of `data`, in which the checksum field is zero."""
    return _ONES - folded(data)
