"""A file for Compose to read beside the user's that lies on no disk: nothing is left, however we end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory


@contextlib.contextmanager
def readable(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give a path that a child process reads the text at, and the descriptors that it must inherit.

    In memory where the system can (Linux: memfd_create(2)); elsewhere a file, gone with the block.
    Not Compose's ``--file -``: several of its versions take the dash for a name
    (https://github.com/compose-spec/compose-go/pull/705).
    """
    if not hasattr(os, "memfd_create"):
        with TemporaryDirectory(prefix="testbed-up-") as folder:
            file = Path(folder, "labels.json")
            file.write_text(text, encoding="utf-8")
            yield str(file), ()
        return
    descriptor = os.memfd_create("labels.json")
    with os.fdopen(descriptor, "w", encoding="utf-8") as memory:
        memory.write(text)
        memory.flush()
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
