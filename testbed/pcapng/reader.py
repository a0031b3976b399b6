"""Reading captures, frame by frame: pcapng of any byte order and clock, and the older pcap.

A file that breaks off (a recorder that was killed, a disk that was full) is read up to where it
does, and `truncated` says so. A file that is no capture raises InvalidRecording.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from testbed.errors import InvalidRecording
from testbed.pcapng import pcap
from testbed.pcapng.blocks import Capture, InterfaceBlock, Record, Section, Statistics
from testbed.pcapng.sections import Sections
from testbed.pcapng.source import Source

_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"


class Reader:
    """A capture file, open: iterate over it for its frames, in one pass.

    `interfaces`, `statistics`, `section` and `truncated` are what was read so far; complete only
    behind the last frame. Use it as a context manager: a file given by path is closed at the end.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        """Open a capture. Raises InvalidRecording if it is none, OSError if it cannot be opened."""
        self._owned = isinstance(source, (str, os.PathLike))
        file = source
        if isinstance(file, (str, os.PathLike)):
            file = Path(file).open("rb")  # noqa: SIM115 - close() closes it
        try:
            self._source = Source(file)
            self._source.has(24)
            magic = self._source.buffer[:4]
            self._sections: Sections | pcap.Pcap
            if magic == _PCAPNG:
                self._sections = Sections(self._source)
            elif magic in pcap.MAGICS:
                self._sections = pcap.Pcap(self._source)
            else:
                given = f"it begins with {magic.hex(' ')}" if magic else "it is empty"
                raise InvalidRecording(
                    f"read {self._source.name}", given, "captures are pcapng (0a 0d 0d 0a) or pcap files"
                )
        except BaseException:
            if self._owned:
                file.close()
            raise

    def __iter__(self) -> Iterator[Record]:
        return self._sections.records()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned:
            self._source.file.close()

    @property
    def interfaces(self) -> list[InterfaceBlock]:
        """The interfaces described so far, those of all sections in one list."""
        return self._sections.interfaces

    @property
    def statistics(self) -> list[Statistics]:
        """What was received and dropped, as far as it was read."""
        return self._sections.statistics

    @property
    def section(self) -> Section:
        """What the first section says of itself."""
        return self._sections.section

    @property
    def truncated(self) -> str | None:
        """None, or where and how the file breaks off."""
        return self._source.truncated


def read(source: str | os.PathLike[str] | BinaryIO) -> Capture:
    """Read a whole capture into memory; `Reader` for one that may not fit.

    Raises InvalidRecording if it is no capture, or contradicts itself; OSError if it cannot be read.
    """
    with Reader(source) as reader:
        records = list(reader)
        return Capture(
            tuple(reader.interfaces), records, tuple(reader.statistics), reader.section, reader.truncated
        )
