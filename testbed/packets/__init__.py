"""Bytes to packets: Ethernet, ARP, IPv4 and IPv6, ICMP, TCP and UDP, decoded without exception.

Owns what is in one frame. Does not own files of frames (pcapng), nor what several frames mean
together (evidence): no reassembly, no conversations, no state.

    >>> packet = decode(bytes.fromhex("ffffffffffff 02420a000002 0806 0001080006040001"
    ...                               "02420a000002 0a000002 000000000000 0a000003"))
    >>> packet.summary()
    'ARP, Request who-has 10.0.0.3 tell 10.0.0.2'
    >>> packet.arp.target_ip, packet.ethernet.source, packet.tcp
    (IPv4Address('10.0.0.3'), '02:42:0a:00:00:02', None)
    >>> [(layer.name, layer.start, layer.end, layer.osi) for layer in packet.layers]
    [('ethernet', 0, 14, 2), ('arp', 14, 42, 2)]
"""

from testbed.packets.arp import ARP
from testbed.packets.decoding import ETHERNET, LINUX_SLL, LINUX_SLL2, RAW, decode
from testbed.packets.extensions import Extension
from testbed.packets.icmp import ICMP
from testbed.packets.ipv4 import IPv4
from testbed.packets.ipv6 import IPv6
from testbed.packets.layers import OSI, Layer
from testbed.packets.link import Ethernet, Tag
from testbed.packets.neighbour import NDPOption
from testbed.packets.options import Option
from testbed.packets.packet import Packet
from testbed.packets.tcp import TCP
from testbed.packets.udp import UDP

__all__ = [
    "ARP",
    "ETHERNET",
    "ICMP",
    "LINUX_SLL",
    "LINUX_SLL2",
    "OSI",
    "RAW",
    "TCP",
    "UDP",
    "Ethernet",
    "Extension",
    "IPv4",
    "IPv6",
    "Layer",
    "NDPOption",
    "Option",
    "Packet",
    "Tag",
    "decode",
]
