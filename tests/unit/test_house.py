"""The house rules: who may import whom, and what nobody may."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import testbed

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "testbed"

PURE = ("packets", "pcapng", "evidence", "checks", "report")
LIVE = ("lab", "node", "backends", "recorder", "runner", "cli", "pytest_plugin", "docker", "execnet")
ONLY_IN = {
    "docker": ("backends/docker",),
    "pyroute2": ("backends/netns",),
    "aiooui": ("packets/makers.py",),
    "execnet": ("backends", "channel.py", "node.py", "recorder.py", "probe"),
}


def imports(path: Path, *, for_types: bool = False) -> Iterator[str]:
    """The modules that a file imports, those for type checking only if asked for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not for_types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(inner for branch in node.body for inner in ast.walk(branch))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(room: str) -> list[Path]:
    """Give the files of a room of the house."""
    place = PACKAGE / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [PACKAGE / f"{room}.py"]


def within(module: str, room: str) -> bool:
    """Whether a module is a room or in it."""
    return module == room or module.startswith(f"{room}.")


@pytest.mark.parametrize("room", PURE)
def test_what_works_on_a_recording_needs_no_lab(room: str) -> None:
    """A saved recording can be judged and reported on any system, with no Docker, years later."""
    for path in files(room):
        for module in imports(path, for_types=True):
            for live in LIVE:
                forbidden = within(module, live) or within(module, f"testbed.{live}")
                assert not forbidden, f"{path.relative_to(ROOT)} imports {module}"


def test_scenarios_name_the_lab_only_for_types() -> None:
    """Judging loads a scenario's file: it must load where there is no lab."""
    for path in [*files("scenarios"), PACKAGE / "scenario.py"]:
        for module in imports(path):
            assert not within(module, "testbed.lab"), f"{path.relative_to(ROOT)} imports {module}"
            assert not within(module, "testbed.backends"), f"{path.relative_to(ROOT)} imports {module}"


def test_what_runs_on_a_node_is_self_contained() -> None:
    """The probe's code is sent to a node that has nothing of ours."""
    for path in files("probe"):
        for module in imports(path):
            outside = within(module, "testbed") and not within(module, "testbed.probe")
            assert not outside, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_each_foreign_library_has_its_border(library: str) -> None:
    """An engine's errors are mapped in one place: nobody else may speak to it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if not place.startswith(ONLY_IN[library]):
            for module in imports(path):
                assert not within(module, library), f"testbed/{place} imports {module}"


def test_scapy_is_never_imported() -> None:
    """Scapy is GPL-2.0, this package is Apache-2.0."""
    for path in sorted(PACKAGE.rglob("*.py")):
        assert not any(within(module, "scapy") for module in imports(path, for_types=True))


def test_every_public_name_is_there() -> None:
    """What the package offers can be imported from it, and costs nothing until it is."""
    for name in testbed.__all__:
        assert getattr(testbed, name).__module__.startswith("testbed."), name


def test_importing_the_package_brings_nothing_heavy() -> None:
    """`import testbed` is done by every command, by every user of the pytest plugin too."""
    code = (
        "import sys, testbed; print([m for m in ('docker', 'pydantic', 'rich', 'yaml') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
