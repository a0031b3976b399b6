"""The lab of one pytest process: when it comes up, what is undone on it, when it goes down or stays."""

from __future__ import annotations

import functools
import os
import secrets
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.compose import find_file, load, shipped_file
from testbed.errors import EngineUnavailable, TestbedError
from testbed.interrupts import handled, shielded
from testbed.lab import FOR_NODES, Lab, docker
from testbed.prefixes import VARIABLE
from testbed.pytest.recordings import Recordings
from testbed.runs import ROOT, RUN, RunFolder, new_id

if TYPE_CHECKING:
    from testbed.backends.base import Backend

REQUIRE = "TESTBED_REQUIRE_ENGINE"
"""Set to anything but 0: a test that needs a lab fails where no engine answers, instead of being skipped."""

BACKENDS: Mapping[str, Callable[[], Backend]] = {"docker": docker}

TAKEN: pytest.StashKey[Recordings] = pytest.StashKey()


class LabSession:
    """The lab that the tests of one process share: of a run without xdist, or of one worker.

    file: the Compose file that was asked for. kept: the names of the labs that were left up.
    """

    def __init__(self, config: pytest.Config, file: Path | None) -> None:
        folder = config.invocation_params.dir
        if file is not None and file.is_dir():
            file = find_file(file) or file / "compose.yaml"
        self.file = file or find_file(folder) or shipped_file()
        self.kept: list[str] = []
        self.lab: Lab | None = None
        self._backend: str = config.option.lab_backend
        self._keep: str = config.option.lab_keep
        self._record: str = config.option.lab_record
        self._worker: dict[str, str] | None = getattr(config, "workerinput", None)
        self._root = folder / ROOT
        self._spoiled = ""

    # -- the lab

    @functools.cached_property
    def environment(self) -> dict[str, str]:
        """What the file's variables stand for: each worker finds a prefix of its own."""
        given = {**os.environ, **FOR_NODES}
        if self._worker is not None:
            given.pop(VARIABLE, None)
        return given

    @functools.cached_property
    def name(self) -> str:
        """The lab's name: one that nobody else has, and that tells the worker."""
        if self._worker is None:
            return f"pytest-{secrets.token_hex(3)}"
        return f"pytest-{self._worker['testrunuid'][:6]}-{self._worker['workerid']}"

    def declared_nodes(self) -> list[str]:
        """The names of the file's nodes; no lab is needed for that."""
        try:
            return [node.name for node in load(self.file, self.environment).nodes]
        except TestbedError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from error

    def up(self) -> Lab:
        """Bring the lab up, or say in one message why not: skip without an engine, fail otherwise."""
        try:
            self.lab = self._started(BACKENDS[self._backend]())
        except EngineUnavailable as error:
            if os.environ.get(REQUIRE, "0") not in ("", "0"):
                reason = f"{error}\n  {REQUIRE} is set, so this is no reason to skip"
                raise pytest.fail.Exception(reason, pytrace=False) from error
            raise pytest.skip.Exception(f"no lab: {error}") from error
        except TestbedError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from error
        _tell_testinfra(self.lab)
        return self.lab

    def _started(self, backend: Backend) -> Lab:
        try:
            return Lab.up(
                self.file, self.name,
                backend=backend, environment=self.environment, detached=self._keep != "never",
            )  # fmt: skip
        except KeyboardInterrupt:  # it may have come when the lab was up and not yet in our hands
            with handled(), shielded():
                backend.wipe([self.name])
            raise

    def down(self, *, failed: bool) -> None:
        """Take the lab down, or let go of it where it is to be kept. failed: whether any test did."""
        lab, self.lab = self.lab, None
        if lab is None:
            return
        _tell_testinfra(None)
        keep = self._keep == "always" or (self._keep == "failed" and failed)
        try:
            with handled(), shielded():
                if keep:
                    self.kept.append(lab.name)
                    lab.close()
                else:
                    lab.down()
        except TestbedError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from error

    # -- a test on it

    @contextmanager
    def changes_undone(self, fixtures: Container[str]) -> Iterator[None]:
        """Undo at the block's end what a test changed on the lab within it. fixtures: those it uses.

        A test that would run on a lab that is not as it was fails: its result would mean nothing.
        """
        if self._spoiled and "lab" in fixtures:
            raise pytest.fail.Exception(f"an earlier test spoiled the lab: {self._spoiled}", pytrace=False)
        if self.lab is None:
            yield
            self.undo()
        else:
            with self._spoiling(), self.lab.undo.scope():
                yield

    def undo(self) -> None:
        """Undo all that was changed on the lab, if there is one."""
        if self.lab is not None:
            with self._spoiling():
                self.lab.undo.unwind()

    @contextmanager
    def _spoiling(self) -> Iterator[None]:
        try:
            yield
        except TestbedError as error:
            self._spoiled = str(error)
            raise pytest.fail.Exception(self._spoiled, pytrace=False) from error

    def recordings_of(self, item: pytest.Item) -> Recordings:
        """What was recorded of a test."""
        if TAKEN not in item.stash:
            item.stash[TAKEN] = Recordings(item.nodeid, self.folder)
        return item.stash[TAKEN]

    @contextmanager
    def recorded(self, item: pytest.Item) -> Iterator[None]:
        """Record the block, if the test uses the lab, is to be recorded, and does not see to it itself."""
        used = getattr(item, "funcargs", {})
        if self.lab is None or self._record == "asked" or "record" in used or "lab" not in used:
            yield
        elif used["lab"] is self.lab:
            with self.recordings_of(item).taking(self.lab):
                yield
        else:  # another plugin's or the user's own
            yield

    @functools.cached_property
    def _folder(self) -> RunFolder:
        folder = RunFolder(self._root, new_id())
        about = {"run": folder.id, "command": "pytest", "file": str(self.file), "sources": {}}
        folder.write_json(RUN, about)
        return folder

    def folder(self) -> RunFolder:
        """Where the recordings of failed tests are kept; made when there is one."""
        return self._folder


def _tell_testinfra(lab: Lab | None) -> None:
    """Say what `testbed://NODE` means from now on, where testinfra takes part."""
    if "testinfra" in sys.modules:
        from testbed.testinfra import NodeBackend

        NodeBackend.lab = lab
