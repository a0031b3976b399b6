"""Images that a Compose file would rather have."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.compose import wished_images
from testbed.errors import InvalidComposeFile


def written(folder: Path, text: str) -> Path:
    """A Compose file with this text."""
    path = folder / "compose.yaml"
    path.write_text(text)
    return path


def test_the_variables_and_their_images(tmp_path: Path) -> None:
    """What `x-testbed: images` says."""
    path = written(tmp_path, 'x-testbed:\n  images: {DATABASE: "mongo:8"}\nservices: {}\n')
    assert wished_images(path) == {"DATABASE": "mongo:8"}


@pytest.mark.parametrize("text", ["services: {}\n", "", "- 1\n", "{", "x-testbed:\n"])
def test_a_file_that_wishes_nothing(tmp_path: Path, text: str) -> None:
    """Nothing; what else may be wrong with the file is said by whoever reads it whole."""
    assert wished_images(written(tmp_path, text)) == {}


@pytest.mark.parametrize("part", ["7", "{image: {A: b}}", "{images: [a]}", "{images: {A: 1}}"])
def test_a_part_that_is_wrong(tmp_path: Path, part: str) -> None:
    """It is said what may stand there."""
    with pytest.raises(InvalidComposeFile, match=r"x-testbed.*images: \{VARIABLE: image"):
        wished_images(written(tmp_path, f"x-testbed: {part}\n"))
