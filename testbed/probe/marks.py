"""Marker frames: every interface sends one, and every recording must show it.

They slice a recording, and they are its positive control: where a marker is missing,
"nothing was seen" means nothing. A marker is a broadcast frame of the private ethertype
0x88B5 (IEEE Std 802, local experimental) whose payload is a line of text that a reader
of the capture understands:

    testbed-mark run=4f1c n=3 phase=begin node=client network=lan-a
"""

from __future__ import annotations

from dataclasses import dataclass

ETHERTYPE = 0x88B5
ETHERTYPE_BYTES = ETHERTYPE.to_bytes(2, "big")
_MAGIC = b"testbed-mark "
_MINIMUM = 60  # bytes of an Ethernet frame without its check sequence
_BROADCAST = b"\xff" * 6


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marker frame says.

    run: of the recording. number: counts the marks of a run. phase: "begin" or "end" of a slice.
    node, network: who sent it, where.
    """

    run: str
    number: int
    phase: str
    node: str
    network: str

    def frame(self, mac: bytes) -> bytes:
        """Return the frame, sent from a MAC of six bytes."""
        text = f"run={self.run} n={self.number} phase={self.phase} node={self.node} network={self.network}\n"
        return (_BROADCAST + mac + ETHERTYPE_BYTES + _MAGIC + text.encode()).ljust(_MINIMUM, b"\0")


def read_mark(frame: bytes) -> Mark | None:
    """Return what a marker frame says; None for any other frame."""
    if frame[12:14] != ETHERTYPE_BYTES or not frame.startswith(_MAGIC, 14):
        return None
    line = frame[14 + len(_MAGIC) :].split(b"\n", 1)[0].decode("utf-8", "replace")
    words = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
    try:
        return Mark(words["run"], int(words["n"]), words["phase"], words["node"], words["network"])
    except (KeyError, ValueError):
        return None
