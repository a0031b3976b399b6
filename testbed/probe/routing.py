"""rtnetlink: interfaces, addresses, neighbours and routes of the node's namespace.

Sources: linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

from .netlink import ROUTE, Netlink, attributes

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_NEIGHBOUR, DEL_NEIGHBOUR, GET_NEIGHBOUR = 28, 29, 30

# Multicast groups (RTNLGRP_…) as bits of the socket's address.
GROUP_LINK, GROUP_NEIGHBOUR = 1 << 0, 1 << 2
GROUP_ADDRESS4, GROUP_ROUTE4, GROUP_ADDRESS6, GROUP_ROUTE6 = 1 << 4, 1 << 6, 1 << 8, 1 << 10

IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40

NEIGHBOUR_STATES = {
    0x01: "INCOMPLETE",
    0x02: "REACHABLE",
    0x04: "STALE",
    0x08: "DELAY",
    0x10: "PROBE",
    0x20: "FAILED",
    0x40: "NOARP",
    0x80: "PERMANENT",
    0x00: "NONE",
}
_PERMANENT, _NOARP = 0x80, 0x40
_ROUTE_TYPES = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
}
_TABLE_LOCAL = 255
_CLONED = 0x200

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_ROUTE = struct.Struct("=BBBBBBBBI")


def mac_text(data: bytes) -> str:
    """Six bytes as `02:42:ac:10:0a:0a`."""
    return ":".join(f"{byte:02x}" for byte in data)


def address_text(data: bytes) -> str:
    """Four or sixteen bytes as an address."""
    return str(ipaddress.ip_address(data))


def read_link(body: bytes) -> dict[str, Any]:
    """An interface: name, MAC, MTU, whether it is up and has a carrier, the peer's index, its counters.

    leads_out: its other end, or what it sits on, is in another network namespace (IFLA_LINK_NETNSID):
    it is a cable's end, and no bridge, VLAN or tunnel of the node's own.
    """
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body, _LINK.size)
    counters = struct.unpack_from("=8Q", found[23]) if len(found.get(23, b"")) >= 64 else (0,) * 8
    names = "rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped".split()
    return {
        "index": index,
        "name": found.get(3, b"").rstrip(b"\0").decode(),
        "mac": mac_text(found[1]) if len(found.get(1, b"")) == 6 else "",
        "mtu": _word(found.get(4)),
        "up": bool(flags & IFF_UP),
        "carrier": bool(flags & IFF_RUNNING),
        "loopback": bool(flags & IFF_LOOPBACK),
        "peer": _word(found.get(5)),
        "leads_out": 37 in found,
        "counters": dict(zip(names, counters, strict=True)),
    }


def read_address(body: bytes) -> dict[str, Any]:
    """An address with its prefix length: {"interface": index, "address": "172.16.10.10/24"}."""
    _, prefix, _, _, index = _ADDRESS.unpack_from(body)
    found = attributes(body, _ADDRESS.size)
    value = found.get(2) or found.get(1)  # IFA_LOCAL, where there is a peer; else IFA_ADDRESS
    return {"interface": index, "address": f"{address_text(value)}/{prefix}" if value else ""}


def read_neighbour(body: bytes) -> dict[str, Any]:
    """A row of the neighbour table: interface index, address, MAC (or None), state."""
    family, index, state, _, _ = _NEIGHBOUR.unpack_from(body)
    found = attributes(body, _NEIGHBOUR.size)
    mac = found.get(2, b"")
    return {
        "family": family,
        "interface": index,
        "address": address_text(found[1]) if len(found.get(1, b"")) in (4, 16) else "",
        "mac": mac_text(mac) if len(mac) == 6 and any(mac) else None,
        "state": NEIGHBOUR_STATES.get(state, hex(state)),
    }


def read_route(body: bytes) -> dict[str, Any]:
    """A row of the routing table: destination, gateway, interface index, preferred source, table, type."""
    family, length, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(body)
    found = attributes(body, _ROUTE.size)
    zero = b"\0" * (16 if family == socket.AF_INET6 else 4)
    return {
        "destination": f"{address_text(found.get(1, zero))}/{length}",
        "gateway": address_text(found[5]) if 5 in found else None,
        "interface": _word(found.get(4)),
        "source": address_text(found[7]) if 7 in found else None,
        "metric": _word(found.get(6)),
        "table": _word(found.get(15)) or table,
        "type": _ROUTE_TYPES.get(kind, str(kind)),
    }


def _word(data: bytes | None) -> int:
    return int(struct.unpack_from("=I", data)[0]) if data and len(data) >= 4 else 0


def links(netlink: Netlink) -> list[dict[str, Any]]:
    """All interfaces."""
    return [
        read_link(body)
        for kind, body in netlink.dump(GET_LINK, _LINK.pack(0, 0, 0, 0, 0))
        if kind == NEW_LINK
    ]


def addresses(netlink: Netlink) -> list[dict[str, Any]]:
    """All addresses, IPv4 and IPv6."""
    found = netlink.dump(GET_ADDRESS, _ADDRESS.pack(0, 0, 0, 0, 0))
    return [read_address(body) for kind, body in found if kind == NEW_ADDRESS]


def neighbours(netlink: Netlink) -> list[dict[str, Any]]:
    """The neighbour tables of IPv4 and IPv6, without what needs no resolution (loopback, multicast)."""
    found = netlink.dump(GET_NEIGHBOUR, _NEIGHBOUR.pack(0, 0, 0, 0, 0))
    rows = (read_neighbour(body) for kind, body in found if kind == NEW_NEIGHBOUR)
    return [row for row in rows if row["state"] != "NOARP" and row["address"]]


def routes(netlink: Netlink) -> list[dict[str, Any]]:
    """The routing tables, without the kernel's own table of local addresses, and without its cache.

    What the kernel learned of a path stands in the cache beside the routes (RTM_F_CLONED).
    """
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind, body in netlink.dump(GET_ROUTE, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            *_, flags = _ROUTE.unpack_from(body)
            if (
                kind == NEW_ROUTE
                and not flags & _CLONED
                and (row := read_route(body))["table"] != _TABLE_LOCAL
            ):
                found.append(row)
    return found


def interfaces(netlink: Netlink) -> list[dict[str, Any]]:
    """All interfaces, each with its addresses under "addresses"."""
    rows = links(netlink)
    by_index: dict[int, list[str]] = {}
    for row in addresses(netlink):
        by_index.setdefault(row["interface"], []).append(row["address"])
    for row in rows:
        row["addresses"] = by_index.get(row["index"], [])
    return rows


def named(rows: list[dict[str, Any]], netlink: Netlink) -> list[dict[str, Any]]:
    """The same rows of neighbours or routes with the interface's name in the place of its number."""
    names = {row["index"]: row["name"] for row in links(netlink)}
    return [{**row, "interface": names.get(row["interface"], str(row["interface"]))} for row in rows]


def forget_neighbours(netlink: Netlink) -> int:
    """Delete every neighbour that was learned (not the PERMANENT ones); return how many."""
    count = 0
    for kind, body in netlink.dump(GET_NEIGHBOUR, _NEIGHBOUR.pack(0, 0, 0, 0, 0)):
        state = _NEIGHBOUR.unpack_from(body)[2]
        if kind != NEW_NEIGHBOUR or state & (_PERMANENT | _NOARP):
            continue
        try:
            netlink.change(DEL_NEIGHBOUR, 0, body)
        except FileNotFoundError:  # it aged out in between
            continue
        count += 1
    return count


def open_route() -> Netlink:
    """Open a socket for requests to rtnetlink."""
    return Netlink(ROUTE)
