"""No exception ever leaves the decoder, and no byte is left out, whatever the bytes are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testbed.packets import OSI, Packet, decode
from tests.oracle.strategies import Captured, frames

LINKTYPES = st.sampled_from((1, 101, 113, 228, 229, 276, 147))


def read_all(packet: Packet) -> None:
    """Ask for everything that a packet can tell: much is decoded only when it is asked for."""
    assert str(packet.malformed) and packet.summary() and repr(packet)
    assert isinstance(packet.payload, bytes)
    assert packet.ports is None or len(packet.ports) == 2
    for layer in (packet.ethernet, packet.arp, packet.ip, packet.icmp, packet.tcp, packet.udp):
        for name in dir(layer):
            if not name.startswith("_") and name != "quoted":
                getattr(layer, name)
    covered = 0
    for part in packet.layers:
        assert part.start == covered < part.end
        assert part.name in OSI
        assert part.osi == OSI[part.name]
        covered = part.end
    assert covered == len(packet.data)
    if packet.icmp is not None and packet.icmp.quoted is not None:
        read_all(packet.icmp.quoted)


@given(st.binary(max_size=200), LINKTYPES, st.none() | st.integers(0, 2000))
def test_any_bytes_are_decoded(data: bytes, linktype: int, original_length: int | None) -> None:
    """Each byte belongs to exactly one layer."""
    read_all(decode(data, linktype, original_length))


@given(frames())
def test_any_frame_is_decoded(frame: Captured) -> None:
    """Valid ones, and such as a wire, a sender or a capture has spoilt."""
    read_all(decode(frame.data, 1, frame.original_length))


@given(frames(), st.data())
def test_a_frame_cut_anywhere_is_decoded(frame: Captured, data: st.DataObject) -> None:
    """As a capture with any snap length has it: nothing is malformed that was not before."""
    whole = decode(frame.data, 1, frame.original_length)
    length = data.draw(st.integers(0, len(frame.data)))
    cut = decode(frame.data[:length], 1, frame.original_length)
    read_all(cut)
    if whole.malformed is None:
        assert cut.malformed is None
