"""Segmentation and checksum offloads of an interface, off while it is recorded.

With them on, a veth carries frames larger than its MTU and without checksums, which no
real wire would. By ioctl SIOCETHTOOL (linux/ethtool.h): a process per interface would
take longer than the rest of the start.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946

# name: (ETHTOOL_G…, ETHTOOL_S…), in the order in which they are turned off
OFFLOADS = {
    "generic-receive": (0x2B, 0x2C),
    "generic-segmentation": (0x23, 0x24),
    "tcp-segmentation": (0x1E, 0x1F),
    "tx-checksum": (0x16, 0x17),
    "rx-checksum": (0x14, 0x15),
}


def _ioctl(sock: socket.socket, interface: str, command: int, value: int = 0) -> int:
    """Do one ethtool command of struct ethtool_value; return the value."""
    argument = array.array("I", [command, value])
    address, _ = argument.buffer_info()
    request = struct.pack("16sP16x", interface.encode(), address)
    fcntl.ioctl(sock, _SIOCETHTOOL, request)
    return argument[1]


def turn_off(interface: str) -> dict[str, int]:
    """Turn all offloads off that are on; return those, for `restore`. What a driver lacks is off already."""
    were_on = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name, (get, put) in OFFLOADS.items():
            try:
                value = _ioctl(sock, interface, get)
                if value:
                    _ioctl(sock, interface, put, 0)
                    were_on[name] = value
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
    return were_on


def restore(interface: str, were_on: dict[str, int]) -> None:
    """Turn on again what `turn_off` turned off; an interface that is gone needs nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name, value in reversed(were_on.items()):
            try:
                _ioctl(sock, interface, OFFLOADS[name][1], value)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
