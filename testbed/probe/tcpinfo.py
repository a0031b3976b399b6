"""TCP_INFO: what the kernel says of a connection (struct tcp_info, linux/tcp.h)."""

from __future__ import annotations

import socket
import struct

# Numbers of the states in the kernel (net/tcp_states.h), by the names of RFC 9293.
STATES = {
    1: "ESTABLISHED",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "CLOSED",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECV",  # TCP_NEW_SYN_RECV: a request socket, before accept() has anything
}

_BYTES = struct.Struct("=8B24I")
_NAMES = (
    "rto_us ato_us snd_mss rcv_mss unacked sacked lost retransmitted fackets "
    "last_data_sent_ms last_ack_sent_ms last_data_received_ms last_ack_received_ms "
    "path_mtu rcv_ssthresh rtt_us rttvar_us snd_ssthresh snd_cwnd advmss reordering "
    "rcv_rtt_us rcv_space total_retransmissions"
).split()


def read_info(sock: socket.socket) -> dict[str, str | int]:
    """Return the state and the numbers of a TCP socket; times in the units of their names."""
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES.size)
    values = _BYTES.unpack(raw.ljust(_BYTES.size, b"\0"))
    info: dict[str, str | int] = {
        "state": STATES.get(values[0], str(values[0])),
        "retransmits": values[2],
        "probes": values[3],
        "backoff": values[4],
    }
    info.update(zip(_NAMES, values[8:], strict=True))
    return info
