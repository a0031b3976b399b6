"""The version of this package, as installed."""

from __future__ import annotations


def package_version() -> str:
    """The installed distribution's version; `0+unknown` for sources that were never installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("testbed")
    except PackageNotFoundError:
        return "0+unknown"
