"""Recordings on disk: `capture.pcapng` with the frames of all scenarios, `evidence.json` with the rest.

Both grow by one recording at a time and are whole after each, so that a run that is cut off loses
nothing that it had. A frame's number is its place in the capture file, which is the number that
Wireshark shows. The JSON names the first and last frame of each recording.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed import pcapng
from testbed.errors import EnvironmentUnfit, InvalidRecording, StorageFull, TestbedError
from testbed.evidence import plain
from testbed.evidence.recording import Evidence
from testbed.evidence.records import Frame

SCHEMA_VERSION: Final = 1
CAPTURE: Final = "capture.pcapng"
EVIDENCE: Final = "evidence.json"

_UNWRITABLE: Final = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG
)  # fmt: skip
_TAIL: Final = b"\n]}\n"


def numbered(evidence: Evidence, first: int) -> Evidence:
    """Return the recording with its frames numbered from `first` on, in order of time."""
    frames = sorted(evidence.frames, key=lambda frame: (frame.time_ns, frame.number))
    return evidence.edited(frames=tuple(frame.replaced(number=n) for n, frame in enumerate(frames, first)))


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn a full disk into StorageFull, and a place that cannot be written to into EnvironmentUnfit."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"write {path}", exc.strerror or str(exc), "free some room, or cd to a folder that has some"
            ) from exc
        if exc.errno in _UNWRITABLE and exc.filename is not None:
            raise EnvironmentUnfit(
                f"write {exc.filename}", exc.strerror or str(exc), "choose a place that can be written to"
            ) from exc
        raise


class Store:
    """The two files of a run, open for more."""

    def __init__(self, folder: Path, application: str = "testbed") -> None:
        """Begin both files in an existing folder. Raises StorageFull, OSError."""
        self.folder = folder
        self.count = 0
        self._interfaces: dict[tuple[str, str], int] = {}
        self._recordings = 0
        section = pcapng.section_block(pcapng.Section(application=application))
        head = json.dumps({"schema_version": SCHEMA_VERSION, "capture": CAPTURE})[:-1] + ', "recordings": ['
        with storage(folder):
            (folder / CAPTURE).write_bytes(section)
            (folder / EVIDENCE).write_bytes(head.encode() + _TAIL)

    def add(
        self,
        evidence: Evidence,
        comments: Mapping[int, str],
        lab: str = "",
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a recording whose frames are numbered from `count` + 1 on.

        comments: frame number -> lines, shown in Wireshark. lab: which one, where a run has several.
        note: what else to keep beside it. Raises StorageFull, and then both files are as before.
        """
        if any(frame.number != number for number, frame in enumerate(evidence.frames, self.count + 1)):
            raise ValueError(f"frames of {evidence.scenario} are not numbered from {self.count + 1} on")
        document = {
            **plain.dump(evidence),
            **(note or {}),
            "lab": lab,
            "frames": [self.count + 1, self.count + len(evidence.frames)],
        }
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        capture = self.folder / CAPTURE
        interfaces, size = dict(self._interfaces), capture.stat().st_size
        try:
            with storage(self.folder):
                _append(capture, b"".join(self._blocks(evidence, comments, lab)))
                _append(self.folder / EVIDENCE, (b",\n" if self._recordings else b"\n") + text, over=_TAIL)
        except BaseException:
            self._interfaces = interfaces
            os.truncate(capture, size)
            raise
        self._recordings += 1
        self.count += len(evidence.frames)

    def _blocks(self, evidence: Evidence, comments: Mapping[int, str], lab: str) -> Iterator[bytes]:
        about = {vantage.name: f"{vantage.interface} {vantage.mac}" for vantage in evidence.vantages}
        # An interface that was made during the recording has frames, and no place among the vantage points.
        for name in dict.fromkeys((*about, *(frame.vantage for frame in evidence.frames))):
            if (lab, name) not in self._interfaces:
                self._interfaces[lab, name] = len(self._interfaces)
                words = (about.get(name, ""), f"of lab {lab}" if lab else "")
                yield pcapng.interface_block(pcapng.InterfaceBlock(name, " ".join(filter(None, words))))
        for frame in evidence.frames:
            yield pcapng.packet_block(
                pcapng.Record(
                    self._interfaces[lab, frame.vantage],
                    frame.time_ns,
                    frame.data,
                    frame.original_length,
                    comments.get(frame.number),
                    frame.direction,
                )
            )


def _append(path: Path, data: bytes, over: bytes = b"") -> None:
    """Add data at a file's end, `over` staying the end; a file that cannot take it all is as it was."""
    with path.open("r+b", buffering=0) as file:
        end = file.seek(-len(over), os.SEEK_END)
        rest = memoryview(data + over)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.seek(end)
            file.truncate()
            file.write(over)
            raise


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording read back, and what was kept beside it."""

    evidence: Evidence
    lab: str
    note: Mapping[str, Any]


def load(folder: Path) -> list[Stored]:
    """Read all recordings of a run's folder.

    Raises InvalidRecording where there is none, where it was written by a newer version, or is broken.
    """
    document = read_json(folder / EVIDENCE, SCHEMA_VERSION)
    try:
        frames = _frames(folder / document["capture"])
        return [_stored(one, frames) for one in document["recordings"]]
    except InvalidRecording:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, TestbedError) as exc:
        raise InvalidRecording(
            f"read the recording in {folder}", f"it is not what was written: {type(exc).__name__}: {exc}"
        ) from exc


def read_json(path: Path, newest: int) -> dict[str, Any]:
    """Read one of our JSON files, schema_version at most `newest`; raise InvalidRecording otherwise."""
    attempted = f"read {path}"
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as exc:
        raise InvalidRecording(attempted, "there is no such file", "name the folder of a run") from exc
    except OSError as exc:
        raise InvalidRecording(attempted, exc.strerror or str(exc)) from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRecording(attempted, f"no JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise InvalidRecording(attempted, f"a {type(document).__name__}: not a file of testbed's")
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidRecording(attempted, f"schema_version {version!r}: not a file of testbed's")
    if version > newest:
        raise InvalidRecording(
            attempted, f"schema_version {version}, written by a newer testbed; this one reads up to {newest}",
            "install the newer version",
        )  # fmt: skip
    return document


def _frames(path: Path) -> list[Frame]:
    try:
        capture = pcapng.read(path)
    except OSError as exc:
        raise InvalidRecording(f"read {path}", exc.strerror or str(exc)) from exc
    names = [interface.name for interface in capture.interfaces]
    return [
        Frame(n, one.time_ns, names[one.interface], one.direction or "in", one.data, one.original_length)
        for n, one in enumerate(capture.records, 1)
    ]


_OWN = frozenset(("lab", "frames", "scenario", "topology", "begin_ns", "end_ns", "vantages", "tcp_samples",
                  "neighbour_samples", "actions", "steps", "faults", "facts", "gaps"))  # fmt: skip


def _stored(given: dict[str, Any], frames: list[Frame]) -> Stored:
    first, last = given["frames"]
    if last > len(frames):
        raise InvalidRecording(
            f"read the recording of {given['scenario']}",
            f"the capture breaks off at frame {len(frames)}; its frames are {first} to {last}",
            "copy the run's folder again, whole",
        )
    note = {key: value for key, value in given.items() if key not in _OWN}
    return Stored(plain.load(given, frames[first - 1 : last]), given["lab"], note)
