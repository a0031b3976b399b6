"""The cable between a node and a network: cut it, heal it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.undo import Undo

if TYPE_CHECKING:
    from testbed.lab import Lab


@dataclass(slots=True)
class Cable:
    """One cable of a lab. A cut is healed by itself when the scenario, or the lab, ends."""

    lab: Lab
    node: str
    network: str
    _undo: Undo | None = field(default=None, repr=False)

    def cut(self) -> None:
        """Pull it: the node sees no carrier; what it sends is lost, and its routes stay.

        Returns when the node has noticed. Raises Unsupported, NodeExited, DeadlinePassed.
        """
        if self._undo is not None and self._undo.pending:
            return
        self._undo = self.lab.undo.push(f"the cable of {self.node} to {self.network} is cut", self._plug)
        with self.lab.journal.doing(self.node, "cut", {"network": self.network}):
            self.lab.backend.pull(self.lab.handle, self.node, self.network)

    def heal(self) -> None:
        """Plug it in again; returns when the node sees the carrier."""
        if self._undo is not None and self._undo.pending:
            self._undo()
        else:
            self._plug()

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """Keep it cut for as long as the block runs."""
        self.cut()
        try:
            yield
        finally:
            self.heal()

    def _plug(self) -> None:
        with self.lab.journal.doing(self.node, "heal", {"network": self.network}):
            self.lab.backend.plug(self.lab.handle, self.node, self.network)
