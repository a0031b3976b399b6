"""One line for each frame, in tcpdump's words."""

from __future__ import annotations

import pytest

from testbed.packets import decode
from tests import frames_builder as build

ENDS6 = (build.CLIENT6, build.SERVER6)
SYN_OPTIONS = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x09\x00\x00\x00\x00\x01\x03\x03\x07"


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (build.ethernet(build.arp(1), build.ARP), "ARP, Request who-has 172.16.10.1 tell 172.16.10.10"),
        (
            build.ethernet(build.arp(2, ("02:00:00:00:00:01", "10.0.0.1")), build.ARP),
            "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01",
        ),
        (
            build.ethernet(build.ipv4(build.tcp(options=SYN_OPTIONS))),
            "IP 172.16.10.10.43210 > 172.16.20.10.8888: Flags [S], seq 1000, win 64240, "
            "options [mss 1460,sackOK,TS val 9 ecr 0,nop,wscale 7], length 0",
        ),
        (
            build.ethernet(build.ipv4(build.tcp(b"hello", flags=build.PSH | build.ACK, acknowledgment=7))),
            "IP 172.16.10.10.43210 > 172.16.20.10.8888: "
            "Flags [P.], seq 1000:1005, ack 7, win 64240, length 5",
        ),
        (
            build.ethernet(build.ipv4(build.udp(b"hi"), build.UDP)),
            "IP 172.16.10.10.5353 > 172.16.20.10.9: UDP, length 2",
        ),
        (
            build.ethernet(build.ipv4(build.icmp(8, 0, b"\0\1\0\2", b"ping"), build.ICMP)),
            "IP 172.16.10.10 > 172.16.20.10: ICMP echo request, id 1, seq 2, length 12",
        ),
        (
            build.ethernet(
                build.ipv4(build.icmp(3, 3, payload=build.ipv4(build.udp(), build.UDP)), build.ICMP)
            ),
            "IP 172.16.10.10 > 172.16.20.10: ICMP port unreachable for 172.16.20.10 port 9, length 36",
        ),
        (
            build.ethernet(build.ipv4(build.icmp(11, payload=build.ipv4(build.tcp())), build.ICMP)),
            "IP 172.16.10.10 > 172.16.20.10: "
            "ICMP time exceeded in-transit for 172.16.20.10 port 8888, length 48",
        ),
        (
            build.ethernet(
                build.ipv6(build.icmpv6(135, payload=bytes(15) + b"\1"), build.ICMPV6), build.IPV6
            ),
            "IP6 fd00:10::10 > fd00:20::10: ICMP6 neighbor solicitation, who has ::1, length 24",
        ),
        (
            build.ethernet(build.ipv6(build.tcp(ends=ENDS6, flags=build.RST)), build.IPV6),
            "IP6 fd00:10::10.43210 > fd00:20::10.8888: Flags [R], seq 1000, win 64240, length 0",
        ),
        (
            build.ethernet(build.ipv4(b"x" * 16, build.UDP, flags=3)),
            "IP 172.16.10.10 > 172.16.20.10: fragment at 24, length 16",
        ),
        (
            build.ethernet(build.ipv4(b"igmp", 2), tags=((build.VLAN, 12),)),
            "vlan 12, IP 172.16.10.10 > 172.16.20.10: protocol 2, length 4",
        ),
        (
            build.ethernet(b"mark", build.MARKER),
            "02:42:ac:10:0a:0a > 02:42:ac:10:0a:01, ethertype 0x88b5, length 18",
        ),
        (build.llc(b"stp"), "02:42:ac:10:0a:0a > 01:80:c2:00:00:00, 802.3, length 17"),
        (
            build.ethernet(build.ipv4(build.tcp()[:8])),
            "IP 172.16.10.10 > 172.16.20.10: protocol 6, length 0 "
            "[malformed: tcp: 8 bytes, at least 20 needed]",
        ),
    ],
)
def test_a_frame_is_told_in_one_line(frame: bytes, line: str) -> None:
    """What someone who knows tcpdump reads without thinking."""
    assert decode(frame).summary() == line


def test_a_cut_frame_says_so() -> None:
    """A reader must not take a part for the whole."""
    frame = build.ethernet(build.ipv4(build.tcp(b"x" * 100)))
    assert decode(frame[:60], original_length=len(frame)).summary().endswith(" [60 of 154 bytes captured]")
