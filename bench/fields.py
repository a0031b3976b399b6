"""Fields of every frame of a capture, as `tshark -n -T fields` gives them: for `bench.decoder`.

python -m bench.fields text CAPTURE      each frame as a line, as tshark writes it
python -m bench.fields values CAPTURE    each frame as a tuple of values, as a program wants it
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from testbed.packets import IPv4, Packet, decode
from testbed.pcapng import Reader, Record

FIELDS = (
    "frame.time_epoch frame.len eth.src eth.dst eth.type arp.opcode ip.src ip.dst ip.ttl ip.proto ip.len "
    "udp.srcport udp.dstport tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.window_size_value"
).split()
"""The columns, in tshark's names."""

text = cache(str)
"""An address as text: a capture has few, and making the text of one costs as much as decoding a frame."""


def values(record: Record, packet: Packet) -> tuple[object, ...]:
    """The fields of one frame; None where it does not have one."""
    ethernet, arp, ip, tcp, udp = packet.ethernet, packet.arp, packet.ip, packet.tcp, packet.udp
    assert ethernet is not None
    head = (record.time_ns, record.original_length, ethernet.source, ethernet.destination, ethernet.ethertype)
    if arp is not None:
        return *head, arp.operation, *(None,) * 13
    if not isinstance(ip, IPv4):
        return *head, *(None,) * 14
    network = (None, ip.source, ip.destination, ip.ttl, ip.protocol, ip.total_length)
    if udp is not None:
        return *head, *network, udp.source_port, udp.destination_port, *(None,) * 6
    if tcp is None:
        return *head, *network, *(None,) * 8
    return (
        *head, *network, None, None, tcp.source_port, tcp.destination_port, tcp.sequence, tcp.acknowledgment,
        tcp.flags, tcp.window,
    )  # fmt: skip


def line(record: Record, packet: Packet) -> str:
    """The fields of one frame as tshark writes them."""
    time_ns = str(record.time_ns)
    ethernet, ip, tcp, udp = packet.ethernet, packet.ip, packet.tcp, packet.udp
    assert ethernet is not None
    head = (
        f"{time_ns[:-9]}.{time_ns[-9:]}\t{record.original_length}\t"
        f"{ethernet.source}\t{ethernet.destination}\t0x{ethernet.ethertype:04x}\t"
    )
    if packet.arp is not None:
        return f"{head}{packet.arp.operation}" + "\t" * 13 + "\n"
    if not isinstance(ip, IPv4):
        return head + "\t" * 13 + "\n"
    head += f"\t{text(ip.source)}\t{text(ip.destination)}\t{ip.ttl}\t{ip.protocol}\t{ip.total_length}\t"
    if udp is not None:
        return f"{head}{udp.source_port}\t{udp.destination_port}" + "\t" * 6 + "\n"
    if tcp is None:
        return head + "\t" * 7 + "\n"
    return (
        f"{head}\t\t{tcp.source_port}\t{tcp.destination_port}\t{tcp.sequence}\t{tcp.acknowledgment}\t"
        f"0x{tcp.flags:04x}\t{tcp.window}\n"
    )


def main(form: str, capture: Path) -> None:
    """Go through the capture in the form that is asked for."""
    with Reader(capture) as reader:
        decoded = ((record, decode(record.data, 1, record.original_length)) for record in reader)
        if form == "text":
            sys.stdout.writelines(line(record, packet) for record, packet in decoded)
        else:
            print(sum(len(values(record, packet)) for record, packet in decoded))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
