"""A binary file, read in large pieces, that may break off anywhere."""

from __future__ import annotations

from typing import BinaryIO, Final, NoReturn

from testbed.errors import InvalidRecording

_PIECE: Final = 1 << 18  # a wrong length must not make us ask for four gigabytes at once


class Source:
    """A window on a file: `buffer` from `at` on is what comes next.

    truncated: None, or where and how the file breaks off.
    """

    __slots__ = ("_base", "_read", "at", "buffer", "file", "name", "truncated")

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.name = str(getattr(file, "name", "the capture"))
        self.buffer = b""
        self.at = 0
        self.truncated: str | None = None
        self._base = 0  # where in the file the buffer begins
        self._read = getattr(file, "read1", file.read)  # of a pipe, what there is

    @property
    def position(self) -> int:
        """Of the next byte, from the beginning of the file."""
        return self._base + self.at

    def has(self, size: int) -> bool:
        """Whether `size` more bytes come; then they are in the buffer, which may have moved."""
        return len(self.buffer) - self.at >= size or self._fill(size)

    def is_at_end(self, what: str, size: int) -> bool:
        """Whether fewer than `size` bytes come; if it is in the middle of something, note that."""
        if self.has(size):
            return False
        there = len(self.buffer) - self.at
        if there:
            self.truncated = (
                f"{self.name} breaks off in the {what} at byte {self.position}: "
                f"{there} of {size} bytes are there"
            )
        return True

    def refuse(self, seen: str, allowed: str) -> NoReturn:
        """Say what in the file cannot be, and what could."""
        raise InvalidRecording(f"read {self.name}", f"at byte {self.position}: {seen}", allowed)

    def _fill(self, size: int) -> bool:
        pieces = [self.buffer[self.at :]]
        there = len(pieces[0])
        while there < size:
            piece = self._read(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            there += len(piece)
        self._base += self.at
        self.at = 0
        self.buffer = b"".join(pieces)
        return there >= size
