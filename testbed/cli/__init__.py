"""The command line: argv -> runner. One small file for each command, imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that argv names (default: this process's), and return its exit code."""
    from testbed.cli.guard import guarded

    return guarded(argv)
