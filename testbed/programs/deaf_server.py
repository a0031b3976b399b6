"""A server that accepts one connection and reads nothing from it; with a second argument, it reads once."""

import signal
import socket
import sys

with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listener:
    print("listens", flush=True)
    connection, _ = listener.accept()
    print("accepted", flush=True)
    if sys.argv[2]:
        connection.recv(1024)
        print("heard", flush=True)
    signal.pause()
