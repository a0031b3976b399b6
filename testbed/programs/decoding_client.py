"""A client that says a text and prints what comes back, decoded in one of two ways.

    decoding_client.py HOST PORT each       every recv() by itself, as the lesson does
    decoding_client.py HOST PORT whole      as one stream: half a character waits for its other half

The text is read from standard input, and may be longer than the buffer.
"""

import codecs
import socket
import sys

BUFFER = 1024
said = sys.stdin.buffer.read()
pieces: list[bytes] = []
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    connection.sendall(said)
    while sum(map(len, pieces)) < len(said):
        data = connection.recv(BUFFER)
        if data == b"":
            break
        pieces.append(data)

decoder = codecs.getincrementaldecoder("utf-8")()
for piece in pieces:
    text = piece.decode() if sys.argv[3] == "each" else decoder.decode(piece)
    sys.stdout.buffer.write(text.encode())
