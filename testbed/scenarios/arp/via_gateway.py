"""arp.via-gateway: the way to another network begins with the MAC of the router."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_some, expect_that
from testbed.evidence import Crossings, Evidence, Frame, Segments, ip_of, macs_of, ttl_of
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import answers_for_others, bridges, routes_by, translates

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
WORDS = b"hello across the router"


class ArpViaGateway(Scenario):
    """To reach another network, a host asks for its gateway's MAC, never for the far host's.

    The client compares the server's address with its own and the mask: another network.
    No card of its own LAN has that address, so asking for it would be no use. Instead it
    asks for the gateway, and sends it a frame in which the two addresses disagree: the
    MAC is the router's, the IP address is the server's.

    The router takes the frame off the packet, looks up the way, takes one off the TTL,
    and puts the packet into a new frame for the next LAN: from its own MAC there, to the
    MAC that it has asked of the server. At every hop the MACs change. The IP addresses
    do not change from end to end.
    """

    id = "arp.via-gateway"
    layer = Layer.NETWORK
    rfc = ("RFC 826", "RFC 1122 §3.3.1", "RFC 1812 §5.2.1, §5.3.1")
    claim = Claim("To reach a host on another network, a host asks for the MAC of its gateway.")
    places = ACROSS

    def act(self, lab: Lab) -> None:
        lab.forget_neighbours()
        with lab.client.connect(lab.server, PORT) as stream:
            stream.send(WORDS)
            stream.recv_exactly(len(WORDS))
            stream.shutdown("write")
            stream.recv_end()
            lab.server.await_tcp_state(stream, "CLOSED")  # so that the last segment has crossed too

    @staticmethod
    def there(seen: Evidence, vantage: str) -> Segments:
        """The packets from client to server, at one place."""
        return seen.at(vantage).tcp.port(PORT).to(seen.server.ip)

    @staticmethod
    def back(seen: Evidence, vantage: str) -> Segments:
        """The packets to the client from whatever answered, at one place."""
        return seen.at(vantage).tcp.port(PORT).to(seen.client.ip)

    @check("the client asks for the gateway's MAC, and for no other")
    def asks_for_gateway(self, seen: Evidence) -> Finding:
        asked = seen.at("client:lan-a").arp.sent.requests()
        return expect(asked.targets, {seen.router["lan-a"].ip}, cite=(asked, asked.markers_cited))

    @check("packets to the server leave the client, and arrive")
    def packets_arrive(self, seen: Evidence) -> Finding:
        return expect_some(self.there(seen, "client:lan-a")) & expect_some(self.there(seen, "server:lan-b"))

    @check("on LAN A the packet for the server goes to the MAC of the router's A leg", needs=[packets_arrive])
    def first_hop_is_the_router(self, seen: Evidence) -> Finding:
        sent = self.there(seen, "client:lan-a")
        return expect(
            {macs_of(frame) for frame in sent}, {(seen.client.mac, seen.router["lan-a"].mac)}, cite=sent
        )

    @check("on LAN B it goes from the MAC of the router's B leg to the server's", needs=[packets_arrive])
    def second_hop_is_the_server(self, seen: Evidence) -> Finding:
        arrived = self.there(seen, "server:lan-b")
        return expect(
            {macs_of(f) for f in arrived}, {(seen.router["lan-b"].mac, seen.server.mac)}, cite=arrived
        )

    @check(
        "the router asks who has the server's address on LAN B, and passes on only then",
        needs=[packets_arrive],
    )
    def router_asks_for_server(self, seen: Evidence) -> Finding:
        asked = seen.at("router:lan-b").arp.requests(seen.server.ip).from_mac(seen.router["lan-b"].mac)
        first = self.there(seen, "router:lan-b").sent.first
        return expect_that(
            asked.first.time_ns < first.time_ns,
            "the router's request comes before its packet",
            cite=(asked, first),
        )

    @check(
        "what the router receives on one side leaves on the other, addresses unchanged",
        needs=[packets_arrive],
    )
    def addresses_unchanged(self, seen: Evidence) -> Finding:
        there, back = crossings(seen)
        strays = (*there.lost, *there.made, *back.lost, *back.made)
        pairs = len(there.pairs) + len(back.pairs)
        return expect_that(
            not strays and bool(there.pairs) and bool(back.pairs),
            f"all packets are found on both sides: {pairs} pairs, {len(strays)} strays",
            cite=strays or (there, back),
        )

    @check("the router takes one off the TTL, both ways", needs=[addresses_unchanged])
    def ttl_is_one_less(self, seen: Evidence) -> Finding:
        return expect_all(
            (
                expect(ttl_of(after), ttl_of(before) - 1, cite=(before, after), what="TTL")
                for crossing in crossings(seen)
                for before, after in crossing.pairs
            ),
            "TTL is one less",
        )

    @check("the IP checksum is right on both sides", needs=[packets_arrive])
    def checksums_right(self, seen: Evidence) -> Finding:
        frames = [*self.there(seen, "router:lan-a"), *self.there(seen, "router:lan-b")]
        wrong = [frame for frame in frames if not ip_of(frame).checksum_ok]  # type: ignore[union-attr]
        told = f"{len(frames)} header checksums are right"
        return expect_that(
            not wrong, told, cite=wrong or frames, seen=f"{len(wrong)} wrong" if wrong else None
        )

    @check(
        "the answer returns the same way: from the server to the router, to the client",
        needs=[packets_arrive],
    )
    def answer_returns(self, seen: Evidence) -> Finding:
        sent, arrived = self.back(seen, "server:lan-b").sent, self.back(seen, "client:lan-a").received
        on_b, on_a = {macs_of(f) for f in sent}, {macs_of(f) for f in arrived}
        return expect(
            on_b, {(seen.server.mac, seen.router["lan-b"].mac)}, cite=(sent, sent.markers_cited)
        ) & expect(on_a, {(seen.router["lan-a"].mac, seen.client.mac)}, cite=(arrived, arrived.markers_cited))

    mutants = (
        Mutant(
            "the client's gateway is the neighbour, who passes nothing on",
            routes_by("client", "neighbour", "lan-a"),
            kills=(asks_for_gateway, packets_arrive),
        ),
        Mutant(
            "the router is a bridge",
            bridges(),
            kills=(
                asks_for_gateway,
                first_hop_is_the_router,
                second_hop_is_the_server,
                router_asks_for_server,
                ttl_is_one_less,
                answer_returns,
            ),
        ),
        Mutant(
            "the router translates addresses",
            translates("router", "lan-b"),
            kills=(addresses_unchanged, answer_returns),
        ),
        Mutant(
            "the router answers for the server, and the client's mask is too wide",
            answers_for_others(),
            kills=(asks_for_gateway,),
        ),
        Edit(
            "the router forgets to mend the checksum",
            edits.rewritten(lambda seen: seen.at("router:lan-b").tcp, edits.IP_CHECKSUM, b"\0\0"),
            kills=(checksums_right,),
        ),
    )


def crossings(seen: Evidence) -> tuple[Crossings, Crossings]:
    """What crossed the router of this conversation: there, and back."""

    def of_conversation(frame: Frame) -> bool:
        tcp = frame.packet.tcp
        return tcp is not None and PORT in (tcp.source_port, tcp.destination_port)

    there = seen.crossings("router:lan-a", "router:lan-b").of(of_conversation)
    back = seen.crossings("router:lan-b", "router:lan-a").of(of_conversation)
    return there, back
