"""What tshark does in another way on purpose, frame by frame: both sides made comparable.

Each lenience is a function with its reason. It takes the packet and the fields as we and as tshark
have them, and takes out or rewrites what is told in two ways. Nothing else is forgiven.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from testbed.packets import IPv4, Packet
from testbed.packets.extensions import AH
from testbed.packets.extensions import ALL as EXTENSION_HEADERS
from tests.oracle.fields import Values, chain

Lenience = Callable[[Packet, Values, Values], None]


def zeros_behind_options(packet: Packet, ours: Values, theirs: Values) -> None:
    """Zeros fill up a list of options; tshark lists some of them, we stop at the first, the list's end."""
    for name in ("tcp.option_kind", "ip.opt.type"):
        theirs[name] = [kind for kind in theirs[name] if kind]


def payload_as_data(packet: Packet, ours: Values, theirs: Values) -> None:
    """What TCP and UDP carry is data too, to tshark, where no other protocol claims it."""
    if theirs["tcp.srcport"] or theirs["udp.srcport"]:
        theirs["data.data"] = []


def reset_cause(packet: Packet, ours: Values, theirs: Values) -> None:
    """What comes with a reset is to tshark the reset's cause (RFC 9293 §3.10.7.4), not payload."""
    if packet.tcp is not None and packet.tcp.rst:
        ours["tcp.payload"] = []


def udp_payload(packet: Packet, ours: Values, theirs: Values) -> None:
    """Tshark counts what is behind the UDP length as payload; to us it is padding."""
    if theirs["udp.length"] and theirs["udp.payload"]:
        length = max(0, int(str(theirs["udp.length"][-1])) - 8)
        payload = theirs["udp.payload"][-1]
        assert isinstance(payload, bytes)
        theirs["udp.payload"] = [payload[:length]] if payload[:length] else []


def fragment_length(packet: Packet, ours: Values, theirs: Values) -> None:
    """Of a fragment tshark does not tell how many bytes TCP carries."""
    if packet.ip is not None and packet.ip.is_fragment:
        ours["tcp.len"] = []


def quoted_headers(packet: Packet, ours: Values, theirs: Values) -> None:
    """Of a quoted TCP header tshark tells the ports only.

    It heeds what a quote is cut by, and its checksums, by halves; what it carries not at all, or as data.
    """
    quoting = packet.icmp is not None and packet.icmp.quoted is not None
    if not quoting:
        return
    for name in ours.keys() | theirs.keys():
        if name.startswith("tcp.") and not name.endswith("port"):
            ours[name] = theirs[name] = []
        elif name.startswith("icmp") and name.endswith(".checksum.status"):
            ours[name], theirs[name] = ours[name][:1], theirs[name][:1]
        elif name in ("udp.checksum.status", "udp.payload", "data.data"):
            ours[name] = theirs[name] = []


def service_tags(packet: Packet, ours: Values, theirs: Values) -> None:
    """The ids of two service tags (802.1ad) in a row are to tshark the service's and the customer's."""
    names = ("ieee8021ad.svid", "ieee8021ad.cvid", "ieee8021ad.id")
    theirs["ieee8021ad.id"] = [tag for name in names for tag in theirs.pop(name)]
    if packet.malformed is not None or packet.truncated:  # it reads one tag ahead
        ours["ieee8021ad.id"] = theirs["ieee8021ad.id"] = []


def padding(packet: Packet, ours: Values, theirs: Values) -> None:
    """Bytes behind the packet tshark takes apart into padding and trailer.

    It leaves them out of frames that are cut, malformed or tagged; and bytes behind a UDP length it
    counts to the payload.
    """
    behind = b"".join(
        one for one in theirs["eth.padding"] + theirs.pop("eth.trailer") if isinstance(one, bytes)
    )
    theirs["eth.padding"] = [behind] if behind else []
    if packet.truncated or packet.malformed is not None or (packet.ethernet and packet.ethernet.tags):
        ours["eth.padding"] = theirs["eth.padding"] = []
    elif packet.udp is not None and ours["eth.padding"]:
        mine = ours["eth.padding"][0]
        assert isinstance(mine, bytes)
        ours["eth.padding"] = [mine[-len(behind) :]] if behind else []


def length_or_type(packet: Packet, ours: Values, theirs: Values) -> None:
    """An 802.3 length of zero tshark takes for a type; one behind a VLAN tag it does not always heed."""
    ethernet = packet.ethernet
    if ethernet is None or ethernet.length is None:
        return
    if ethernet.tags or ethernet.length == 0:
        ours["data.data"] = theirs["data.data"] = ours["eth.padding"] = theirs["eth.padding"] = []
    if not ethernet.tags and ethernet.length == 0:
        theirs["eth.len"], theirs["eth.type"] = theirs["eth.type"], []


def offloaded_length(packet: Packet, ours: Values, theirs: Values) -> None:
    """A total length of zero, left to the card to fill in, tshark replaces by the frame's."""
    lengths = [one.ip.total_length for one in chain(packet) if isinstance(one.ip, IPv4)]
    theirs["ip.len"][: len(lengths)] = [
        mine and other for mine, other in zip(lengths, theirs["ip.len"], strict=False)
    ]


def source_routes(packet: Packet, ours: Values, theirs: Values) -> None:
    """Tshark gives a destination for each source route, though only one is allowed (RFC 791 §3.1)."""
    if len(theirs["ip.src"]) == 1:
        theirs["ip.dst"] = theirs["ip.dst"][:1]


def other_hardware(packet: Packet, ours: Values, theirs: Values) -> None:
    """ARP for other networks than IPv4 over Ethernet, which we do not take apart."""
    if packet.arp is None:
        for name in [name for name in theirs if name.startswith("arp.")]:
            theirs[name] = []


def authentication(packet: Packet, ours: Values, theirs: Values) -> None:
    """Behind an authentication header tshark reads on in another way, in IPv4 and in what is quoted.

    In IPv4 it goes on to extension headers of IPv6; in a quoted packet it stops.
    """
    for one in chain(packet):
        headers = one.ip.extensions if one.ip is not None else ()
        authenticated = any(header.protocol == AH for header in headers)
        surprising = isinstance(one.ip, IPv4) and one.ip.upper_protocol in EXTENSION_HEADERS
        if authenticated and (surprising or one is not packet):
            ours.clear()
            theirs.clear()


def echo_time(packet: Packet, ours: Values, theirs: Values) -> None:
    """The first 8 or 16 bytes of an echo's data tshark takes for a time, if they look like one."""
    if theirs.pop("icmp.data_time") and ours["data.data"]:
        mine = ours["data.data"][0]
        assert isinstance(mine, bytes)
        rest = theirs["data.data"][0] if theirs["data.data"] else b""
        if rest in (mine[8:], mine[16:]):
            ours["data.data"] = theirs["data.data"] = []


def offloaded_checksum(packet: Packet, ours: Values, theirs: Values) -> None:
    """A checksum left to the card is right to tshark from 4.2 on, and wrong before; to us it is wrong."""
    for one in chain(packet):
        for name, layer in (("tcp", one.tcp), ("udp", one.udp)):
            if layer is not None and layer.checksum_offloaded:
                ours[f"{name}.checksum.status"] = theirs[f"{name}.checksum.status"] = []


LENIENCES: Final[tuple[Lenience, ...]] = (
    zeros_behind_options,
    payload_as_data,
    reset_cause,
    service_tags,
    padding,
    udp_payload,
    fragment_length,
    quoted_headers,
    length_or_type,
    offloaded_length,
    source_routes,
    other_hardware,
    echo_time,
    offloaded_checksum,
    authentication,
)


def may_be_whole(packet: Packet) -> bool:
    """Whether tshark may not see what we call malformed: see `length_or_type`."""
    ethernet = packet.ethernet
    return ethernet is not None and ethernet.length is not None and bool(ethernet.tags)


def may_be_malformed(packet: Packet) -> bool:
    """Whether tshark may call malformed what is not so to us.

    - What follows an authentication header in IPv4: see `authentication`.
    - ICMP in an IPv6 packet, which nobody sends; an ICMP error that quotes nothing.
    - The extensions (RFC 4884) behind the quote of an ICMP error, of which we know nothing.
    - An echo of ICMPv6 without data, where it is quoted.
    """
    several = tuple(chain(packet))
    if any(isinstance(one.ip, IPv4) and one.ip.extensions for one in several):
        return True
    icmp, last = packet.icmp, several[-1].icmp
    if icmp is None or packet.ip is None:
        return False
    empty_echo = last is not None and last is not icmp and last.version == 6 and not last.body
    extended = not icmp.is_echo and bool(icmp.rest[1] if icmp.version == 4 else icmp.rest[0])
    quotes_nothing = not icmp.is_echo and not icmp.body
    return empty_echo or extended or quotes_nothing or icmp.version != packet.ip.version
