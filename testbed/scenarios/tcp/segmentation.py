"""tcp.segmentation: a stream, cut to fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_all, expect_that
from testbed.evidence import Evidence, Frame, Segments, ip_of, tcp_of
from testbed.packets import IPv4
from testbed.scenario import ACROSS, Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import offloads

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 9014
SIZE = 1 << 20  # 1 MiB, handed over in one send
DATA = bytes(i * 7 % 256 for i in range(SIZE))
PATH = ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")


class TcpSegmentation(Scenario):
    """A program hands over a stream; the kernel cuts it into segments that fit.

    In the handshake each side says how much data it takes in one segment: the MSS, its link's MTU
    less 20 bytes of IP header and 20 of TCP header. A mebibyte in one send() leaves as some seven
    hundred segments, none of them above the MSS, no packet above the MTU.

    The receiver's program sees nothing of the cuts. It reads what has come by then, now more, now
    less. How often one side called send() and where it ended is not in the stream.
    """

    id = "tcp.segmentation"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.7.1", "RFC 6691")
    claim = Claim("TCP cuts a stream into segments that fit the links; the receiver reads a stream again.")
    places = ACROSS

    def act(self, lab: Lab) -> None:
        with lab.server.listen(PORT) as listener, lab.client.connect(lab.server, PORT) as ours:
            theirs = listener.accept()
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(ours.send, DATA, timeout=20)
                left = SIZE
                while left > 0:
                    left -= len(theirs.recv(timeout=20))
                sent.result()

    @staticmethod
    def data(seen: Evidence, vantage: str) -> Segments:
        """What the client says, as one place sees it."""
        connection = seen.connection()
        return seen.at(vantage).tcp.of(connection).from_end(connection.client).with_data

    @check("no segment holds more than the MSS that both sides told in the handshake")
    def within_mss(self, seen: Evidence) -> Finding:
        opening = seen.at("client:lan-a").tcp.of(seen.connection())
        told = [tcp_of(syn).mss or 536 for syn in (opening.syns.first, opening.syn_acks.first)]
        data = self.data(seen, "client:lan-a")
        longest = max(data or [data.first], key=lambda frame: len(frame.packet.payload))
        return expect_that(
            len(longest.packet.payload) <= min(told),
            f"at most {min(told)} bytes in a segment",
            cite=(opening.syns.first, opening.syn_acks.first, longest),
            seen=len(longest.packet.payload),
        )

    @check("no IP packet is longer than the MTU of the link that it is on")
    def within_mtu(self, seen: Evidence) -> Finding:
        findings = []
        for vantage in seen.vantages:
            if vantage.name in PATH:
                segments = seen.at(vantage.name).tcp.of(seen.connection())
                longest = max(segments or [segments.first], key=length_of)
                findings.append(
                    expect_that(
                        length_of(longest) <= vantage.mtu,
                        f"{vantage.name}: at most {vantage.mtu} bytes",
                        cite=longest,
                        seen=length_of(longest),
                    )
                )
        return expect_all(findings, "links")

    @check("one send() leaves as many segments")
    def one_send_many_segments(self, seen: Evidence) -> Finding:
        sends, data = seen.all_actions("client", "send"), self.data(seen, "client:lan-a")
        return expect_that(
            len(sends) == 1 and len(data) > 1, "one send, many segments", cite=(sends, data), seen=len(data)
        )

    @check("all bytes arrive, in reads that end where no send() did")
    def reads_are_not_sends(self, seen: Evidence) -> Finding:
        reads = seen.all_actions("server", "recv")
        arrived = self.data(seen, "server:lan-b").payload
        return expect(
            arrived == DATA, True, cite=(reads, self.data(seen, "server:lan-b")), what="all bytes"
        ) & expect_that(len(reads) > 1, "more than one read for one send", cite=reads, seen=len(reads))

    mutants = (
        Mutant(
            "the cards are handed frames above the MTU, to cut them themselves",
            offloads("client", "lan-a"),
            kills=(within_mss, within_mtu),
        ),
        Edit(
            "one segment only was recorded at the client",
            edits.dropped(lambda seen: TcpSegmentation.data(seen, "client:lan-a")[1:]),
            kills=(one_send_many_segments,),
        ),
        Edit(
            "one read was enough",
            lambda seen: seen.map_actions(
                lambda action: None if action in seen.all_actions("server", "recv")[1:] else action
            ),
            kills=(reads_are_not_sends,),
        ),
    )


def length_of(frame: Frame) -> int:
    """The length of an IP packet, header included, as the packet says itself; bytes."""
    ip = ip_of(frame)
    return ip.total_length if isinstance(ip, IPv4) else ip.payload_length + 40
