"""A server with a name: it answers whoever comes with its name and all that it has heard so far."""

import socket
import sys

name = sys.argv[2]
heard: list[str] = []
held = []
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listener:
    print("listens", flush=True)
    while True:
        connection, _ = listener.accept()
        held.append(connection)  # the conversation stays open
        heard.append(connection.recv(1024).decode())
        connection.sendall(f"{name} heard {', '.join(heard)}".encode())
