"""Which packets a fault is about: the words for people, and the words for nftables."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from testbed.errors import UsageError
from testbed.matching import Match, expressions
from testbed.placement import ordinal


class _Node:
    """A node as far as a match looks at one."""

    name = "server"
    addresses = ("172.16.20.10",)

    def interface_on(self, network: str) -> str:
        return "eth0"


NODE: Any = _Node()


def rule(match: Match, where: str = "forward") -> tuple[list[str], str]:
    """The match as conditions of nftables."""
    return expressions(match, NODE, where)


def test_flags_are_compared_exactly_but_for_the_hints() -> None:
    """A SYN-ACK is none of the others, whether or not it bears ECN's flags; PSH counts when named."""
    assert "tcp flags & (syn | ack | fin | rst) == (syn | ack)" in rule(Match(flags="SYN,ACK"))[1]
    assert "tcp flags & (syn | ack | fin | rst | psh) == (ack | psh)" in rule(Match(flags="PSH,ACK"))[1]


def test_without_data_is_told_by_what_is_not_there() -> None:
    """A pure ACK is one from whose data no byte can be read."""
    without, fitting = rule(Match(flags="ACK", payload=False))
    assert without == [f"{fitting} @ih,0,8 >= 0"]
    assert rule(Match(flags="ACK", payload=True))[0] == []


def test_data_are_compared_in_pieces() -> None:
    """More bytes than nftables compares at once are compared one piece after another."""
    assert (
        "@ih,0,128 0x" + b"0123456789abcdef".hex() + " @ih,128,16 0x" + b"gh".hex()
        in rule(Match(payload=b"0123456789abcdefgh"))[1]
    )


def test_a_node_stands_for_its_addresses() -> None:
    """One names nodes; the kernel knows addresses."""
    assert "ip saddr { 172.16.20.10 }" in rule(Match(source=NODE))[1]
    assert "ip6 daddr { fd00::/64 }" in rule(Match(destination="fd00::/64"))[1]
    assert "arp saddr ip { 172.16.20.10 }" in rule(Match(protocol="arp", source=NODE), "ingress")[1]


def test_a_match_reads_as_a_sentence() -> None:
    """A fault is evidence, and evidence is read."""
    match = Match(flags="ACK", source=NODE, destination_port=8888, payload=False)
    assert str(match) == "TCP ACK from server to port 8888 without data"
    assert str(Match(protocol="icmp", icmp_type=11)) == "ICMP type 11"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {"protocol": "sctp"},
        {"protocol": "udp", "flags": "SYN"},
        {"flags": "SYN,NACK"},
        {"source_port": 65536},
        {"protocol": "icmp", "source_port": 1},
        {"protocol": "arp", "payload": True},
        {"payload": b""},
        {"payload": b"x" * 65},
    ],
)
def test_what_no_packet_can_be_is_refused(given: dict[str, Any]) -> None:
    """A fault that can never act is a mistake, and is told before anything starts."""
    with pytest.raises(UsageError):
        Match(**given)


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft to check the rules' grammar")
def test_nft_reads_every_rule() -> None:
    """What a match becomes is in nftables' language."""
    matches = [
        Match(flags="SYN,ACK", source_port=8888, source=NODE, network="lan-a"),
        Match(payload=b"hello", destination_port=1),
        Match(protocol="udp", payload=True),
        Match(protocol="icmp", icmp_type=3),
    ]
    rules = "\n".join(rule(match)[1] for match in matches)
    script = f"table inet t {{\n chain c {{\n {rules}\n }}\n}}\n"
    ran = subprocess.run(["nft", "-c", "-f", "-"], input=script, text=True, capture_output=True, check=False)
    if "Operation not permitted" in ran.stderr:
        pytest.skip("nft -c needs CAP_NET_ADMIN")
    assert ran.returncode == 0, ran.stderr
