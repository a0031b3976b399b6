"""A binary file, read in pieces of known size, that may break off in the middle of one."""

from __future__ import annotations

from typing import BinaryIO, Final, NoReturn

from testbed.errors import InvalidRecording

_STEP: Final = 1 << 20  # a wrong length must not make us ask for four gigabytes at once


class Source:
    """Bytes from a file, and where they end too early. position: of the next byte, from its start."""

    __slots__ = ("_ahead", "file", "name", "position", "truncated")

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.name = str(getattr(file, "name", "the capture"))
        self.position = 0
        self.truncated: str | None = None
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next bytes, without going on; fewer at the end. Only before the first `take`."""
        self._ahead = self._gather(size)
        return self._ahead

    def take(self, size: int) -> bytes | None:
        """The next `size` bytes; None at the end of the file, noted as truncated unless it is clean."""
        piece = self._ahead + self._gather(size - len(self._ahead)) if self._ahead else self._gather(size)
        self._ahead = b""
        if len(piece) == size:
            self.position += size
            return piece
        self.position += len(piece)
        if piece:
            self.breaks_off("header", self.position - len(piece), size)
        return None

    def breaks_off(self, what: str, start: int, wanted: int) -> None:
        """Note that the file ends in the middle of something that begins at `start`."""
        self.truncated = (
            f"{self.name} breaks off in the {what} at byte {start}: "
            f"{self.position - start} of {wanted} bytes are there"
        )

    def refuse(self, seen: str, allowed: str, at: int | None = None) -> NoReturn:
        """Say what in the file cannot be, and what could."""
        where = self.position if at is None else at
        raise InvalidRecording(f"read {self.name}", f"at byte {where}: {seen}", allowed)

    def _gather(self, size: int) -> bytes:
        if size <= _STEP:
            piece = self.file.read(size)
            if len(piece) == size or not piece:
                return piece
            pieces, got = [piece], len(piece)
        else:
            pieces, got = [], 0
        while got < size:  # a pipe gives what it has
            piece = self.file.read(min(_STEP, size - got))
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
        return b"".join(pieces)
