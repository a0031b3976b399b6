"""Segments that no kernel of the lab would send now: overheard and sent again, or built by hand.

They are put on the wire by a node's probe; what a scenario sends with it is bounded in number and rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

from testbed import packets
from testbed.probe import frames

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.slices import RawFrame

ETHERNET, IPV4, TCP = 14, 20, 20  # bytes of the headers, options apart


@contextmanager
def overheard(lab: Lab, vantage: str, wanted: Callable[[packets.Packet], bool]) -> Iterator[Future[bytes]]:
    """Listen at a vantage point; the future holds the first frame sent there that is wanted."""
    heard: Future[bytes] = Future()

    def look(frame: RawFrame) -> None:
        here = frame.vantage == vantage and frame.direction == "out" and not heard.done()
        if here and wanted(packets.decode(frame.data)):
            heard.set_result(frame.data)

    stop = lab.recorder.subscribe(look)
    try:
        yield heard
    finally:
        stop()


def syn_again(frame: bytes) -> bytes:
    """The same SYN in the same frame: addresses, ports, number and options; its checksum computed anew."""
    packet = packets.decode(frame)
    if packet.ethernet is None or not isinstance(packet.ip, packets.IPv4) or packet.tcp is None:
        raise ValueError(f"no TCP over IPv4: {packet.summary()}")
    ip, tcp = packet.ip, packet.tcp
    begin = ETHERNET + ip.header_length
    segment = frames.tcp(
        (str(ip.source), tcp.source_port),
        (str(ip.destination), tcp.destination_port),
        tcp.flag_names,
        sequence=tcp.sequence,
        window=tcp.window,
        options=frame[begin + TCP : begin + tcp.header_length],
    )
    datagram = frames.ipv4(str(ip.source), str(ip.destination), 6, segment, identification=ip.identification)
    return frames.ethernet(packet.ethernet.source, packet.ethernet.destination, 0x0800, datagram)
