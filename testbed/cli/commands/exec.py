"""`testbed exec`."""

from __future__ import annotations

import click

from testbed.cli.command import with_examples
from testbed.cli.completing import complete_nodes
from testbed.cli.options import backend_option, file_option, name_option


@with_examples(
    "exec",
    "testbed exec client -- id",
    "testbed exec --probe router -- ip route",
    "testbed exec --probe router -- sh -c 'echo 0 > /sysnet/ipv4/ip_forward'",
    "testbed exec --probe client -- ping -c 3 172.16.20.10",
)
@click.argument("node", shell_complete=complete_nodes)
@click.argument("argv", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--probe", is_flag=True, help="With the network tools, in the node's network namespace.")
@name_option
@file_option
@backend_option
def command(
    node: str,
    argv: tuple[str, ...],
    probe: bool,
    name: str | None,
    file: str | None,
    backend: str | None,
) -> int:
    """Run a command on a node.

    CMD runs in the node's own container, with what its image holds. With --probe it runs beside the
    node, in its network namespace, with ip, nft, tcpdump, ping, ethtool and Python; the node's settings
    of /proc/sys/net are under /sysnet there. The exit code is the command's; on a terminal, the command
    has the terminal.
    """
    from testbed.cli.labs import attach, running

    with attach(name, file, backend) as lab:
        run = lab.backend.probe_terminal if probe else lab.backend.terminal
        return run(lab.handle, running(lab, node), argv)
