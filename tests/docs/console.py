"""Run the console blocks of a document, and hold what they show against what is printed.

A line that begins with `$ ` is run; it must end with 0, or as its comment says (`# ends with 1`). The
lines below it must be printed, in this order: numbers and blanks aside, `…` for anything, a line of
it alone for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sybil import Example
from sybil.parsers.markdown import CodeBlockParser

ENDS_WITH = re.compile(r"#.*ends with (\d+)")
NUMBER = re.compile(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b|\d+(\.\d+)*")
LINES = re.compile(r"(?:[│├┤┼─▶◀●]\s*)+")


@dataclass
class Command:
    """A command of a console block, and the lines shown below it."""

    line: str
    status: int = 0
    shown: list[str] = field(default_factory=list)


def commands(block: str) -> list[Command]:
    """Take a console block apart."""
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            status = ENDS_WITH.search(line)
            found.append(Command(line[2:], int(status.group(1)) if status else 0))
        elif found:
            found[-1].shown.append(line)
    return found


def plain(line: str) -> str:
    """A line without what differs from run to run: numbers, MACs, widths, how many nodes a ladder has."""
    return " ".join(LINES.sub(" │ ", NUMBER.sub("0", line)).split())


def pattern(line: str) -> re.Pattern[str]:
    """What a shown line matches: `…` stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in plain(line).split("…")))


def first_missing(shown: list[str], printed: str) -> str | None:
    """The first shown line that was not printed after those before it; None when all were."""
    lines = iter([plain(line) for line in printed.splitlines()])
    for line in shown:
        if plain(line) in ("", "…"):
            continue
        wanted = pattern(line)
        if not any(wanted.fullmatch(found) for found in lines):
            return line
    return None


def run(command: Command, folder: Path) -> None:
    """Run a command as a reader would; AssertionError where it does not do what is shown."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # COLUMNS and the rest decide how lines are broken: a document shows them as they are piped.
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    ran = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder, env={**kept, "PATH": path}, text=True, timeout=400, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == command.status, f"$ {command.line}\nended with {ran.returncode}\n{ran.stdout}"
    missing = first_missing(command.shown, ran.stdout)
    assert missing is None, f"$ {command.line}\ndid not print\n{missing}\nbut\n{ran.stdout}"


def evaluate(example: Example) -> None:
    """Run a block's commands one after another, in the document's folder."""
    for command in commands(example.parsed):
        run(command, example.namespace["folder"])


PARSER = CodeBlockParser("console", evaluate)
