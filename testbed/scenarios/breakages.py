"""Networks broken in one way: what a live mutant does to a lab before the scenario acts.

Each function returns a breakage: Lab -> None. The lab undoes everything at the scenario's end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed.faults import Match
from testbed.packets import dns
from testbed.programs import program

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

Breakage = Callable[["Lab"], None]

NOBODY = 18889  # a port on which nothing of a lab listens
IMPOSTOR = 18888  # a port for what stands in for a real server


def claims_address(thief: str, owner: str, network: str) -> Breakage:
    """A second node takes a node's address on a network: two answer for it."""

    def breaks(lab: Lab) -> None:
        lab[thief].undo_later(lab.forget_neighbours)  # who believed it must not do so for longer
        lab[thief].add_address(network, f"{lab[owner].address_on(network)}/24")

    return breaks


def knows_already(asker: str, owner: str, network: str) -> Breakage:
    """A static neighbour entry: nobody needs to ask."""
    return lambda lab: lab[asker].add_neighbour(
        network, lab[owner].address_on(network), lab[owner].mac_on(network)
    )


def routes_by(node: str, via: str, network: str) -> Breakage:
    """A node's default route leads to another than its gateway."""
    return lambda lab: lab[node].add_route("default", lab[via].address_on(network))


def thinks_near(node: str, far: str) -> Breakage:
    """A route without a gateway: a node takes another network for a part of its own LAN."""

    def breaks(lab: Lab) -> None:
        (own,) = lab[node].declared.networks
        subnet = lab.topology.network(far).subnet
        route = [str(subnet), "dev", lab[node].interface_on(own)]
        lab[node].change(["ip", "route", "add", *route], ["ip", "route", "delete", *route])

    return breaks


def has_mask(node: str, network: str, length: int) -> Breakage:
    """A node's own address comes with another mask, given by its length; its gateway stays."""

    def breaks(lab: Lab) -> None:
        own = lab[node].declared.on(network).address
        assert own is not None
        card = lab[node].interface_on(network)
        right, wrong = str(own), f"{own.ip}/{length}"
        # the new one comes before the old one goes, so that the way to the gateway is never lost
        swap = f"ip address add $1 brd + dev {card} && ip address delete $2 dev {card}"
        lab[node].change(["sh", "-c", swap, "sh", wrong, right], ["sh", "-c", swap, "sh", right, wrong])

    return breaks


def bridges(router: str = "router", one: str = "lan-a", other: str = "lan-b") -> Breakage:
    """The router is a bridge, and the hosts of both LANs take them for one."""

    def breaks(lab: Lab) -> None:
        node = lab[router]
        legs = [node.interface_on(network) for network in (one, other)]
        link = ["ip", "link"]
        node.change([*link, "add", "testbed0", "type", "bridge"], [*link, "delete", "testbed0"])
        for leg in legs:
            node.change([*link, "set", leg, "master", "testbed0"], [*link, "set", leg, "nomaster"])
        node.change([*link, "set", "testbed0", "up"], [*link, "set", "testbed0", "down"])
        thinks_near("client", other)(lab)
        thinks_near("server", one)(lab)

    return breaks


def answers_for_others(router: str = "router") -> Breakage:
    """The router answers ARP for hosts of other networks (proxy ARP, RFC 1027), the client's mask is /16.

    To a client with such a mask the hosts of LAN B are near.
    """

    def breaks(lab: Lab) -> None:
        interface = lab[router].interface_on("lan-a")
        lab[router].sysctl(f"net.ipv4.conf.{interface}.proxy_arp", 1)
        has_mask("client", "lan-a", 16)(lab)

    return breaks


def translates(router: str, network: str) -> Breakage:
    """The router puts its own address into what it forwards to a network."""

    def breaks(lab: Lab) -> None:
        lab[router].masquerade(network)

    return breaks


def forwards_port(port: int, to: str, router: str = "router", network: str = "lan-b") -> Breakage:
    """The router hands on to a node what comes to its own address on a network for a port."""

    def breaks(lab: Lab) -> None:
        own = lab[router].address_on(network)
        rule = f"ip daddr {own} tcp dport {port} dnat to {lab[to].addresses[0]}"
        add_rules(lab[router], "door", "nat hook prerouting priority dstnat", rule)

    return breaks


def loses_every(match: Match, node: str = "router", where: str | None = None) -> Breakage:
    """A node drops every packet that matches, and says nothing. where: as for `Node.drop`."""

    def breaks(lab: Lab) -> None:
        lab[node].drop(match, where=where)

    return breaks


def nobody_listens(node: str, port: int) -> Breakage:
    """What comes for a port of a node meets a closed one."""

    def breaks(lab: Lab) -> None:
        lab[node].redirect(port, NOBODY)

    return breaks


def replaces_server(node: str, port: int, name: str, *arguments: str) -> Breakage:
    """Another program answers on a port of a node; `{port}` in its arguments is the one that it takes."""

    def breaks(lab: Lab) -> None:
        words = [argument.format(port=IMPOSTOR) for argument in arguments or ("{port}",)]
        lab[node].spawn(program(name, *words)).wait_output("listens")
        lab[node].redirect(port, IMPOSTOR)

    return breaks


def offloads(node: str, network: str) -> Breakage:
    """A node hands its card frames above the MTU, for the card to cut (TSO, GSO)."""

    def breaks(lab: Lab) -> None:
        lab.recorder.start()  # which turns them off
        features = ("tx", "sg", "gso", "tso")
        card = ["ethtool", "-K", lab[node].interface_on(network)]
        lab[node].run([*card, *(word for name in features for word in (name, "on"))], check=True)
        lab[node].undo_later(
            lambda: lab[node].run([*card, *(word for name in features for word in (name, "off"))])
        )

    return breaks


def lies_about_names(node: str, network: str) -> Breakage:
    """Whatever DNS name a node is asked for, it gives its own address on a network."""

    def breaks(lab: Lab) -> None:
        words = (str(IMPOSTOR), str(lab[node].address_on(network)))
        lab[node].spawn(program("lying_names", *words)).wait_output("listens", timeout=20.0)
        lab[node].redirect(dns.PORT, IMPOSTOR, "udp")

    return breaks


def swaps_ports(node: str, one: int, other: int) -> Breakage:
    """What comes for one port of a node is handed to another, and the other way round."""

    def breaks(lab: Lab) -> None:
        lab[node].redirect(one, other)
        lab[node].redirect(other, one)

    return breaks


def keeps_ttl(router: str = "router") -> Breakage:
    """The router takes nothing off the TTL: one is added to 1, 2 and 64 before it takes one off."""

    def breaks(lab: Lab) -> None:
        rules = (f"ip ttl {ttl} ip ttl set {ttl + 1} accept" for ttl in (1, 2, 64))
        add_rules(lab[router], "ttl", "filter hook prerouting priority -300", *rules)

    return breaks


def swaps_words(port: int, text: bytes, one: int, other: int, router: str = "router") -> Breakage:
    """The router exchanges two pairs of bytes in a text that goes to a TCP port.

    one, other: where they begin in the text, even numbers. TCP's checksum is the sum of all such pairs
    (RFC 9293 §3.1), so it stays right, and the receiver notices nothing.
    """

    def breaks(lab: Lab) -> None:
        words = [f"0x{text[at : at + 2].hex()}" for at in (one, other)]
        places = [f"@ih,{8 * at},16" for at in (one, other)]
        was = " ".join(f"{place} {word}" for place, word in zip(places, words, strict=True))
        now = " ".join(f"{place} set {word}" for place, word in zip(places, reversed(words), strict=True))
        add_rules(lab[router], "swap", "filter hook forward priority 0", f"tcp dport {port} {was} {now}")

    return breaks


def floods(node: str, other: str, network: str) -> Breakage:
    """Two nodes have a group address for each other's MAC: the switch sends such frames to all ports."""
    group = "03:00:5e:00:00:01"

    def breaks(lab: Lab) -> None:
        for one, peer in ((node, other), (other, node)):
            lab[one].add_neighbour(network, lab[peer].address_on(network), group)

    return breaks


def has_mac_of(thief: str, owner: str, network: str) -> Breakage:
    """A second node's card has a node's number."""
    return lambda lab: lab[thief].set_mac(network, lab[owner].mac_on(network))


def follows_no_connections(router: str = "router") -> Breakage:
    """The router looks at each packet alone, and so joins no fragments.

    Docker's rules for its DNS have the kernel of every node follow connections; this excepts all packets
    before it would join them (its priority is -400: NF_IP_PRI_CONNTRACK_DEFRAG).
    """
    return lambda lab: add_rules(lab[router], "plain", "filter hook prerouting priority -450", "notrack")


def add_rules(node: Node, name: str, hook: str, *rules: str) -> None:
    """Give a node rules of nftables for IPv4, in a table of their own that goes with them.

    hook: type, hook and priority of their chain, as nft(8) writes them.
    """
    table = f"ip testbed_{name}"
    added = [
        f"add table {table}",
        f"add chain {table} in {{ type {hook}; }}",
        *(f"add rule {table} in {rule}" for rule in rules),
    ]
    node.change(["nft", "; ".join(added)], ["nft", f"delete table {table}"])
