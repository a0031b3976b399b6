"""ip.v6: the same over IPv6."""

from __future__ import annotations

import contextlib
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_none, expect_some, expect_that
from testbed.errors import DeadlinePassed
from testbed.evidence import (
    BROADCAST_MAC,
    Evidence,
    Frame,
    IcmpFrames,
    IpFrames,
    Segments,
    icmp_of,
    ip_of,
    macs_of,
    ttl_of,
)
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.acts import until

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

PORT = 7076
WORDS = b"hello over IPv6"
LOCAL_WORDS = b"from a link-local address"
ACROSS = "across the router"
LINK_LOCAL = "from a link-local address"
CLIENT, SERVER = IPv6Address("fd00:a::10"), IPv6Address("fd00:b::10")
ROUTER = {"lan-a": IPv6Address("fd00:a::1"), "lan-b": IPv6Address("fd00:b::1")}
CARDS = (
    ("client", "lan-a", CLIENT),
    ("server", "lan-b", SERVER),
    *(("router", *leg) for leg in ROUTER.items()),
)
SOLICITATION, ADVERTISEMENT = 135, 136  # ICMPv6 types (RFC 4861)
BEYOND_SCOPE = (1, 2)  # ICMPv6 type and code: beyond scope of source address (RFC 4443)


class IpV6(Scenario):
    """IPv6 does the same with longer addresses, and without a single broadcast.

    An IPv6 address has 128 bits, written as up to eight groups of four hex digits; :: stands for groups of
    zeros. There is no ARP. Who wants to know a MAC sends a neighbour solicitation, to a group address made
    of the last 24 bits of the address that it asks for: ff02::1:ff00:1 for fd00:a::1. Only
    cards whose address ends like that listen to the group, so hardly anybody else is disturbed. The
    owner answers with a neighbour advertisement. The rest is as before: the next hop is the router, the
    MACs change at each hop, the addresses do not, and one is taken off the hop limit.

    Every card also has an address that begins with fe80: and is good on its own link only. A router passes
    on no packet from such an address; it reports "beyond scope of source address".
    """

    id = "ip.v6"
    layer = Layer.NETWORK
    rfc = ("RFC 8200", "RFC 4861 §7.2", "RFC 4291 §2.5.6, §2.7.1", "RFC 4443 §3.1", "RFC 2464 §7")
    claim = Claim("IPv6 does what IPv4 does, with longer addresses, and asks a group instead of all.")

    forwards = True

    def act(self, lab: Lab) -> None:
        for name, network, address in CARDS:
            give_address(lab[name], network, address)
        until(lambda: not any(tentative(lab[name]) for name, *_ in CARDS), "all addresses can be used")
        lab.router.sysctl("net.ipv6.conf.all.forwarding", int(self.forwards))
        lab.client.add_route("fd00:b::/64", ROUTER["lan-a"])
        lab.server.add_route("fd00:a::/64", ROUTER["lan-b"])
        lab.forget_neighbours()
        with (
            lab.step(ACROSS),
            contextlib.suppress(OSError),
            lab.server.listen(PORT, address="::") as listener,
            lab.client.connect(str(SERVER), PORT) as ours,
            listener.accept() as theirs,
        ):
            ours.send(WORDS)
            theirs.send(theirs.recv_exactly(len(WORDS)))
            ours.recv_exactly(len(WORDS))
        with lab.step(LINK_LOCAL), lab.client.udp(address=link_local(lab.client, "lan-a")) as here:
            reported = lab.client.counters()["Icmp6InDestUnreachs"] + 1
            here.send(LOCAL_WORDS, str(SERVER), PORT)
            with contextlib.suppress(DeadlinePassed):  # no report comes: the check says so
                lab.client.await_counter("Icmp6InDestUnreachs", reported)

    # -- who has that address?

    @staticmethod
    def solicitations(seen: Evidence, vantage: str, target: IPv6Address) -> IcmpFrames:
        """The questions for an address, at one place, as far as they go to a group."""
        asked = seen.during(ACROSS).at(vantage).icmp.type(SOLICITATION)
        return asked.where(
            lambda f: icmp_of(f).target == target and ip_of(f).destination.is_multicast, f"for {target}:"
        )

    @staticmethod
    def advertisements(seen: Evidence, vantage: str, target: IPv6Address) -> IcmpFrames:
        """The answers for an address, at one place."""
        said = seen.during(ACROSS).at(vantage).icmp.type(ADVERTISEMENT)
        return said.where(lambda f: icmp_of(f).target == target, f"for {target}:")

    @staticmethod
    def conversation(seen: Evidence, vantage: str) -> Segments:
        """The packets of the conversation that go to the server, at one place."""
        return seen.during(ACROSS).at(vantage).tcp.port(PORT).to(SERVER)

    @check("the client asks for the gateway's MAC: it sends a solicitation to the group of its address")
    def asks_the_group(self, seen: Evidence) -> Finding:
        asked = self.solicitations(seen, "client:lan-a", ROUTER["lan-a"]).sent
        groups = {(ip_of(frame).destination, macs_of(frame)[1]) for frame in asked}
        return expect(groups, {group_of(ROUTER["lan-a"])}, cite=(asked, asked.markers_cited))

    @check("the owner answers, to the client alone, and names its MAC")
    def owner_answers(self, seen: Evidence) -> Finding:
        answers = self.advertisements(seen, "client:lan-a", ROUTER["lan-a"]).received
        router = seen.router["lan-a"].mac
        said = {(*macs_of(frame), named_mac(frame)) for frame in answers}
        return expect(said, {(router, seen.client.mac, router)}, cite=(answers, answers.markers_cited))

    @check("the router asks for the server on LAN B in the same way, and is answered")
    def router_asks(self, seen: Evidence) -> Finding:
        asked = self.solicitations(seen, "router:lan-b", SERVER).sent
        answers = self.advertisements(seen, "router:lan-b", SERVER).received
        groups = {(ip_of(frame).destination, macs_of(frame)[1]) for frame in asked}
        return expect(groups, {group_of(SERVER)}, cite=(asked, asked.markers_cited)) & expect(
            {named_mac(frame) for frame in answers}, {seen.server.mac}, cite=(answers, answers.markers_cited)
        )

    @check("nobody sends a broadcast, on either LAN")
    def no_broadcast(self, seen: Evidence) -> Finding:
        places = tuple(f"{name}:{network}" for name, network, _ in CARDS)
        return expect_none(seen.during(ACROSS).at(*places).sent.to_mac(BROADCAST_MAC))

    # -- across the router

    @check("the words arrive, and come back")
    def words_arrive(self, seen: Evidence) -> Finding:
        arrived = seen.during(ACROSS).at("server:lan-b").tcp.port(PORT).received.with_data
        back = seen.during(ACROSS).at("client:lan-a").tcp.port(PORT).received.with_data
        said = [{frame.packet.payload for frame in frames} for frames in (arrived, back)]
        return expect(said, [{WORDS}, {WORDS}], cite=(arrived, back, back.markers_cited))

    @check(
        "a packet for the server goes to the router's MAC on LAN A, from the router's to the server's on B"
    )
    def macs_change(self, seen: Evidence) -> Finding:
        leg_a, leg_b = seen.router["lan-a"].mac, seen.router["lan-b"].mac
        before, after = self.conversation(seen, "client:lan-a"), self.conversation(seen, "server:lan-b")
        return expect(
            {macs_of(frame) for frame in before},
            {(seen.client.mac, leg_a)},
            cite=(before, before.markers_cited),
        ) & expect(
            {macs_of(frame) for frame in after}, {(leg_b, seen.server.mac)}, cite=(after, after.markers_cited)
        )

    @check("the addresses stay, and the hop limit is one less, both ways")
    def hop_limit(self, seen: Evidence) -> Finding:
        findings = []
        for before, after in (("router:lan-a", "router:lan-b"), ("router:lan-b", "router:lan-a")):
            crossing = seen.during(ACROSS).crossings(before, after).of(is_conversation)
            findings += [
                expect(ttl_of(went), ttl_of(came) - 1, cite=(came, went), what="hop limit")
                for came, went in crossing.pairs
            ]
            strays = (*crossing.lost, *crossing.made)
            findings.append(
                expect_that(
                    bool(crossing.pairs) and not strays,
                    f"every packet from {before} is found again at {after}",
                    cite=(crossing, strays),
                )
            )
        return expect_all(findings, "packets that cross")

    # -- link-local

    @staticmethod
    def local(seen: Evidence, *vantages: str) -> IpFrames:
        """Packets from a link-local address to the server's."""
        packets = seen.at(*vantages).ip.to(SERVER)
        return packets.where(lambda f: ip_of(f).source.is_link_local, "from a link-local address")

    @check("a packet from a link-local address comes as far as the router, and not to LAN B")
    def link_local_stays(self, seen: Evidence) -> Finding:
        return expect_some(self.local(seen, "router:lan-a").received) & expect_none(
            self.local(seen, "router:lan-b", "server:lan-b")
        )

    @check("the router reports it: ICMPv6 'beyond scope of source address', type 1, code 2")
    def scope_is_reported(self, seen: Evidence) -> Finding:
        reports = seen.at("client:lan-a").icmp.received.type(BEYOND_SCOPE[0])
        said = []
        for frame in reports:
            quoted = icmp_of(frame).quoted
            said.append((icmp_of(frame).code, quoted.ip.destination if quoted and quoted.ip else None))
        return expect(said, [(BEYOND_SCOPE[1], SERVER)], cite=(reports, reports.markers_cited))

    mutants = (
        Mutant(
            "the router does not forward IPv6",
            settings={"forwards": False},
            kills=(router_asks, words_arrive, macs_change, hop_limit, scope_is_reported),
        ),
        Edit(
            "the client asks all",
            edits.rewritten(
                lambda seen: IpV6.solicitations(seen, "client:lan-a", ROUTER["lan-a"]),
                edits.ETHERNET_DESTINATION,
                b"\xff" * 6,
            ),
            kills=(asks_the_group, no_broadcast),
        ),
        Edit(
            "another one answers",
            edits.rewritten(
                lambda seen: IpV6.advertisements(seen, "client:lan-a", ROUTER["lan-a"]),
                edits.ETHERNET_SOURCE,
                edits.STRANGER,
            ),
            kills=(owner_answers,),
        ),
        Edit(
            "a packet from a link-local address is seen on LAN B",
            edits.leaked(lambda seen: IpV6.local(seen, "router:lan-a"), "server:lan-b"),
            kills=(link_local_stays,),
        ),
    )


def give_address(node: Node, network: str, address: IPv6Address) -> None:
    """Turn IPv6 on for one card, quietly and at once, and give it an address."""
    card = f"net.ipv6.conf.{node.interface_on(network)}"
    node.sysctl(f"{card}.accept_dad", 0)  # no second's wait to see whether another one has the address
    node.sysctl(f"{card}.router_solicitations", 0)
    node.sysctl(f"{card}.disable_ipv6", 0)
    node.add_address(network, f"{address}/64")


def tentative(node: Node) -> bool:
    """Whether a node has an address that it must not use yet: its kernel has not got round to it."""
    return bool(node.run(["ip", "-6", "-oneline", "address", "show", "tentative"], check=True).stdout)


def link_local(node: Node, network: str) -> str:
    """The card's own address fe80::…, with the card's name, without which it says nothing."""
    card = node.interface_on(network)
    (row,) = (one for one in node.interfaces() if one["name"] == card)
    (address,) = (one.partition("/")[0] for one in row["addresses"] if one.startswith("fe80:"))
    return f"{address}%{card}"


def group_of(address: IPv6Address) -> tuple[IPv6Address, str]:
    """The solicited-node group of an address (RFC 4291 §2.7.1), and the MAC of that group (RFC 2464 §7)."""
    last = address.packed[-3:]
    group = IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + last)
    return group, "33:33:ff:" + last.hex(":")


def named_mac(frame: Frame) -> str | None:
    """The MAC that an advertisement names as its target's."""
    return next((option.mac for option in icmp_of(frame).options if option.kind == 2), None)


def is_conversation(frame: Frame) -> bool:
    """Whether a frame belongs to the conversation across the router."""
    tcp = frame.packet.tcp
    return tcp is not None and PORT in (tcp.source_port, tcp.destination_port)
