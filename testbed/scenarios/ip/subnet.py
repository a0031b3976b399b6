"""ip.subnet: the mask decides who is near."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Any

from testbed.checks import Finding, check, expect, expect_all, expect_some
from testbed.evidence import Evidence, IpFrames, macs_of
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import has_mask

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 7073
TABLES = "what the client's kernel knows"
NEAR = "to the neighbour"
FAR = "to the server"
ALL_ONES = 0xFFFFFFFF


class IpSubnet(Scenario):
    """The mask decides who is near: whom one speaks to directly, and whom by way of the gateway.

    172.16.10.10 with the mask 255.255.255.0 (/24: 24 ones, then 8 zeros) is cut in two: where the mask
    has ones stands the network, where it has zeros stands the host. Before a host sends anything, it
    lays its own mask over the address that it wants to reach. The same network as its own: near, and the
    frame goes to the MAC of that very host. Another network: far, and the frame goes to the gateway.

    All zeros in the host's part is the name of the network itself, all ones means "everybody on it";
    what lies between is for hosts. The kernel has worked all this out too: it stands in its table of
    routes. A host whose mask is wrong takes far ones for near, calls them on its own LAN, and nobody answers.
    """

    id = "ip.subnet"
    layer = Layer.NETWORK
    rfc = ("RFC 950", "RFC 1122 §3.3.1.1", "RFC 4632 §3.1")
    claim = Claim("The mask decides who is near: those are spoken to directly, all others by the gateway.")
    places = ("client:lan-a", "neighbour:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")

    def act(self, lab: Lab) -> None:
        card = lab.client.interface_on("lan-a")
        with lab.step(TABLES):
            said = lab.client.run(["ip", "-json", "-4", "address", "show", "dev", card], check=True)
            lab.client.run(["ip", "-json", "-4", "route", "show", "table", "all", "dev", card], check=True)
            for address in edges(own_address(json.loads(said.stdout))):
                lab.client.run(["ip", "-json", "route", "get", str(address)], check=True)
        lab.forget_neighbours()
        for step, peer in ((NEAR, lab.neighbour), (FAR, lab.server)):
            with lab.step(step), peer.udp(PORT) as there, lab.client.udp() as here:
                here.send(step.encode(), peer, PORT)
                there.recv()

    @staticmethod
    def kernel(seen: Evidence) -> tuple[IPv4Interface, list[dict[str, Any]]]:
        """The client's own address with its mask, and its routes, as its kernel tells them."""
        address, routes = (
            json.loads(action.result["stdout"]) for action in seen.all_actions("client", "run", TABLES)[:2]
        )
        return own_address(address), routes

    @staticmethod
    def said(seen: Evidence, step: str, place: str = "client:lan-a") -> IpFrames:
        """What the client says in a step, at one place."""
        return seen.at(place).udp.where(lambda frame: frame.packet.payload == step.encode(), repr(step))

    # -- on the wire

    @check("a packet for the neighbour, who is near, goes to the MAC of the neighbour itself")
    def near_goes_directly(self, seen: Evidence) -> Finding:
        said = self.said(seen, NEAR)
        return expect({macs_of(f)[1] for f in said}, {seen.neighbour.mac}, cite=(said, said.markers_cited))

    @check("a packet for the server, who is far, goes to the MAC of the gateway")
    def far_goes_to_the_gateway(self, seen: Evidence) -> Finding:
        said = self.said(seen, FAR)
        gateway = seen.router["lan-a"].mac
        return expect({macs_of(f)[1] for f in said}, {gateway}, cite=(said, said.markers_cited))

    @check("so the client asks for the MACs of the neighbour and the gateway, never for the server's")
    def asks_for_the_near(self, seen: Evidence) -> Finding:
        asked = seen.at("client:lan-a").arp.sent.requests()
        near = {seen.neighbour.ip, seen.router["lan-a"].ip}
        return expect(asked.targets, near, cite=(asked, asked.markers_cited))

    @check("both arrive")
    def both_arrive(self, seen: Evidence) -> Finding:
        places = {NEAR: "neighbour:lan-a", FAR: "server:lan-b"}
        return expect_all(
            (expect_some(self.said(seen, step, place).received) for step, place in places.items()),
            "what was said",
        )

    # -- in the kernel's table

    @check("the network that address and mask give is the one that the kernel has a direct route to")
    def network_agrees(self, seen: Evidence) -> Finding:
        own, routes = self.kernel(seen)
        network, _ = ends(own)
        direct = {r["dst"] for r in routes if "gateway" not in r and r.get("type", "unicast") == "unicast"}
        expected = {f"{network}/{own.network.prefixlen}"}
        return expect(direct, expected, cite=seen.all_actions("client", "run", TABLES)[:2])

    @check("the broadcast address that they give is the kernel's too")
    def broadcast_agrees(self, seen: Evidence) -> Finding:
        own, routes = self.kernel(seen)
        _, broadcast = ends(own)
        known = {route["dst"] for route in routes if route.get("type") == "broadcast"}
        # older kernels (before 5.14) take the network's own address for one more
        known -= {str(ends(own)[0])}
        return expect(known, {str(broadcast)}, cite=seen.all_actions("client", "run", TABLES)[:2])

    @check("the first and the last host are near; the addresses beyond both ends go to the gateway")
    def range_agrees(self, seen: Evidence) -> Finding:
        lookups = seen.all_actions("client", "run", TABLES)[2:]
        gateway = str(seen.router["lan-a"].ip)
        ways = [json.loads(lookup.result["stdout"])[0].get("gateway") for lookup in lookups]
        return expect(ways, [gateway, None, None, gateway], cite=lookups)

    mutants = (
        Mutant(
            "the client's mask is 255.255.0.0: /16",
            has_mask("client", "lan-a", 16),
            kills=(far_goes_to_the_gateway, asks_for_the_near, both_arrive),
        ),
        Edit(
            "a packet for the neighbour goes to the gateway",
            edits.rewritten(
                lambda seen: IpSubnet.said(seen, NEAR), edits.ETHERNET_DESTINATION, edits.STRANGER
            ),
            kills=(near_goes_directly,),
        ),
        Edit("the kernel has another network", edits.saying(".0/24", ".0/25"), kills=(network_agrees,)),
        Edit("the kernel has another broadcast", edits.saying(".255", ".127"), kills=(broadcast_agrees,)),
        Edit(
            "the kernel thinks that all are near",
            edits.saying('"gateway":', '"formerly":', but_first=2),
            kills=(range_agrees,),
        ),
    )


def own_address(shown: list[dict[str, Any]]) -> IPv4Interface:
    """The address with its mask, of what `ip -json address show` says of a card that has one."""
    ((address,),) = (card["addr_info"] for card in shown)
    return IPv4Interface(f"{address['local']}/{address['prefixlen']}")


def ends(own: IPv4Interface) -> tuple[IPv4Address, IPv4Address]:
    """The address of the network, and its broadcast address: the host's bits all 0, and all 1."""
    address, mask = int(own.ip), int(own.netmask)
    return IPv4Address(address & mask), IPv4Address(address | mask ^ ALL_ONES)


def edges(own: IPv4Interface) -> tuple[IPv4Address, ...]:
    """The address before the network, its first host, its last, and the address behind it."""
    network, broadcast = ends(own)
    return network - 1, network + 1, broadcast - 1, broadcast + 1
