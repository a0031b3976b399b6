"""ICMP and ICMPv6: echoes, errors with the packet they are about, neighbour discovery."""

from __future__ import annotations

from ipaddress import ip_address

from testbed.packets import ICMP, Packet, decode
from tests import frames_builder as build


def message(data: bytes) -> tuple[Packet, ICMP]:
    """Decode an ICMP message in an IPv4 packet."""
    packet = decode(build.ethernet(build.ipv4(data, build.ICMP)))
    assert packet.icmp is not None
    return packet, packet.icmp


def message6(data: bytes) -> tuple[Packet, ICMP]:
    """Decode an ICMPv6 message in an IPv6 packet."""
    packet = decode(build.ethernet(build.ipv6(data, build.ICMPV6), build.IPV6))
    assert packet.icmp is not None
    return packet, packet.icmp


def names(packet: Packet) -> list[str]:
    """The layers' names, outermost first."""
    return [layer.name for layer in packet.layers]


def test_an_echo_has_an_identifier_a_sequence_number_and_data() -> None:
    """In both versions."""
    packet, icmp = message(build.icmp(8, 0, b"\x12\x34\x00\x07", b"ping"))
    assert (icmp.version, icmp.type, icmp.code, icmp.identifier, icmp.sequence) == (4, 8, 0, 0x1234, 7)
    assert icmp.is_echo
    assert icmp.checksum_ok
    assert packet.payload == b"ping"
    assert names(packet) == ["ethernet", "ipv4", "icmp", "payload"]
    packet, icmp = message6(build.icmpv6(129, 0, b"\x12\x34\x00\x07", b"ping"))
    assert (icmp.version, icmp.identifier, icmp.sequence) == (6, 0x1234, 7)
    assert icmp.checksum_ok
    assert names(packet) == ["ethernet", "ipv6", "icmpv6", "payload"]


def test_an_error_quotes_the_packet_that_it_is_about() -> None:
    """Port unreachable: the sender finds out by the quote which of its sockets is meant."""
    packet, icmp = message(build.icmp(3, 3, payload=build.ipv4(build.udp(b"hello"), build.UDP)))
    quoted = icmp.quoted
    assert quoted is not None
    assert quoted.ip is not None
    assert quoted.ip.destination == ip_address(build.SERVER)
    assert quoted.ports == (5353, 9)
    assert quoted.udp is not None
    assert quoted.udp.checksum_ok
    assert not quoted.truncated
    assert packet.payload == b""
    assert names(packet) == ["ethernet", "ipv4", "icmp", "quoted"]


def test_a_quote_cut_to_eight_bytes_still_names_the_ports() -> None:
    """RFC 792 asks for no more than the header and eight bytes."""
    _, icmp = message(build.icmp(3, 4, b"\0\0\5\xdc", build.ipv4(build.tcp(b"x" * 1000))[:28]))
    quoted = icmp.quoted
    assert icmp.mtu == 1500
    assert quoted is not None
    assert quoted.truncated
    assert quoted.malformed is None
    assert quoted.tcp is None
    assert quoted.ports == (43210, 8888)


def test_a_redirect_names_the_better_router() -> None:
    """RFC 792; and in version 6 target and destination (RFC 4861 §4.5)."""
    _, icmp = message(build.icmp(5, 1, ip_address("172.16.10.2").packed, build.ipv4(build.tcp())))
    assert icmp.gateway == ip_address("172.16.10.2")
    ends = ip_address("fe80::2").packed + ip_address(build.SERVER6).packed
    _, icmp = message6(build.icmpv6(137, payload=ends))
    assert (icmp.target, icmp.destination) == (ip_address("fe80::2"), ip_address(build.SERVER6))


def test_packet_too_big_tells_the_mtu() -> None:
    """RFC 4443 §3.2."""
    quote = build.ipv6(build.tcp(b"x" * 1400), build.TCP)[:100]
    _, icmp = message6(build.icmpv6(2, rest=b"\0\0\5\x00", payload=quote))
    assert icmp.mtu == 1280
    assert icmp.quoted is not None
    assert icmp.quoted.truncated
    assert icmp.quoted.tcp is not None


def test_a_neighbour_is_asked_for_and_answers_with_its_mac() -> None:
    """RFC 4861 §4.3, §4.4: what ARP is to version 4."""
    who = ip_address("fd00:10::1")
    link = bytes.fromhex("0242ac100a01")
    packet, asked = message6(build.icmpv6(135, payload=who.packed + b"\1\1" + link))
    assert asked.target == who
    assert asked.link_layer_address == "02:42:ac:10:0a:01"
    assert asked.options[0].name == "source-link-layer-address"
    assert names(packet) == ["ethernet", "ipv6", "icmpv6"]
    _, answer = message6(build.icmpv6(136, payload=who.packed + b"\2\1" + link))
    assert answer.options[0].name == "target-link-layer-address"
    assert answer.target == who


def test_neighbour_discovery_that_is_cut_is_malformed() -> None:
    """No target, or an option of no length, which would never end."""
    packet, icmp = message6(build.icmpv6(135, payload=b"short"))
    assert icmp.target is None
    assert packet.malformed == "icmpv6: type 135: 5 bytes behind the header, at least 16 needed"
    packet, icmp = message6(build.icmpv6(133, payload=b"\1\0" + bytes(6)))
    assert icmp.options == ()
    assert packet.malformed == "icmpv6: option 1: length 0, 8 bytes left"


def test_a_message_of_less_than_a_header_is_malformed() -> None:
    """RFC 792: every message has eight bytes at least."""
    packet = decode(build.ethernet(build.ipv4(build.icmp(8)[:5], build.ICMP)))
    assert packet.malformed == "icmp: 5 bytes, at least 8 needed"
    assert packet.icmp is None


def test_what_no_version_asks_for_is_none() -> None:
    """Fields of other types of message."""
    _, icmp = message(build.icmp(13, payload=bytes(12)))
    told = (
        icmp.identifier,
        icmp.sequence,
        icmp.mtu,
        icmp.gateway,
        icmp.quoted,
        icmp.target,
        icmp.destination,
    )
    assert told == (None,) * 7
    assert icmp.options == ()
    assert icmp.link_layer_address is None
