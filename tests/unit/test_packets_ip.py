"""IPv4 and IPv6: fields, options, extension headers, fragments, lengths that lie."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

import pytest

from testbed.packets import IPv4, IPv6, Packet, decode
from tests import frames_builder as build


def v4(packet: Packet) -> IPv4:
    """The IPv4 header of a packet that has one."""
    assert isinstance(packet.ip, IPv4)
    return packet.ip


def v6(packet: Packet) -> IPv6:
    """The IPv6 header of a packet that has one."""
    assert isinstance(packet.ip, IPv6)
    return packet.ip


def over6(packet: bytes) -> Packet:
    """Decode an IPv6 packet in a frame."""
    return decode(build.ethernet(packet, build.IPV6))


def names(packet: Packet) -> list[str]:
    """The layers' names, outermost first."""
    return [layer.name for layer in packet.layers]


def test_an_ipv4_header_is_read() -> None:
    """Every field of RFC 791 §3.1."""
    frame = build.ethernet(build.ipv4(build.tcp(b"hi"), ttl=63, tos=0x2E, identification=0xBEEF), pad=60)
    ip = v4(decode(frame))
    assert ip.version == 4
    assert ip.source == ip_address(build.CLIENT)
    assert ip.destination == ip.final_destination == ip_address(build.SERVER)
    assert (ip.ttl, ip.tos, ip.protocol, ip.upper_protocol, ip.identification) == (63, 0x2E, 6, 6, 0xBEEF)
    assert (ip.total_length, ip.header_length) == (42, 20)
    assert ip.dont_fragment
    assert not ip.more_fragments
    assert not ip.is_fragment
    assert ip.checksum_ok
    assert names(decode(frame)) == ["ethernet", "ipv4", "tcp", "payload", "padding"]


def test_a_changed_ttl_makes_the_header_checksum_wrong() -> None:
    """A router that lowers the TTL must compute the checksum anew (RFC 1812 §5.3.1)."""
    frame = bytearray(build.ethernet(build.ipv4(build.tcp())))
    frame[14 + 8] -= 1
    assert not v4(decode(bytes(frame))).checksum_ok


def test_ipv4_options_are_named() -> None:
    """Record route, router alert, and the end of the list."""
    options = build.option(7, b"\x04" + bytes(8)) + b"\1" + build.option(148, b"\0\0")
    ip = v4(decode(build.ethernet(build.ipv4(build.udp(), build.UDP, options=options))))
    assert [(one.kind, one.name) for one in ip.options] == [
        (7, "record-route"), (1, "nop"), (148, "router-alert"),
    ]  # fmt: skip
    assert ip.header_length == 36


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (build.option(148, b""), "ipv4: option router-alert: length 2, 4 allowed"),
        (b"\x07\x27\x04\x00", "ipv4: option record-route: length 39, 4 bytes left"),
        (b"\x01\x01\x01\x07", "ipv4: option record-route: has no length"),
        (b"\x63\x01\x00\x00", "ipv4: option option-99: length 1, 4 bytes left"),
    ],
)
def test_ipv4_options_that_do_not_fit_are_malformed(options: bytes, fault: str) -> None:
    """The frame is read on all the same: the header's length is right."""
    packet = decode(build.ethernet(build.ipv4(build.udp(), build.UDP, options=options)))
    assert packet.malformed == fault
    assert packet.udp is not None


def test_a_source_routed_packet_ends_at_the_end_of_its_route() -> None:
    """TCP's checksum covers the last address of the route (RFC 1122 §4.2.3.8)."""
    route = build.option(131, b"\x04" + ip_address("10.0.0.1").packed + ip_address("10.0.0.2").packed)
    segment = build.tcp(ends=(build.CLIENT, "10.0.0.2"))
    packet = decode(build.ethernet(build.ipv4(segment, options=route)))
    assert v4(packet).final_destination == ip_address("10.0.0.2")
    assert packet.tcp is not None
    assert packet.tcp.checksum_ok


def test_a_first_fragment_has_a_transport_header_and_a_later_one_has_none() -> None:
    """What is in a later fragment cannot be told from it alone."""
    first = decode(build.ethernet(build.ipv4(build.udp(b"x" * 8, length=48), build.UDP, flags=0x2000)))
    assert v4(first).is_fragment
    assert first.udp is not None
    assert first.udp.checksum_ok is None
    assert first.malformed is None
    later = decode(build.ethernet(build.ipv4(b"y" * 24, build.UDP, flags=0x0002)))
    assert v4(later).fragment_offset == 16
    assert later.udp is None
    assert later.payload == b"y" * 24
    assert names(later) == ["ethernet", "ipv4", "fragment"]


@pytest.mark.parametrize(
    ("changed", "fault", "kept"),
    [
        ({"version": 5}, "ipv4: version 5, header length 20; 4 and at least 20 allowed", False),
        ({"header_words": 4}, "ipv4: version 4, header length 16; 4 and at least 20 allowed", False),
        ({"header_words": 15}, "ipv4: total length 48, header length 60", False),
        ({"total_length": 19}, "ipv4: total length 19, header length 20", False),
        ({"total_length": 90}, "ipv4: total length 90, 48 bytes in the frame", True),
    ],
)
def test_an_ipv4_header_that_contradicts_itself_is_malformed(
    changed: dict[str, int], fault: str, kept: bool
) -> None:
    """A length beyond the frame leaves a header to look at; the others leave none."""
    packet = decode(build.ethernet(build.ipv4(build.udp(bytes(20)), build.UDP, **changed)))  # type: ignore[arg-type]
    assert packet.malformed == fault
    assert (packet.ip is not None) is kept


def test_a_total_length_of_zero_reaches_to_the_end_of_the_frame() -> None:
    """So Linux hands over what the card is to cut into packets."""
    packet = decode(build.ethernet(build.ipv4(build.tcp(b"big"), total_length=0)))
    assert packet.payload == b"big"
    assert packet.malformed is None


def test_an_authentication_header_is_read_through() -> None:
    """RFC 4302, in both versions."""
    inner = build.authentication(build.tcp(b"x"), build.TCP)
    packet = decode(build.ethernet(build.ipv4(inner, build.AH)))
    assert names(packet) == ["ethernet", "ipv4", "ah", "tcp", "payload"]
    assert v4(packet).upper_protocol == build.TCP
    assert v4(packet).protocol == build.AH
    packet = decode(build.ethernet(build.ipv6(inner, build.AH), build.IPV6))
    assert names(packet) == ["ethernet", "ipv6", "ah", "tcp", "payload"]


def test_an_ipv6_header_is_read() -> None:
    """Every field of RFC 8200 §3."""
    segment = build.tcp(b"hi", ends=(build.CLIENT6, build.SERVER6))
    frame = build.ethernet(
        build.ipv6(segment, traffic_class=0xB8, flow_label=0xABCDE, hop_limit=9), build.IPV6
    )
    packet = decode(frame)
    ip = v6(packet)
    assert ip.version == 6
    assert (ip.source, ip.destination) == (ip_address(build.CLIENT6), ip_address(build.SERVER6))
    assert (ip.traffic_class, ip.flow_label, ip.hop_limit) == (0xB8, 0xABCDE, 9)
    assert (ip.payload_length, ip.next_header, ip.upper_protocol) == (22, 6, 6)
    assert ip.extensions == ()
    assert packet.tcp is not None
    assert packet.tcp.checksum_ok


def test_extension_headers_are_a_layer_each() -> None:
    """All that RFC 8200 has, in the order that it recommends."""
    ends = (build.CLIENT6, build.SERVER6)
    inner = build.fragment(build.udp(b"hi", ends=ends), build.UDP, 0, more=False, identification=77)
    routed = build.extension(inner, build.FRAGMENT, bytes((0, 0, 0, 0, 0, 0)) + bytes(16))
    packet = decode(
        build.ethernet(
            build.ipv6(build.extension(build.extension(routed, build.ROUTING), build.DESTINATION), 0),
            build.IPV6,
        )
    )
    assert names(packet) == [
        "ethernet", "ipv6", "hop-by-hop", "destination-options", "routing", "fragment-header",
        "udp", "payload",
    ]  # fmt: skip
    ip = v6(packet)
    assert [one.next_header for one in ip.extensions] == [60, 43, 44, 17]
    assert ip.upper_protocol == build.UDP
    assert ip.fragment is not None
    assert ip.fragment.identification == 77
    assert not ip.is_fragment  # an atomic one
    assert packet.udp is not None
    assert packet.udp.checksum_ok
    assert ip.extensions[0].options[0].name == "pad-n"


def test_an_unused_route_names_the_end_that_checksums_cover() -> None:
    """RFC 8200 §8.1."""
    end = "fd00:30::1"
    route = bytes((0, 1, 0, 0, 0, 0)) + ip_address(end).packed
    segment = build.tcp(ends=(build.CLIENT6, end))
    packet = decode(
        build.ethernet(build.ipv6(build.extension(segment, build.TCP, route), build.ROUTING), build.IPV6)
    )
    assert v6(packet).final_destination == ip_address(end)
    assert packet.tcp is not None
    assert packet.tcp.checksum_ok


def test_segment_routing_lists_its_segments_backwards() -> None:
    """RFC 8754 §2: the first in the list is the last to be visited."""
    segments = ip_address("fd00:30::1").packed + ip_address("fd00:31::1").packed
    route = bytes((4, 1, 1, 0, 0, 0)) + segments
    packet = over6(build.ipv6(build.extension(b"", build.NO_NEXT, route), build.ROUTING))
    assert v6(packet).final_destination == ip_address("fd00:30::1")


def test_a_later_ipv6_fragment_has_no_transport_header() -> None:
    """As in version 4."""
    inner = build.fragment(b"z" * 9, build.UDP, 16, more=True)
    packet = decode(build.ethernet(build.ipv6(inner, build.FRAGMENT), build.IPV6))
    ip = v6(packet)
    assert (ip.fragment_offset, ip.more_fragments, ip.is_fragment) == (16, True, True)
    assert packet.udp is None
    assert names(packet) == ["ethernet", "ipv6", "fragment-header", "fragment"]


def test_a_jumbogram_has_its_length_in_an_option() -> None:
    """RFC 2675; Linux writes these where the card cuts packets of more than 64 KiB."""
    body = build.udp(b"j" * 10, length=0, checksum=1)
    jumbo = b"\xc2\x04" + pack("!I", 8 + len(body))
    frame = build.ethernet(
        build.ipv6(build.extension(body, build.UDP, jumbo), 0, payload_length=0), build.IPV6
    )
    packet = decode(frame)
    assert names(packet)[:3] == ["ethernet", "ipv6", "hop-by-hop"]
    assert packet.malformed == "udp: length 0, at least 8 allowed"  # no jumbogram: it is short
    large = build.udp(b"j" * 70000, length=0, checksum=1)
    jumbo = b"\xc2\x04" + pack("!I", 8 + len(large))
    packet = over6(build.ipv6(build.extension(large, build.UDP, jumbo), 0, payload_length=0))
    assert packet.malformed is None
    assert len(packet.payload) == 70000


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        (build.ipv6(b"", version=4), "ipv6: version 4"),
        (build.ipv6(b"abcdefgh", 59, payload_length=9), "ipv6: payload length 9, 8 bytes in the frame"),
        (build.ipv6(b"\x3b\x00", 0), "hop-by-hop: 2 bytes, at least 8 needed"),
        (build.ipv6(b"\x3b\x02" + bytes(14), 0), "hop-by-hop: 16 bytes, at least 24 needed"),
        (
            build.ipv6(build.extension(b"", 59, b"\1\7\0\0\0\0"), 0),
            "hop-by-hop: option pad-n: length 7, 6 bytes left",
        ),
        (
            build.ipv6(build.extension(b"", 59, b"\0\5\0\0\0\0"), 43),
            "routing: type 0, length 0, 5 addresses left",
        ),
    ],
)
def test_an_ipv6_packet_that_contradicts_itself_is_malformed(packet: bytes, fault: str) -> None:
    """Each with what was there and what is needed."""
    assert decode(build.ethernet(packet, build.IPV6)).malformed == fault


def test_protocols_that_are_not_decoded_are_named_layers() -> None:
    """IGMP, OSPF, …: seen in a lab, and not to be taken for an application's bytes."""
    packet = decode(build.ethernet(build.ipv4(b"igmp....", 2)))
    assert names(packet) == ["ethernet", "ipv4", "igmp"]
    assert packet.payload == b"igmp...."
