"""The errors that operations raise on purpose, and how any error travels over the channel."""

from __future__ import annotations

import socket
import traceback


class Deadline(Exception):
    """Our own time limit passed; the kernel has not given up."""


class Unsupported(Exception):
    """This kernel lacks what was asked for."""


def describe(error: Exception) -> tuple[str, int, str]:
    """Return (kind, errno, text) of an error, as the channel carries it."""
    if isinstance(error, Deadline):
        return ("deadline", 0, str(error))
    if isinstance(error, Unsupported):
        return ("unsupported", 0, str(error))
    if isinstance(error, socket.gaierror):
        return ("resolver", error.errno or 0, error.strerror or str(error))
    if isinstance(error, OSError) and error.errno:
        return ("os", error.errno, error.strerror or str(error))
    if isinstance(error, (ValueError, OverflowError)):
        return ("refused", 0, f"{type(error).__name__}: {error}")
    return ("fault", 0, "".join(traceback.format_exception(error)))
