"""DNS messages, as far as a lesson looks at them: who asked for what, and what the answer was.

Pure. Not a layer of `decode`: what a datagram carries is told by its port, and who knows the port asks.
Source: RFC 1035 §4, RFC 3596 §2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

PORT = 53
A, CNAME, AAAA = 1, 5, 28
KINDS = {A: "A", CNAME: "CNAME", AAAA: "AAAA"}
NO_ERROR, NO_SUCH_NAME = 0, 3  # RCODE 3 is called NXDOMAIN

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_MOST_LABELS = 128  # a name is at most 255 bytes; a ring of pointers would have no end


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: a name, and the number of a record type."""

    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is answered. ttl: seconds that it may be remembered. address: of an A or AAAA record."""

    name: str
    kind: int
    ttl: int
    data: bytes

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that it holds; None for a record of another kind."""
        if self.kind == A and len(self.data) == 4:
            return IPv4Address(self.data)
        if self.kind == AAAA and len(self.data) == 16:
            return IPv6Address(self.data)
        return None


@dataclass(frozen=True, slots=True)
class Message:
    """A query or a response. rcode: NO_ERROR, NO_SUCH_NAME, … (RFC 1035 §4.1.1)."""

    identification: int
    is_response: bool
    rcode: int
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]

    @property
    def addresses(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The addresses in its answers."""
        return tuple(record.address for record in self.answers if record.address is not None)


def message_of(data: bytes) -> Message | None:
    """Read a message; None for bytes that are none. Authority and additional records are left out."""
    try:
        identification, flags, asked, answered, _, _ = _HEADER.unpack_from(data)
        offset = _HEADER.size
        questions = []
        for _ in range(asked):
            name, offset = _name(data, offset)
            (kind,) = struct.unpack_from("!H", data, offset)
            questions.append(Question(name, kind))
            offset += 4
        answers = []
        for _ in range(answered):
            name, offset = _name(data, offset)
            kind, _, ttl, length = _RECORD.unpack_from(data, offset)
            offset += _RECORD.size
            if offset + length > len(data):
                return None
            answers.append(Record(name, kind, ttl, data[offset : offset + length]))
            offset += length
    except (struct.error, IndexError):
        return None
    return Message(identification, bool(flags & 0x8000), flags & 0xF, tuple(questions), tuple(answers))


def _name(data: bytes, offset: int) -> tuple[str, int]:
    """Read a name, which may end in a pointer to an earlier one; return it and where it ends."""
    labels: list[str] = []
    end = None
    for _ in range(_MOST_LABELS):
        length = data[offset]
        if length >= 0xC0:
            end = offset + 2 if end is None else end
            offset = (length & 0x3F) << 8 | data[offset + 1]
        elif length == 0:
            return ".".join(labels).lower(), offset + 1 if end is None else end
        else:
            labels.append(data[offset + 1 : offset + 1 + length].decode("ascii", "replace"))
            offset += 1 + length
    raise IndexError("a name without end")
