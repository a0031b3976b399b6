"""The echo server as the lesson writes it, with the mistake that the lesson teaches.

The lesson takes an empty read for a bug of Mac and Linux, and goes on. It is how a stream
ends: every later read is empty too, at once and for ever.
"""

import signal
import socket
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", int(sys.argv[1])))
listener.listen(5)
print("listens", flush=True)
while True:
    connection, address = listener.accept()
    while True:
        data = connection.recv(1024)
        if not data:
            continue
        if data == b"q":
            break
        connection.send(data)
    connection.close()
