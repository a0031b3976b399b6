"""Images that a Compose file would rather have, where they can be had: its `x-testbed` part.

::

    x-testbed:
      images: {TESTBED_MONGODB: "mongo:8"}
    services:
      mongodb:
        image: ${TESTBED_MONGODB:-testbed/host:1}

The variable is set where the image is here or a registry gives it; else the file's default stands.
Compose itself passes over what begins with `x-`.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from testbed.compose.document import mistake, shown
from testbed.errors import InvalidComposeFile

PART = "x-testbed"


def wished_images(path: Path) -> dict[str, str]:
    """Return variable -> image. Raises InvalidComposeFile; a file that is no mapping wishes nothing."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):  # whoever reads the whole file says what is wrong, and where
        return {}
    part = document.get(PART) if isinstance(document, dict) else None
    if part is None:
        return {}
    images = part.get("images") if isinstance(part, dict) and set(part) <= {"images"} else part
    if not isinstance(images, dict) or not all(
        isinstance(one, str) for pair in images.items() for one in pair
    ):
        wrong = mistake(PART, shown(part), "images: {VARIABLE: image, …}")
        raise InvalidComposeFile(f"read {path}", [wrong])
    return images
