"""The command line: argv -> runner. One small file for each command, imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that argv names (default: this process's), and return its exit code."""
    try:
        from testbed.cli.guard import guarded

        return guarded(argv)
    except KeyboardInterrupt:  # while imports were under way: all else of it is guarded
        sys.stderr.write("testbed: interrupted\n")
        return 130
