"""Options as IPv4 and TCP write them: a kind, a length and data (RFC 791 §3.1, RFC 9293 §3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

END: Final = 0
NO_OPERATION: Final = 1


class Option(NamedTuple):
    """One option; data without the kind and length bytes, empty for those that are one byte long."""

    kind: int
    name: str
    data: bytes


class Kind(NamedTuple):
    """What is known of a kind of option: its name, and how many bytes of data it may have."""

    name: str
    sizes: tuple[int, ...] = ()  # empty: any


IPV4: Final[Mapping[int, Kind]] = {
    END: Kind("end"),
    NO_OPERATION: Kind("nop"),
    7: Kind("record-route"),
    68: Kind("timestamp"),
    130: Kind("security"),
    131: Kind("loose-source-route"),
    136: Kind("stream-id", (2,)),
    137: Kind("strict-source-route"),
    148: Kind("router-alert", (2,)),
}

TCP: Final[Mapping[int, Kind]] = {
    END: Kind("end"),
    NO_OPERATION: Kind("nop"),
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
}


def split(layer: str, raw: bytes, kinds: Mapping[int, Kind]) -> tuple[tuple[Option, ...], str | None]:
    """Split the options behind a header; with what is wrong with them, or None.

    Stops at the end of the list, and at the first option that does not fit. One whose size is not
    what its kind has is kept, and told.
    """
    options: list[Option] = []
    fault: str | None = None
    at, end = 0, len(raw)
    while at < end:
        number = raw[at]
        kind = kinds.get(number)
        name = kind.name if kind else f"option-{number}"
        if number <= NO_OPERATION:
            options.append(Option(number, name, b""))
            if number == END:
                break
            at += 1
            continue
        length = raw[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            problem = f"length {length}, {end - at} bytes left" if at + 1 < end else "has no length"
            return tuple(options), fault or f"{layer}: option {name}: {problem}"
        data = raw[at + 2 : at + length]
        if kind and kind.sizes and len(data) not in kind.sizes:
            allowed = ", ".join(str(size + 2) for size in kind.sizes)
            fault = fault or f"{layer}: option {name}: length {length}, {allowed} allowed"
        options.append(Option(number, name, data))
        at += length
    return tuple(options), fault
