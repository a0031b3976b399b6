"""`testbed connect`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_nodes
from testbed.cli.options import backend_option, file_option, name_option


@with_examples(
    "connect", "testbed connect client", "testbed connect --own server", "testbed connect -n second router"
)
@click.argument("node", shell_complete=complete_nodes)
@click.option("--own", is_flag=True, help="A shell in the node's own container, if its image holds one.")
@name_option
@file_option
@backend_option
def command(node: str, own: bool, name: str | None, file: str | None, backend: str | None) -> int:
    """Open a shell with the network tools on a node.

    The shell is a probe's: it sees the node's interfaces, addresses, routes and sockets, and has ip,
    nft, tcpdump, ping, ethtool and Python, whatever the node's image holds. The node's settings of
    /proc/sys/net are under /sysnet. The lab stays up.
    """
    from testbed.cli.labs import attach, running
    from testbed.errors import CommandMissing

    with attach(name, file, backend) as lab:
        node = running(lab, node)
        if own:
            try:
                return lab.backend.terminal(lab.handle, node, ["sh"])
            except CommandMissing as exc:
                hint = f"leave out --own: `testbed connect {node}` brings its own shell"
                raise CommandMissing(exc.attempted, "its image holds no shell", hint) from exc
        return lab.backend.probe_terminal(lab.handle, node, ["env", f"PS1={node}# ", "bash", "--norc"])
