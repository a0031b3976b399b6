"""Options: a kind, a length and data (RFC 791 §3.1, RFC 9293 §3.1, RFC 8200 §4.2).

IPv4 and TCP have two kinds of one byte, the end of the list and no operation, and a length that
counts all the option's bytes. IPv6's extension headers have one kind of one byte, padding, and a
length that counts the data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Option(NamedTuple):
    """One option; data without the kind and length bytes, empty for those that are one byte long."""

    kind: int
    name: str
    data: bytes


class Kind(NamedTuple):
    """What is known of a kind of option: its name, and how many bytes of data it may have."""

    name: str
    sizes: tuple[int, ...] | range = range(256)

    def allowed(self, extra: int) -> str:
        """The lengths that an option of this kind may have; `extra` is what they count beside the data."""
        if isinstance(self.sizes, range):
            return f"at least {self.sizes.start + extra}"
        return " or ".join(str(size + extra) for size in self.sizes)


class Language(NamedTuple):
    """How a protocol writes its options.

    end: the kind behind which nothing follows. single: kinds of one byte. extra: bytes that an
    option's length counts beside its data. kinds: those with a name.
    """

    end: int | None
    single: frozenset[int]
    extra: int
    kinds: Mapping[int, Kind]


_ONES: Final = {0: Kind("end"), 1: Kind("nop")}

IPV4: Final = Language(
    end=0,
    single=frozenset(_ONES),
    extra=2,
    kinds={
        **_ONES,
        7: Kind("record-route", range(1, 39)),
        11: Kind("mtu-probe", (2,)),
        12: Kind("mtu-reply", (2,)),
        25: Kind("quick-start", (6,)),
        68: Kind("timestamp", range(2, 39)),
        82: Kind("traceroute", (10,)),
        130: Kind("security", range(1, 39)),
        131: Kind("loose-source-route", range(1, 39)),
        133: Kind("extended-security", range(1, 39)),
        134: Kind("commercial-security"),
        136: Kind("stream-id", (2,)),
        137: Kind("strict-source-route", range(1, 39)),
        148: Kind("router-alert", (2,)),
        149: Kind("selective-broadcast"),
    },
)
"""Kinds as in IANA's registry of IP option numbers."""

TCP: Final = Language(
    end=0,
    single=frozenset(_ONES),
    extra=2,
    kinds={
        **_ONES,
        2: Kind("mss", (2,)),
        3: Kind("window-scale", (1,)),
        4: Kind("sack-permitted", (0,)),
        5: Kind("sack", (8, 16, 24, 32)),
        8: Kind("timestamps", (8,)),
        19: Kind("md5", (16,)),
        28: Kind("user-timeout", (2,)),
        29: Kind("authentication"),
        30: Kind("multipath"),
        34: Kind("fast-open", (0, 4, 6, 8, 10, 12, 14, 16)),
        253: Kind("experiment-1"),
        254: Kind("experiment-2"),
    },
)
"""Kinds as in IANA's registry of TCP option kind numbers."""

EXTENSION: Final = Language(
    end=None,
    single=frozenset((0,)),
    extra=0,
    kinds={
        0: Kind("pad-1"),
        1: Kind("pad-n"),
        4: Kind("tunnel-limit", (1,)),
        5: Kind("router-alert", (2,)),
        0xC2: Kind("jumbo", (4,)),
        0xC9: Kind("home-address", (16,)),
    },
)
"""Kinds as in IANA's registry of IPv6 destination options and hop-by-hop options."""


def split(layer: str, raw: bytes, language: Language) -> tuple[tuple[Option, ...], str | None]:
    """Split options; with what is wrong with them, or None.

    Stops at the end of the list, and at the first option that does not fit. One whose size is not
    what its kind has is kept, and told.
    """
    options: list[Option] = []
    fault: str | None = None
    at, end = 0, len(raw)
    while at < end:
        number = raw[at]
        kind = language.kinds.get(number)
        name = kind.name if kind else f"option-{number}"
        if number in language.single:
            options.append(Option(number, name, b""))
            if number == language.end:
                break
            at += 1
            continue
        if at + 1 == end:
            return tuple(options), fault or f"{layer}: option {name}: has no length"
        size = raw[at + 1] - language.extra
        data = raw[at + 2 : at + 2 + size] if size >= 0 else b""
        if size < 0 or len(data) < size:
            problem = f"length {raw[at + 1]}, {end - at} bytes left"
            return tuple(options), fault or f"{layer}: option {name}: {problem}"
        if kind and size not in kind.sizes:
            allowed = kind.allowed(language.extra)
            fault = fault or f"{layer}: option {name}: length {raw[at + 1]}, {allowed} allowed"
        options.append(Option(number, name, data))
        at += 2 + size
    return tuple(options), fault
