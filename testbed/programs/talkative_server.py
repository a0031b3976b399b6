"""An echo server that has something left to say when the client has finished."""

import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listener:
    print("listens", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            while (data := connection.recv(1024)) != b"":
                connection.sendall(data)
            connection.sendall(b"one more thing")
            connection.shutdown(socket.SHUT_WR)
