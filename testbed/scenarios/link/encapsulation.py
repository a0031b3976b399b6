"""link.encapsulation: a frame taken apart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Evidence, Frame, tcp_of
from testbed.packets import IPv4
from testbed.packets import Layer as Part
from testbed.scenario import Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits
from testbed.scenarios.breakages import replaces_server, swaps_words

if TYPE_CHECKING:
    from testbed.lab import Lab

PORT = 8888
TEXT = "一二三 one two three".encode()
ETHERNET, IP, TCP = 14, 20, 20  # bytes of the headers, options aside
PATH = ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")
PARTS = ["ethernet", "ipv4", "tcp", "payload"]
# What the OSI model calls the layers that these parts belong to.
NAMES = {2: "data link", 3: "network", 4: "transport", 7: "application"}


class LinkEncapsulation(Scenario):
    """What an application says travels in wrappings, one inside the other.

    The text is the inside. TCP puts its header before it: ports, numbers, flags, 20 bytes and its
    options. IP puts 20 bytes before that: the addresses from end to end. Ethernet puts 14 bytes
    before that: the MACs from here to the next hop, and what is inside. Each layer reads its own
    header and hands the rest on, unread, to the next.

    Every byte of the frame belongs to exactly one of them, and the lengths add up. The OSI model
    counts seven layers: physical, data link, network, transport, session, presentation, application. Here
    five are found: the cable (1), Ethernet (2), IP (3), TCP (4), and the text (7). Nothing is in
    places 5 and 6: what would be done there, an Internet application does for itself.
    """

    id = "link.encapsulation"
    layer = Layer.LINK
    rfc = ("RFC 894", "RFC 791 §3.1", "RFC 9293 §3.1", "RFC 1122 §1.1.3", "ISO/IEC 7498-1")
    claim = Claim(
        "What an application says is wrapped seven times.",
        Holds.QUALIFIED,
        "The OSI model has seven layers; in the frame of an Internet application three headers are around "
        "the text: Ethernet, IP and TCP. Layers 5 and 6 leave no bytes of their own.",
    )

    def act(self, lab: Lab) -> None:
        lab.client.tcp_echo(lab.server, TEXT, port=PORT)

    @staticmethod
    def frame(seen: Evidence, vantage: str = "client:lan-a") -> Frame:
        """The frame that carries the text to the server, at one place."""
        return seen.at(vantage).tcp.to(seen.server.ip).with_data.first

    @check(f"the headers are {ETHERNET}, {IP} and {TCP} bytes long, TCP's options aside")
    def header_lengths(self, seen: Evidence) -> Finding:
        frame = self.frame(seen)
        lengths = {part.name: part.end - part.start for part in frame.packet.layers}
        options = tcp_of(frame).header_length - TCP
        expected = {"ethernet": ETHERNET, "ipv4": IP, "tcp": TCP + options, "payload": len(TEXT)}
        return expect(lengths, expected, cite=frame)

    @check("the lengths that the headers claim add up to the frame")
    def lengths_add_up(self, seen: Evidence) -> Finding:
        frame = self.frame(seen)
        ip, tcp = frame.packet.ip, tcp_of(frame)
        claimed = ip.total_length if isinstance(ip, IPv4) else 0
        counted = (IP + tcp.header_length + len(TEXT), frame.original_length - ETHERNET)
        return expect((claimed, claimed), counted, cite=frame, what="bytes of IP packet")

    @check(
        "every byte of the frame belongs to exactly one layer: the second, third, fourth or seventh of OSI"
    )
    def each_byte_once(self, seen: Evidence) -> Finding:
        frame = self.frame(seen)
        parts = frame.packet.layers
        joined = all(one.end == other.start for one, other in pairwise(parts))
        whole = (parts[0].start, parts[-1].end) == (0, len(frame.data))
        return expect_that(
            joined and whole and [part.name for part in parts] == PARTS,
            f"{len(frame.data)} bytes, one part behind the other",
            cite=frame,
            seen=[placed(part) for part in parts],
        )

    @check("the text is where it must be, behind the three headers, at every place on the way")
    def text_is_inside(self, seen: Evidence) -> Finding:
        frames = [self.frame(seen, place) for place in PATH]
        inside = [frame.data[ETHERNET + IP + tcp_of(frame).header_length :][: len(TEXT)] for frame in frames]
        return expect(inside, [TEXT] * len(PATH), cite=frames)

    @check("the text comes back as it was")
    def text_comes_back(self, seen: Evidence) -> Finding:
        back = seen.at("client:lan-a").tcp.coming_from(seen.server.ip).with_data
        return expect_that(
            back.payload == TEXT, "what came back is what was said", cite=(back, back.markers_cited)
        )

    mutants = (
        Mutant(
            "the text is altered before it comes back",
            replaces_server("server", PORT, "shouting_server"),
            kills=(text_comes_back,),
        ),
        Mutant(
            "the router alters the text, and its checksum is right all the same",
            swaps_words(PORT, TEXT, TEXT.index(b"on"), TEXT.index(b"tw")),
            kills=(text_is_inside, text_comes_back),
        ),
        Edit(
            "the text is altered on the way",
            edits.changed(
                lambda seen: [LinkEncapsulation.frame(seen, "router:lan-b")],
                lambda frame: frame.replaced(data=frame.data[:-1] + b"?"),
            ),
            kills=(text_is_inside,),
        ),
        Edit(
            "the IP header claims another length",
            edits.rewritten(
                lambda seen: [LinkEncapsulation.frame(seen)], edits.IP_LENGTH, (70).to_bytes(2, "big")
            ),
            kills=(header_lengths, lengths_add_up, each_byte_once),
        ),
    )


def placed(part: Part) -> str:
    """A part of a frame: its bytes, counted from 0, its name, and its layer in the OSI model."""
    layer = f"OSI {part.osi} {NAMES[part.osi]}" if part.osi in NAMES else "of no layer"
    return f"{part.start} to {part.end - 1} {part.name}: {layer}"
