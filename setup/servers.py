"""Build those of the lab's images that a run makes when it first needs them, and say so on standard error."""

import sys

from testbed.backends.base import Progress
from testbed.backends.docker.client import Engine
from testbed.backends.docker.images import LATER, OURS, ensure_ours


def tell(made: Progress) -> None:
    """One line for each step."""
    sys.stderr.write(f"set-up: {made.state} {made.name}\n")


ensure_ours(Engine(), {image for image, role in OURS.items() if role in LATER}, tell)
