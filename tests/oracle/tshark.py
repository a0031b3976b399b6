"""tshark as a table: one row for each frame of a capture, one column for each field.

What makes it comparable with a decoder of single frames:

- every protocol but those that we decode too is switched off, heuristics with them, by a
  `disabled_protos` file in a configuration directory of our own: nobody's settings get in;
- no reassembly, no analysis of conversations, sequence numbers as on the wire;
- every checksum is checked (TCP's and IP's are not by default); no check sequence is looked for at
  the end of a frame, for none is captured.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

SEPARATOR = "\t"
AGGREGATOR = "\x1f"  # in no value that is asked for, as a comma may be

_KEPT = re.compile(
    r"frame|eth|ethertype|vlan|ieee8021ad|arp|ip|ipv6|ipv6\..*|icmp|icmpv6|tcp|udp|data|ah|sll|raw|_ws\..*"
)
_PREFERENCES = (
    "eth.fcs:Never",
    "ip.check_checksum:TRUE",
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "tcp.check_checksum:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "udp.check_checksum:TRUE",
)


@cache
def program() -> str | None:
    """Where tshark is; None if it is not installed."""
    return shutil.which("tshark")


def rows(capture: Path, fields: Sequence[str]) -> Iterator[dict[str, list[str]]]:
    """Dissect a capture; each frame as field -> its values in their order, none where there are none."""
    tshark = program()
    assert tshark is not None, "tshark is not installed; apt-get install tshark"
    command = [tshark, "-n", "-r", os.fspath(capture), "-T", "fields"]
    command += ["-E", f"separator={SEPARATOR}", "-E", "occurrence=a", "-E", f"aggregator={AGGREGATOR}"]
    for preference in _PREFERENCES:
        command += ["-o", preference]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, env=environment(), timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    for line in done.stdout.decode().split("\n")[:-1]:
        values = line.split(SEPARATOR)
        yield {
            field: value.split(AGGREGATOR) if value else []
            for field, value in zip(fields, values, strict=True)
        }


def environment() -> dict[str, str]:
    """Variables under which tshark knows no protocol but those that we decode, and no settings."""
    return {**os.environ, "WIRESHARK_CONFIG_DIR": os.fspath(_configuration()), "LC_ALL": "C.UTF-8"}


@cache
def _configuration() -> Path:
    """A directory in which every protocol is disabled but those that we decode."""
    directory = Path(tempfile.mkdtemp(prefix="oracle-"))
    atexit.register(shutil.rmtree, directory)
    listing = subprocess.run(
        ["tshark", "-G", "protocols"],
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": os.fspath(directory)},
    )
    names = [line.split("\t")[2] for line in listing.stdout.decode().splitlines()]
    disabled = "".join(f"{name}\n" for name in names if not _KEPT.fullmatch(name))
    (directory / "disabled_protos").write_text(disabled)
    return directory
