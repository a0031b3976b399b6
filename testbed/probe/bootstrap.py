"""Install the probe's sources, which arrive over the channel, and start the agent.

The only module that execnet itself runs. The sources come as a mapping of module
name to text and are compiled when first imported; tracebacks show their lines.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import linecache
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

PACKAGE = "testbed_probe"


class ShippedSources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of the probe's package in a mapping of name to source."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Say that a module of the package is ours."""
        package, _, name = fullname.partition(".")
        if package != PACKAGE or (name and name not in self.sources):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=not name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Leave the making of the module to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's source."""
        name = module.__name__.partition(".")[2] or "__init__"
        source = self.sources[name]
        filename = f"<probe>/{name}.py"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        exec(compile(source, filename, "exec"), module.__dict__)  # noqa: S102  what a loader does


def start(channel: Any) -> None:
    """Take the sources from the channel, then serve it until its other end is gone."""
    sys.meta_path.insert(0, ShippedSources(channel.receive()))
    importlib.import_module(f"{PACKAGE}.agent").serve(channel)


if __name__ == "__channelexec__":
    start(channel)  # type: ignore[name-defined]  # noqa: F821  execnet sets it
