"""A DNS server that gives one address for every name (RFC 1035 §4): the one that it was told.

lying_names.py PORT ADDRESS
"""

import signal
import socket
import struct
import sys

A, IN = 1, 1
ANSWERED = 0x8180  # response, recursion desired and available, no error
NAME = 0xC00C  # the name that stands at byte 12: the one asked for

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
address = socket.inet_aton(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("0.0.0.0", int(sys.argv[1])))
    print("listens", flush=True)
    while True:
        query, client = sock.recvfrom(512)
        end = query.index(0, 12) + 5  # the name, its zero, type and class
        (kind,) = struct.unpack_from("!H", query, end - 4)
        record = struct.pack("!HHHIH4s", NAME, A, IN, 0, 4, address) if kind == A else b""
        head = query[:2] + struct.pack("!5H", ANSWERED, 1, len(record) > 0, 0, 0)
        sock.sendto(head + query[12:end] + record, client)
