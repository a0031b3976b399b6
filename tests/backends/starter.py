"""A program that starts a lab and tells what comes, for tests that end it in the middle.

    starter.py FILE NAME [--detached] [--probes]

Prints a line for each progress, `up` when the lab is up, and holds it until its input ends.
"""

from __future__ import annotations

import sys

from testbed.backends.base import Progress
from testbed.interrupts import handled
from testbed.lab import Lab


def tell(progress: Progress) -> None:
    """Print progress as it comes."""
    say(f"{progress.subject} {progress.name} {progress.state}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(file: str, name: str, *options: str) -> None:
    """Start, say so, and wait."""
    with (
        handled(),
        Lab.up(file, name, environment={}, detached="--detached" in options, progress=tell) as lab,
    ):
        if "--probes" in options:
            lab.open()
        say("up")
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
