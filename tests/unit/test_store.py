"""A recording read back is the recording that was kept, and its frames are Wireshark's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import pcapng
from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.errors import InvalidRecording, StorageFull
from testbed.evidence import Citation, Evidence, Gap, NodeFacts
from testbed.evidence.store import CAPTURE, EVIDENCE, Store, load, numbered
from testbed.runs import RunFolder, comments_of
from tests.unit import story


def frames_of(evidence: Evidence) -> list[tuple[object, ...]]:
    """What of a recording's frames has to survive."""
    return [(f.number, f.time_ns, f.vantage, f.direction, f.data, f.original_length) for f in evidence.frames]


def kept_twice(folder: Path) -> tuple[Evidence, Evidence]:
    """Keep the story, and the story again on another lab."""
    store = Store(folder)
    first = numbered(story.evidence(), 1)
    store.add(first, {2: "story asks: passed – it asks"}, "one", {"round": 1})
    second = numbered(story.evidence().edited(scenario="story.again"), store.count + 1)
    store.add(second, {}, "two")
    return first, second


def test_a_recording_survives_the_disk(tmp_path: Path) -> None:
    """Nothing that a check can ask is lost or changed by keeping it."""
    first, second = kept_twice(tmp_path)
    one, two = load(tmp_path)
    for kept, read in ((first, one.evidence), (second, two.evidence)):
        assert frames_of(read) == frames_of(kept)
        assert read.edited(frames=()) == kept.edited(frames=())
    assert (one.lab, two.lab) == ("one", "two")
    assert one.note == {"round": 1}


def test_all_kinds_of_values_survive(tmp_path: Path) -> None:
    """Bytes, gaps, counters and neighbours come back as what they were."""
    evidence = story.evidence()
    action = evidence.actions[0]
    evidence = evidence.edited(
        actions=(
            *evidence.actions[:0],
            type(action)(1, 5, 6, "client", "send", {"data": b"\x00\xff"}, [b"x", 1.5, None]),
        ),
        gaps=(Gap("client:lan-a", "the kernel dropped 3 frames"),),
        facts={
            "client": NodeFacts(
                "client", ({"address": "10.0.0.1"},), (), {"IpInReceives": (3, 9)}, {"a": "1"}
            )
        },
    )
    Store(tmp_path).add(numbered(evidence, 1), {})
    (stored,) = load(tmp_path)
    assert stored.evidence.actions[0].arguments == {"data": b"\x00\xff"}
    assert stored.evidence.actions[0].result == [b"x", 1.5, None]
    assert stored.evidence.gaps == evidence.gaps
    assert stored.evidence.facts == evidence.facts


def test_a_frame_has_the_number_that_wireshark_shows(tmp_path: Path) -> None:
    """Frames of all recordings count through the one capture file; those that are cited say so."""
    first, second = kept_twice(tmp_path)
    capture = pcapng.read(tmp_path / CAPTURE)
    assert [record.data for record in capture.records] == [f.data for f in (*first.frames, *second.frames)]
    assert [frame.number for frame in second.frames] == list(
        range(len(first.frames) + 1, len(capture.records) + 1)
    )
    assert [n for n, record in enumerate(capture.records, 1) if record.comment] == [2]
    assert {interface.name for interface in capture.interfaces} == {v.name for v in first.vantages}


def test_an_interface_that_was_made_meanwhile_is_kept(tmp_path: Path) -> None:
    """A bridge that a scenario made has frames, though it was no vantage point at the beginning."""
    evidence = story.evidence()
    late = evidence.frames[-1].replaced(number=99, vantage="router:bridge0", time_ns=evidence.end_ns)
    Store(tmp_path).add(numbered(evidence.edited(frames=(*evidence.frames, late)), 1), {})
    (stored,) = load(tmp_path)
    assert stored.evidence.frames[-1].vantage == "router:bridge0"


def test_both_files_are_whole_after_each_recording(tmp_path: Path) -> None:
    """A run that is killed leaves what it had: the files can be read at any moment."""
    store = Store(tmp_path)
    assert load(tmp_path) == []
    store.add(numbered(story.evidence(), 1), {})
    assert len(load(tmp_path)) == 1
    assert pcapng.read(tmp_path / CAPTURE).truncated is None


def test_a_newer_version_is_refused_clearly(tmp_path: Path) -> None:
    """What a newer testbed wrote is not misread."""
    kept_twice(tmp_path)
    path = tmp_path / EVIDENCE
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2', 1))
    with pytest.raises(InvalidRecording, match="newer testbed"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (EVIDENCE, b"", "no JSON"),
        (EVIDENCE, b"[]", "not a file of testbed's"),
        (EVIDENCE, b'{"schema_version": "1"}', "not a file of testbed's"),
        (EVIDENCE, b'{"schema_version": 1, "capture": "capture.pcapng", "recordings": [{}]}', "KeyError"),
        (CAPTURE, b"\x7fELF", "begins with"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    """A file that is something else, or broken, is named with what is wrong with it."""
    kept_twice(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRecording, match=told):
        load(tmp_path)


def test_a_capture_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """A verdict is never given on half a recording."""
    kept_twice(tmp_path)
    path = tmp_path / CAPTURE
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InvalidRecording, match="breaks off"):
        load(tmp_path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The message names the file that is not there."""
    with pytest.raises(InvalidRecording, match=r"evidence\.json"):
        load(tmp_path)
    kept_twice(tmp_path)
    (tmp_path / CAPTURE).unlink()
    with pytest.raises(InvalidRecording, match=r"capture\.pcapng"):
        load(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False)
    if made.returncode != 0:
        pytest.skip("making a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_keeps_what_there_was(small_disk: Path) -> None:
    """The recording that does not fit is refused; those before it are still whole."""
    store = Store(small_disk)
    first = numbered(story.evidence(), 1)
    store.add(first, {})
    big = first.frames[0].replaced(data=os.urandom(40_000))
    with pytest.raises(StorageFull, match="free some room"):
        store.add(numbered(story.evidence().edited(frames=(big, big)), store.count + 1), {})
    (stored,) = load(small_disk)
    assert frames_of(stored.evidence) == frames_of(first)
    assert len(pcapng.read(small_disk / CAPTURE).records) == len(first.frames)


def test_a_run_folder_on_a_full_disk_says_so(small_disk: Path) -> None:
    """A log that does not fit ends as StorageFull, and leaves no half of it."""
    folder = RunFolder(small_disk, "one")
    with pytest.raises(StorageFull):
        folder.log("lab", "client", b"x" * 100_000)
    assert list(folder.path.glob("logs/lab/*")) == []


def test_latest_points_to_the_last_run(tmp_path: Path) -> None:
    """`latest` leads to the run that began last, also while it goes on."""
    RunFolder(tmp_path, "a")
    RunFolder(tmp_path, "b")
    assert (tmp_path / "runs" / "latest").resolve() == (tmp_path / "runs" / "b").resolve()


def test_logs_hold_no_control_characters(tmp_path: Path) -> None:
    """What a node says cannot take over the terminal of whoever reads its log."""
    folder = RunFolder(tmp_path, "a")
    folder.log("lab", "client", b"\x1b[31mred\x07\r\nnext\xff")
    assert (folder.path / "logs/lab/client.log").read_text() == "red\nnext\ufffd"


def test_cited_frames_name_their_checks() -> None:
    """Each check that cites a frame has a line in the frame's comment."""
    cites = (Citation("frame", 4), Citation("sample", 4))
    verdicts = tuple(
        CheckVerdict(Check(name, f"title {name}"), Finding(Status.PASSED, "so", cites)) for name in ("a", "b")
    )
    comments = comments_of(Verdict("x.y", verdicts))
    assert comments == {4: "x.y a: passed – title a\nx.y b: passed – title b"}


def test_json_is_json(tmp_path: Path) -> None:
    """Any JSON reader can read evidence.json."""
    kept_twice(tmp_path)
    document = json.loads((tmp_path / EVIDENCE).read_bytes())
    assert [one["scenario"] for one in document["recordings"]] == ["unit.story", "story.again"]
    assert document["recordings"][1]["frames"][0] == document["recordings"][0]["frames"][1] + 1
