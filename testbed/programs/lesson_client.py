"""The echo client as the lesson writes it: one send(), one recv(), and then the next line.

    lesson_client.py HOST PORT [LINE…]      without lines, they are read from standard input

It takes what one recv() gives for the answer. For a server far away, or a long line, it is not.
"""

import socket
import sys

lines = sys.argv[3:] or sys.stdin.read().splitlines()
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
for line in lines:
    connection.send(line.encode())
    if line == "q":
        break
    data = connection.recv(1024)
    print(f"said {len(line.encode())} bytes, heard {len(data)}", flush=True)
connection.close()
