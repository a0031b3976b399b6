"""What stands before the packet: Ethernet, tags, lengths, and captures that begin with something else."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from testbed.packets import LINUX_SLL, LINUX_SLL2, RAW, Packet, decode
from tests import frames_builder as build


def names(packet: Packet) -> list[str]:
    """The layers' names, outermost first."""
    return [layer.name for layer in packet.layers]


def test_an_ethernet_header_tells_both_macs_in_lowercase() -> None:
    """Evidence compares MACs as text: there is one way to write them."""
    packet = decode(build.ethernet(build.arp(1), build.ARP, source="02:42:AC:10:0A:0A"))
    assert packet.ethernet is not None
    assert packet.ethernet.source == "02:42:ac:10:0a:0a"
    assert packet.ethernet.destination == build.ROUTER_MAC
    assert packet.ethernet.ethertype == build.ARP
    assert packet.ethernet.length is None


def test_tags_are_told_outermost_first_and_the_packet_behind_them_is_read() -> None:
    """QinQ: the provider's tag stands before the customer's."""
    frame = build.ethernet(build.ipv4(build.tcp()), tags=((build.QINQ, 0x6005), (build.VLAN, 0x0007)))
    packet = decode(frame)
    assert packet.ethernet is not None
    assert packet.ethernet.vlans == (5, 7)
    assert packet.ethernet.tags[0].priority == 3
    assert [tag.protocol for tag in packet.ethernet.tags] == [build.QINQ, build.VLAN]
    assert packet.ethernet.ethertype == build.IPV4
    assert names(packet) == ["ethernet", "vlan", "vlan", "ipv4", "tcp"]


def test_arp_tells_who_asks_for_whom() -> None:
    """RFC 826, and padding that is not part of it."""
    packet = decode(build.ethernet(build.arp(1), build.ARP, pad=60))
    assert packet.arp is not None
    assert packet.arp.is_request
    assert not packet.arp.is_reply
    assert packet.arp.sender_mac == build.CLIENT_MAC
    assert packet.arp.sender_ip == ip_address(build.CLIENT)
    assert packet.arp.target_mac == "00:00:00:00:00:00"
    assert packet.arp.target_ip == ip_address("172.16.10.1")
    assert names(packet) == ["ethernet", "arp", "padding"]
    assert packet.malformed is None


def test_arp_for_another_kind_of_network_is_a_layer_of_bytes() -> None:
    """Hardware type 6 (IEEE 802) with addresses of other lengths: its bytes are known, its fields not."""
    body = struct.pack("!HHBBH", 6, 0x0800, 8, 4, 1) + bytes(24)
    packet = decode(build.ethernet(body, build.ARP))
    assert packet.arp is None
    assert names(packet) == ["ethernet", "arp"]
    assert packet.malformed is None
    assert (
        decode(build.ethernet(body[:-1], build.ARP)).malformed == "arp: 31 bytes, 32 needed for its addresses"
    )


def test_a_length_where_the_ethertype_stands_makes_an_llc_frame() -> None:
    """A bridge's spanning tree: 38 bytes of LLC, padded to the least that Ethernet carries."""
    frame = build.llc(b"\x42\x42\x03" + bytes(35)).ljust(60, b"\0")
    packet = decode(frame)
    assert packet.ethernet is not None
    assert packet.ethernet.length == 38
    assert names(packet) == ["ethernet", "llc", "padding"]
    assert decode(build.llc(b"abc", length=9)).malformed == "ethernet: length 9, 3 bytes in the frame"


def test_an_unknown_ethertype_carries_payload() -> None:
    """The recorder's marker frames are found by their payload."""
    packet = decode(build.ethernet(b"marker 17", build.MARKER))
    assert packet.payload == b"marker 17"
    assert names(packet) == ["ethernet", "payload"]


def test_a_packet_without_a_link_header_is_read() -> None:
    """Captures of tunnels begin with the IP header."""
    packet = decode(build.ipv4(build.udp(b"x"), build.UDP), RAW)
    assert packet.udp is not None
    assert names(packet) == ["ipv4", "udp", "payload"]
    assert decode(build.ipv6(b"", build.NO_NEXT), RAW).ip is not None
    assert decode(b"\x50", RAW).malformed == "ip: version 5, neither 4 nor 6"
    assert decode(b"", RAW).malformed == "ip: 0 bytes, at least 20 needed"


@pytest.mark.parametrize(
    ("linktype", "header"),
    [
        (LINUX_SLL, struct.pack("!HHH8sH", 0, 1, 6, bytes(8), build.IPV4)),
        (LINUX_SLL2, struct.pack("!HHIHBB8s", build.IPV4, 0, 2, 1, 0, 6, bytes(8))),
    ],
)
def test_a_cooked_capture_is_read(linktype: int, header: bytes) -> None:
    """`tcpdump -i any` writes these."""
    packet = decode(header + build.ipv4(build.tcp()), linktype)
    assert packet.tcp is not None
    assert names(packet) == ["sll", "ipv4", "tcp"]
    assert decode(header[:-1], linktype).malformed is not None


def test_frames_of_an_unknown_link_are_payload() -> None:
    """Nothing is guessed."""
    packet = decode(b"\x01\x02\x03", 147)
    assert names(packet) == ["payload"]
    assert packet.summary() == "link type 147, length 3"
