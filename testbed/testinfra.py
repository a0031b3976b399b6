"""A testinfra connection to nodes: `testbed://client` runs commands of the probe's on node client.

For what a node is on the network: addresses, routes, neighbours, sockets. They are those of the node,
for the probe shares its network namespace; processes and files are the probe's own. What is in the
node's own container is reached by testinfra's `docker://`, with `lab.handle.containers["client"]`.

The pytest plugin makes it known to testinfra, and brings the lab up for a test whose `host` is such a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from testinfra.backend.base import BaseBackend, CommandResult

from testbed.errors import UsageError

if TYPE_CHECKING:
    from testbed.lab import Lab


class NodeBackend(BaseBackend):  # type: ignore[misc]  # testinfra comes without types
    """A node of the lab that is running when a command is to be run; hosts are named before there is one."""

    NAME = "testbed"
    lab: ClassVar[Lab | None] = None

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a shell's line on the node; UsageError when no lab is running."""
        if self.lab is None:
            raise UsageError(f"reach {self.get_pytest_id()}", "no lab is running", "use the fixture `lab`")
        line = self.get_command(command, *args)
        done = self.lab[self.hostname].run(["sh", "-c", line])
        return self.result(done.status, self.encode(line), done.stdout, done.stderr)
