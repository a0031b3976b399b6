"""Where batches of frames wait until their slice is cut: in memory, and beyond a limit on disk.

The file has no name: whatever ends this process, nothing is left of it.
"""

from __future__ import annotations

import errno
import struct
import tempfile
import threading
from pathlib import Path
from typing import IO

from testbed.errors import StorageFull

MEMORY = 64 * 1024 * 1024
_HEADER = struct.Struct("<II")


class Spool:
    """Batches of several sources in the order in which they came, from any thread.

    folder: where the file is made; None for the system's own folder for such. memory: bytes
    beyond which batches go to the file.
    """

    def __init__(self, folder: Path | None = None, memory: int = MEMORY) -> None:
        self._folder = folder
        self._memory = memory
        self._lock = threading.Lock()
        self._batches: list[tuple[int, bytes]] = []
        self._held = 0
        self._file: IO[bytes] | None = None
        self._written = 0
        self._refused = 0
        self._full: OSError | None = None

    def append(self, source: int, batch: bytes) -> None:
        """Keep a batch. Once the disk is full what is kept stays, and what comes is refused."""
        with self._lock:
            if self._full is not None:
                self._refused += 1
                return
            self._batches.append((source, batch))
            self._held += len(batch)
            if self._held > self._memory:
                self._spill()

    def _spill(self) -> None:
        """Move what is in memory to the file; on a full disk leave it where it is."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            self._file.seek(self._written)
            for source, batch in self._batches:
                self._write(_HEADER.pack(source, len(batch)) + batch)
            self._written = self._file.tell()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            self._full = error
        else:
            self._batches, self._held = [], 0

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    @property
    def failure(self) -> StorageFull | None:
        """What became of batches that could not be kept; None when all were."""
        if self._full is None:
            return None
        error = StorageFull(
            f"keep the recording in {self._folder or tempfile.gettempdir()}",
            f"{self._full.strerror}; {self._refused} batches of frames were lost, what came before is kept",
            "free some room, or record less at a time",
        )
        error.__cause__ = self._full
        return error

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._batches, self._held = [], 0
            if self._file is not None:
                self._file.close()
            self._file, self._written = None, 0

    def take(self) -> list[tuple[int, bytes]]:
        """Return all batches as (source, batch), forget them, and begin anew."""
        with self._lock:
            batches = [*self._read(), *self._batches]
            self._batches, self._held = [], 0
            self._full, self._refused = None, 0
            return batches

    def _read(self) -> list[tuple[int, bytes]]:
        if self._file is None:
            return []
        found: list[tuple[int, bytes]] = []
        self._file.seek(0)
        position = 0
        while position < self._written:
            source, length = _HEADER.unpack(self._exactly(_HEADER.size))
            found.append((source, self._exactly(length)))
            position += _HEADER.size + length
        self._file.close()
        self._file, self._written = None, 0
        return found

    def _exactly(self, size: int) -> bytes:
        assert self._file is not None
        data = b""
        while len(data) < size:
            data += self._file.read(size - len(data))
        return data
