"""What the documents show is what happens: every command in them is run, every example too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil

from tests.docs.console import PARSER, Command, first_missing, pattern, run

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the checkout to a reader, and takes what commands leave."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_do_what_the_document_shows(name: str, folder: Path) -> None:
    """Every command of a document runs, in order, and prints what is shown below it."""
    document = Sybil(parsers=[PARSER]).parse(ROOT / name)
    document.namespace["folder"] = folder
    examples = list(document.examples())
    assert examples, f"{name} shows no commands"
    try:
        for example in examples:
            example.evaluate()
    finally:
        run(Command("testbed wipe demo"), folder)


def python_blocks(name: str) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def test_the_readmes_scenario_is_the_file_that_it_names() -> None:
    """What is printed in the README is what `testbed run docs/examples/mine.py` runs."""
    assert (ROOT / "docs/examples/mine.py").read_text(encoding="utf-8") in python_blocks("README.md")


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_the_readmes_test_passes(folder: Path) -> None:
    """The README's pytest example is a whole test file, and it passes."""
    (example,) = (block for block in python_blocks("README.md") if "def test_" in block)
    (folder / "test_example.py").write_text(example, encoding="utf-8")
    run(Command("pytest -q -p no:cacheprovider test_example.py", shown=["1 passed in …"]), folder)


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_the_example_with_a_lab_of_its_own_holds(folder: Path) -> None:
    """It passes, and its mutant turns its check red."""
    run(Command("testbed run docs/examples/shop.py", shown=["✓ shop.is-open  …", "…1 passed…"]), folder)
    run(Command("testbed mutate docs/examples/shop.py", shown=["1 of 1 mutants …"]), folder)


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        (["a 1", "b"], "a 2\nx\nb\n", None),
        (["b", "a"], "a\nb\n", "a"),
        (["lab run-… is up"], "lab run-77ab is up", None),
        (["…", ""], "", None),
        (["0 failed"], "1 failure", "0 failed"),
    ],
)
def test_shown_lines_must_be_printed_in_order(shown: list[str], printed: str, missing: str | None) -> None:
    """The comparison lets numbers differ, and nothing else."""
    assert first_missing(shown, printed) == missing


def test_an_ellipsis_stands_for_anything() -> None:
    """Within a line too."""
    assert pattern("from … to b").fullmatch("from a to b")
