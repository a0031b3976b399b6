"""`testbed report` writes the page of a kept run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from testbed import runs
from testbed.cli.commands.report import command
from testbed.scenario import load
from tests.report.story import Story


@pytest.fixture
def kept(tmp_path: Path, story: Story) -> Path:
    """The folder of a run of one scenario."""
    folder = runs.RunFolder(tmp_path / ".testbed", "a-run")
    ending = {"reason": "", "judged": True, "skipped": False}
    note = {"ending": ending, "seconds": 1.0, "round": 1, "trace": "", "mutant": "", "source": "shipped"}
    folder.add(story.evidence("tcp.handshake"), load("tcp.handshake")().judge, "lab", note)
    about = {"run": "a-run", "command": "testbed run", "seed": 1, "versions": {}, "begun": 0.0, "sources": {}}
    folder.write_json(runs.RUN, about)
    return folder.path


def test_report_of_a_run(kept: Path) -> None:
    """The page lies in the run's folder, names the capture beside it, and the path is printed."""
    ended = CliRunner().invoke(command, [str(kept)], catch_exceptions=False)
    assert ended.exit_code == 0
    assert ended.output.strip() == str(kept / "report.html")
    text = (kept / "report.html").read_text(encoding="utf-8")
    assert 'href="capture.pcapng"' in text
    assert "tcp.handshake" in text


def test_report_elsewhere(kept: Path, tmp_path: Path) -> None:
    """Written elsewhere, it links to the capture where that is."""
    path = tmp_path / "elsewhere.html"
    CliRunner().invoke(command, [str(kept), "-o", str(path)], catch_exceptions=False)
    assert f'href="{(kept / "capture.pcapng").resolve().as_uri()}"' in path.read_text(encoding="utf-8")
