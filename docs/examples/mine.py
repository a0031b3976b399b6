from testbed import Claim, Evidence, Finding, Lab, Layer, Scenario, check, expect


class Ttl(Scenario):
    """A router takes one off the TTL."""

    id = "mine.ttl"
    layer = Layer.NETWORK
    claim = Claim("Every router takes one off the TTL.")

    def act(self, lab: Lab) -> None:
        lab.client.tcp_echo(lab.server, b"hello")

    @check("what leaves the client with 64 reaches the server with 63")
    def one_less(self, seen: Evidence) -> Finding:
        sent = seen.at("client:lan-a").tcp.sent.first
        arrived = seen.at("server:lan-b").tcp.received.first
        return expect((sent.packet.ip.ttl, arrived.packet.ip.ttl), (64, 63), cite=[sent, arrived])
