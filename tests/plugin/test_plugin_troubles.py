"""The plugin where things go wrong, and where nobody uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.engine_view import docker, remains, until
from tests.plugin.conftest import Run

USES_A_LAB = "def test_first(lab): pass\ndef test_second(lab): pass\ndef test_without(): pass\n"
HEAVY = {"docker", "pydantic", "rich", "yaml", "testbed.lab", "testbed.pytest"}  # execnet is xdist's too


def test_an_unused_plugin_is_light_and_silent(outer: Run, pytester: pytest.Pytester) -> None:
    """Whoever has the package installed and uses pytest for something else notices nothing."""
    result = outer(f"import sys\ndef test_it():\n    assert not {HEAVY!r} & sys.modules.keys()", "-q")
    result.assert_outcomes(passed=1)
    for word in ("*testbed*", "*lab*"):
        result.stdout.no_fnmatch_line(word)
    assert not (pytester.path / ".testbed").exists()


def test_it_tells_what_it_offers(outer: Run) -> None:
    """Options, markers and fixtures are found where pytest's users look for them."""
    outer("", "--help").stdout.fnmatch_lines(["network labs:", "*--lab-file=FILE*", "*lab_file (string)*"])
    outer("", "--markers").stdout.fnmatch_lines(["@pytest.mark.lab_nodes*once for each*"])
    fixtures = outer("", "--fixtures").stdout
    for shown in ("lab [[]session scope]*", "node --*", "record --*"):  # in no order that is promised
        fixtures.fnmatch_lines([shown])


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No engine answers."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_tests_are_skipped_with_the_reason(outer: Run) -> None:
    """On a machine without Docker the rest of somebody's suite runs."""
    result = outer(USES_A_LAB, "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*no lab: *nobody.sock*"])


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_tests_fail_where_there_must_be_one(
    outer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI a suite that skips itself is green and says nothing."""
    monkeypatch.setenv("TESTBED_REQUIRE_ENGINE", "1")
    result = outer(USES_A_LAB)
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*nobody.sock*", "*TESTBED_REQUIRE_ENGINE is set*"])


def test_a_file_that_is_not_there_is_a_usage_error(outer: Run) -> None:
    """Said at once, before anything is collected."""
    result = outer(USES_A_LAB, "--lab-file", "nowhere.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: the lab's Compose file is not there: *nowhere.yaml"])


@pytest.mark.parametrize("option", ["--lab-backend=abacus", "--lab-keep=sometimes", "--lab-record=some"])
def test_an_option_that_cannot_be_is_a_usage_error(outer: Run, option: str) -> None:
    """Nothing is accepted and then ignored."""
    assert outer(USES_A_LAB, option).ret == pytest.ExitCode.USAGE_ERROR


def test_mistakes_in_a_file_are_told_without_our_innards(outer: Run, pytester: pytest.Pytester) -> None:
    """All of them, each with its line, where the lab is asked for and where its nodes are."""
    bad = "services:\n  one:\n    image: a\n    networks: {nowhere: {}}\n  two:\n    image: [1]\n"
    pytester.path.joinpath("bad.yaml").write_text(bad)
    result = outer(USES_A_LAB, "--lab-file=bad.yaml")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*line 4: services.one.networks*", "*line 6: services.two.image*"])
    result.stdout.no_fnmatch_line("*session.py*")

    each = "import pytest\n@pytest.mark.lab_nodes\ndef test_each(node): pass\n"
    result = outer(each, "--lab-file=bad.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*line 4: services.one.networks*"])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("workers", [(), ("-n2", "--dist=each")], ids=["alone", "xdist"])
def test_ctrl_c_takes_the_labs_down(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """An impatient user leaves nothing behind, however many labs there are."""
    pytester.makepyfile(
        test_inner="""
        import os, pathlib, time

        def test_waits(lab):
            worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
            pathlib.Path(f"{worker}.part").write_text(lab.name)
            pathlib.Path(f"{worker}.part").rename(f"{worker}.up")
            time.sleep(300)  # for the interrupt
        """
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers]
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as inner:
        until(lambda: len(list(Path.cwd().glob("*.up"))) == (2 if workers else 1), "labs are up", 240)
        os.killpg(inner.pid, signal.SIGINT)  # as a terminal does
        said, _ = inner.communicate(timeout=150)
    assert inner.returncode == pytest.ExitCode.INTERRUPTED, said
    for up in Path.cwd().glob("*.up"):
        assert remains(up.read_text()) == [], said


def owned_by(process: int) -> list[str]:
    """The owners' labels of what a process has on the engine: containers and networks."""
    shown = '--format={{.Label "testbed.owner"}}'
    owners = docker("ps", "--all", shown) + docker("network", "ls", shown)
    return [owner for owner in owners.split() if owner.startswith(f"{process}:")]


@pytest.mark.usefixtures("engine")
def test_ctrl_c_takes_down_a_lab_that_is_coming_up(pytester: pytest.Pytester) -> None:
    """A lab half up is nobody's to keep."""
    pytester.makepyfile(test_inner=USES_A_LAB)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as inner:
        until(lambda: owned_by(inner.pid), "something of the lab is there", 240)
        os.killpg(inner.pid, signal.SIGINT)
        said, _ = inner.communicate(timeout=150)
    assert inner.returncode == pytest.ExitCode.INTERRUPTED, said
    assert owned_by(inner.pid) == [], said
