"""An echo server that answers in upper case: what a client gets back is not what it said."""

import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listener:
    print("listens", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            while (data := connection.recv(1024)) not in (b"", b"q", b"q\n"):
                connection.sendall(data.upper())
