"""Servers that scenarios start on a node: the lesson's own with its faults, and those of mutants.

They run in the node's network namespace, as text given to its Python: nothing is installed on a node.
"""

from __future__ import annotations

from importlib import resources

from testbed.compose import shipped_file


def program(name: str, *arguments: str) -> list[str]:
    """The command that runs one of these programs, or one that a host's image holds, on any node."""
    here = resources.files(__package__).joinpath(f"{name}.py")
    path = here if here.is_file() else shipped_file().parent / "images" / "host" / f"{name}.py"
    return ["python3", "-u", "-c", path.read_text(encoding="utf-8"), *arguments]
