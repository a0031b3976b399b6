"""ip.dhcp: an address for the asking."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from itertools import pairwise
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.errors import TestbedError
from testbed.evidence import BROADCAST_MAC, Evidence, Frame, Frames, NothingSeen, ip_of, macs_of
from testbed.packets import dhcp
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node

ECHO = 8888
WORDS = b"hello from a new address"
ASKS = "the newcomer asks for an address"
TALKS = "and talks to the server"
POOL = range(200, 211)  # last octets of the addresses that are given away
LEASE = 3600  # seconds
NOBODY, ALL = IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255")
SENT = "UdpOutDatagrams"
ENOUGH = 60.0  # seconds for a program that ends by itself
# ends when it has a lease, or after three questions, two seconds apart
ASK = "udhcpc --foreground --now --quit --retries 3 --timeout 2 --script bound.sh --interface {card}"
ORDER = (dhcp.DISCOVER, dhcp.OFFER, dhcp.REQUEST, dhcp.ACK)


class IpDhcp(Scenario):
    """An address for the asking: discover, offer, request, acknowledge.

    A host that has just been plugged in knows its MAC and nothing else. It knows neither its own address nor
    who could give it one. So it shouts, from 0.0.0.0 to all: DISCOVER. A DHCP server on the LAN
    offers an address of its pool. The host chooses one offer, and says so to all again, REQUEST, so that
    other servers hear that theirs was not taken. With the ACK the address is the host's, on loan: before
    the time of the lease is over it must ask again. Mask and gateway come along with it.

    Whoever answers first is believed, so a second server on the LAN, set up by mistake or on purpose,
    can give away wrong gateways. And when the pool is empty, the host stays without address.
    """

    id = "ip.dhcp"
    layer = Layer.NETWORK
    rfc = ("RFC 2131 §3.1, §4.3", "RFC 2132", "RFC 951")
    claim = Claim("A host gets its address, its mask and its gateway from a server, for the asking.")
    places = ("newcomer:lan-a", "dhcp:lan-a", "rogue:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")
    topology = "asking.yaml"

    empty = False
    givers: tuple[str, ...] = ("dhcp",)  # where a server runs

    def act(self, lab: Lab) -> None:
        gives_addresses(lab, "dhcp", empty=self.empty)
        takes_address_away(lab, "newcomer")
        newcomer = lab["newcomer"]
        card = newcomer.interface_on("lan-a")
        said = {name: lab[name].counters()[SENT] for name in self.givers}
        with lab.step(ASKS):
            newcomer.exec(ASK.format(card=card).split(), timeout=ENOUGH)
            for name in () if self.empty else self.givers:  # a second one's offer may come when all is over
                lab[name].await_counter(SENT, said[name] + 1)
            newcomer.run(["ip", "-json", "-4", "address", "show", "dev", card], check=True)
        with lab.step(TALKS):
            newcomer.tcp_echo(lab.server, WORDS, port=ECHO)

    # -- the four messages

    @staticmethod
    def messages(seen: Evidence, kind: int, place: str = "newcomer:lan-a") -> Frames:
        """The DHCP messages of a kind, at one place."""

        def fits(frame: Frame) -> bool:
            return is_dhcp(frame) and message(frame).kind == kind

        return seen.at(place).udp.where(fits, f"DHCP {dhcp.NAMES[kind]}")

    @check("the newcomer shouts DISCOVER: from 0.0.0.0 to 255.255.255.255, and to all MACs")
    def discovers(self, seen: Evidence) -> Finding:
        return self.shouted(seen, dhcp.DISCOVER)

    @check("exactly one server offers: the one that is there for it")
    def one_server_offers(self, seen: Evidence) -> Finding:
        offers = self.messages(seen, dhcp.OFFER)
        servers = {message(frame).server for frame in offers}
        return expect(servers, {seen.dhcp.ip}, cite=(offers, offers.markers_cited))

    @check("the newcomer shouts REQUEST, in which it names the server and the address that it was offered")
    def requests(self, seen: Evidence) -> Finding:
        asked, offers = self.messages(seen, dhcp.REQUEST), self.messages(seen, dhcp.OFFER)
        offered = {(message(f).server, message(f).given) for f in offers}
        chosen = {(message(f).server, message(f).requested) for f in asked}
        return self.shouted(seen, dhcp.REQUEST) & expect_that(
            chosen <= offered, "it asks for what was offered", cite=(offers, asked), seen=chosen
        )

    def shouted(self, seen: Evidence, kind: int) -> Finding:
        """Pass when the messages of a kind go from no address to all, and reach the DHCP server."""
        sent = self.messages(seen, kind).sent
        ends = {(ip_of(f).source, ip_of(f).destination, macs_of(f)[1]) for f in sent}
        heard = self.messages(seen, kind, "dhcp:lan-a").received
        return expect(ends, {(NOBODY, ALL, BROADCAST_MAC)}, cite=(sent, sent.markers_cited)) & expect_that(
            bool(heard), "the DHCP server hears it", cite=heard
        )

    @check("the server acknowledges: the four messages come in their order, all of one transaction")
    def acknowledged(self, seen: Evidence) -> Finding:
        frames = [self.messages(seen, kind).first for kind in ORDER]
        in_order = all(one.time_ns < other.time_ns for one, other in pairwise(frames))
        transactions = {message(frame).transaction for frame in frames}
        return expect_that(
            in_order and len(transactions) == 1,
            "DISCOVER, OFFER, REQUEST, ACK with one number",
            cite=frames,
            seen=[message(frame).name for frame in sorted(frames, key=lambda f: f.time_ns)],
        )

    # -- what is given

    @staticmethod
    def lease(seen: Evidence) -> tuple[Frame, dhcp.Message]:
        """The acknowledgement."""
        frame = IpDhcp.messages(seen, dhcp.ACK).first
        return frame, message(frame)

    @check("given are an address of the pool, the mask, the gateway and the lease that the server was told")
    def as_configured(self, seen: Evidence) -> Finding:
        frame, lease = self.lease(seen)
        subnet = seen.topology.network("lan-a").subnet
        assert subnet is not None
        told = (subnet.netmask, seen.router["lan-a"].ip, LEASE)
        return expect(
            (lease.mask, lease.router, lease.lease), told, cite=frame, what="mask, gateway, seconds"
        ) & expect_that(
            lease.given in subnet and lease.given.packed[3] in POOL,
            f"an address from {POOL[0]} to {POOL[-1]} of {subnet}",
            cite=frame,
            seen=lease.given,
        )

    @check("the newcomer's card has that address and mask; its default route leads to that gateway")
    def taken(self, seen: Evidence) -> Finding:
        frame, lease = self.lease(seen)
        shown = seen.action("newcomer", "run", ASKS)
        if shown.result is None:
            raise NothingSeen("the addresses of the newcomer's card", (shown.citation,))
        (card,) = json.loads(shown.result["stdout"])
        has = [f"{address['local']}/{address['prefixlen']}" for address in card["addr_info"]]
        ways = [way["gateway"] for way in seen.newcomer.facts.routes if way["destination"] == "0.0.0.0/0"]
        return expect(has, [f"{lease.given}/24"], cite=(frame, shown), what="on the card") & expect(
            ways, [str(lease.router)], cite=frame, what="the default gateway"
        )

    @check("from its new address it talks to the server on the other LAN, and is answered")
    def talks(self, seen: Evidence) -> Finding:
        _, lease = self.lease(seen)
        connection = seen.connection("newcomer", TALKS)
        at_server = seen.at("server:lan-b").tcp.of(connection).received.with_data
        back = seen.at("newcomer:lan-a").tcp.of(connection).from_end(connection.server)
        return expect(
            {ip_of(frame).source for frame in at_server},
            {lease.given},
            cite=(at_server, at_server.markers_cited),
            what="it comes from",
        ) & expect(back.payload, WORDS, cite=back, what="what comes back")

    mutants = (
        Mutant(
            "a second DHCP server is on the LAN",
            lambda lab: gives_addresses(lab, "rogue"),
            settings={"givers": ("dhcp", "rogue")},
            kills=(one_server_offers,),
        ),
        Mutant(
            "the pool is empty",
            settings={"empty": True},
            kills=(one_server_offers, requests, acknowledged, as_configured, taken, talks),
        ),
        Edit(
            "the newcomer has an address already",
            edits.rewritten(
                lambda seen: IpDhcp.messages(seen, dhcp.DISCOVER), edits.IP_SOURCE, bytes((172, 16, 10, 9))
            ),
            kills=(discovers,),
        ),
        Edit(
            "the request was sent before there was an offer",
            edits.delayed(lambda seen: IpDhcp.messages(seen, dhcp.REQUEST), -3600),
            kills=(acknowledged,),
        ),
        Edit(
            "the lease is for good",
            edits.changed(
                lambda seen: IpDhcp.messages(seen, dhcp.ACK),
                lambda frame: frame.replaced(data=frame.data.replace(LEASE.to_bytes(4, "big"), b"\xff" * 4)),
            ),
            kills=(as_configured,),
        ),
    )


def is_dhcp(frame: Frame) -> bool:
    """Whether a datagram is a DHCP message."""
    udp = frame.packet.udp
    ports = {dhcp.SERVER_PORT, dhcp.CLIENT_PORT}
    return (
        udp is not None
        and {udp.source_port, udp.destination_port} <= ports
        and dhcp.message_of(frame.packet.payload) is not None
    )


def message(frame: Frame) -> dhcp.Message:
    """The DHCP message of a frame that holds one."""
    found = dhcp.message_of(frame.packet.payload)
    if found is None:
        raise TypeError(f"frame {frame.number} holds no DHCP message")
    return found


def gives_addresses(lab: Lab, name: str, empty: bool = False) -> None:
    """Run dnsmasq on a node until the scenario ends; it gives away the pool, or `empty` none."""
    node, network = lab[name], lab.topology.network("lan-a")
    assert network.subnet is not None
    first, last = (network.subnet[octet] for octet in (POOL[0], POOL[-1]))
    # `static`: only for hosts that are named, of which there are none
    pool = f"{first},static,{network.subnet.netmask}" if empty else f"{first},{last}"
    gateway = lab.router.address_on("lan-a")
    options = (
        "--port=0 --user=root --group=root --no-resolv --no-ping --pid-file=/tmp/pid "
        f"--dhcp-leasefile=/tmp/leases --dhcp-range={pool},{LEASE} --dhcp-option=option:router,{gateway}"
    )
    end = (
        "kill $(cat /tmp/pid); while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.05; done; rm /tmp/leases"
    )
    command(node, ["dnsmasq", *options.split()])  # returns when it serves; it goes on
    node.undo_later(lambda: command(node, ["sh", "-ec", end]))


def command(node: Node, argv: list[str]) -> None:
    """Run a command in a node's own container; TestbedError when it fails."""
    done = node.exec(argv)
    if done.status != 0:
        raise TestbedError(f"run {argv[0]} in {node.name}", done.error_text.strip())


def takes_address_away(lab: Lab, name: str) -> None:
    """Take from a node's card what the engine gave it, until the scenario ends."""
    node = lab[name]
    card = node.interface_on("lan-a")
    (row,) = (one for one in node.interfaces() if one["name"] == card)
    (own,) = (one for one in row["addresses"] if ":" not in one)
    gateway = lab.router.address_on("lan-a")
    flush = f"ip address flush dev {card}"
    back = f"{flush}; ip address add {own} broadcast + dev {card}; ip route replace default via {gateway}"
    node.change(["sh", "-c", flush], ["sh", "-c", back])
