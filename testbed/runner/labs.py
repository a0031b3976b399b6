"""The labs of a run: brought up when a scenario wants one, taken down when none does any more."""

from __future__ import annotations

import functools
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.interrupts import shielded
from testbed.runner.events import Listener
from testbed.runs import RunFolder

if TYPE_CHECKING:
    from testbed.backends.base import Backend
    from testbed.lab import Lab


class Labs:
    """Labs by name, each with the Compose file that it was made of.

    keep: leave up what was brought up. attached: a lab that was up before, which then serves for
    everything and stays up. folder: where the logs of nodes are kept; None: nowhere. Used from the main
    thread alone.
    """

    def __init__(self, backend: Backend, listener: Listener, *, keep: bool) -> None:
        self.folder: RunFolder | None = None
        self.kept: list[str] = []
        self.attached: Lab | None = None
        self._backend = backend
        self._listener = listener
        self._keep = keep
        self._up: dict[str, Lab] = {}
        self._made = 0

    def attach(self, name: str, file: Path | None) -> None:
        """Use a lab that is up for everything. Raises LabNotFound."""
        from testbed.lab import Lab

        self.attached = Lab.attach(name, file, backend=self._backend)
        self.attached.open()

    def up(self, file: Path) -> Lab:
        """Bring a lab up and open its probes. Raises what Lab.up raises, with nothing left behind."""
        if self.attached is not None:
            return self.attached
        begun = time.monotonic()
        self._made += 1
        tag = self.folder.id[-4:] if self.folder else secrets.token_hex(2)
        lab = self._start(file, f"run-{tag}" + (f"-{self._made}" if self._made > 1 else ""))
        lab.open()
        self._listener.lab_is_up(lab.name, len(lab.topology.nodes), time.monotonic() - begun)
        return lab

    def _start(self, file: Path, name: str) -> Lab:
        from testbed.lab import Lab

        progress = functools.partial(self._listener.lab, name)
        try:
            lab = Lab.up(file, name, backend=self._backend, detached=self._keep, progress=progress)
            self._up[name] = lab
        except KeyboardInterrupt:  # it may have come when the lab was up and not yet in our hands
            with shielded():
                self._backend.wipe([name])
            raise
        return lab

    def down(self, lab: Lab) -> None:
        """Keep the logs of a lab's nodes, and take it down. An attached or kept one is only let go."""
        with shielded():
            try:
                self._keep_logs(lab)
            finally:
                self._up.pop(lab.name, None)
                if lab is self.attached:
                    lab.close()
                elif self._keep:
                    self.kept.append(lab.name)
                    lab.close()
                else:
                    lab.down(functools.partial(self._listener.lab, lab.name))

    def down_all(self) -> None:
        """Take down all that is up; the first error is raised when all has been tried."""
        errors = []
        for lab in [*self._up.values(), *([self.attached] if self.attached else [])]:
            try:
                self.down(lab)
            except TestbedError as exc:
                errors.append(exc)
        if errors:
            raise errors[0]

    def _keep_logs(self, lab: Lab) -> None:
        if self.folder is None:
            return
        for node in lab.topology.nodes:
            try:
                output = lab.logs(node.name)
            except TestbedError as exc:
                output = f"(no log: {exc})\n".encode()
            self.folder.log(lab.name, node.name, output)
