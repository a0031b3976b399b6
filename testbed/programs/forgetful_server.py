"""An echo server that never sends back the second text of a conversation."""

import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listener:
    print("listens", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            heard = 0
            while (data := connection.recv(1024)) not in (b"", b"q", b"q\n"):
                heard += 1
                if heard != 2:
                    connection.sendall(data)
