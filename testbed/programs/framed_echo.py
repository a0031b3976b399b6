"""Echo with a frame around each message: four bytes that say how long it is, then the message.

    framed_echo.py serve PORT
    framed_echo.py talk HOST PORT [LINE…]       without lines, they are read from standard input

With `bare` as the last argument there is no frame: a message is what one recv() gives.
"""

import signal
import socket
import struct
import sys

LENGTH = struct.Struct("!I")
BARE = sys.argv[-1] == "bare"
WORDS = sys.argv[1:-1] if BARE else sys.argv[1:]


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """Read until so many bytes are here: one recv() may return fewer than were sent together."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if piece == b"":
            raise EOFError("the stream ended inside a message")
        data += piece
    return data


def read_message(connection: socket.socket) -> bytes:
    """Read one message, whatever way its bytes were cut or joined on the way."""
    if BARE:
        return connection.recv(1024)
    (length,) = LENGTH.unpack(read_exactly(connection, LENGTH.size))
    return read_exactly(connection, length)


def send_message(connection: socket.socket, message: bytes) -> None:
    """Send one message; an empty one is its length alone."""
    connection.sendall(message if BARE else LENGTH.pack(len(message)) + message)


def serve(port: int) -> None:
    """Serve one client after another, until each says `q` or goes away."""
    with socket.create_server(("0.0.0.0", port)) as listener:
        print("listens", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    while (message := read_message(connection)) != b"q":
                        send_message(connection, message)
                        if BARE and message == b"":
                            break
                except (EOFError, OSError) as error:
                    print(f"a client broke off: {error}", flush=True)


def talk(host: str, port: int, lines: list[str]) -> None:
    """Say each line, and tell how much came back."""
    with socket.create_connection((host, port)) as connection:
        print("connected", flush=True)
        for line in lines:
            send_message(connection, line.encode())
            if line == "q":
                break
            heard = read_message(connection)
            print(f"said {len(line.encode())} bytes, heard {len(heard)}", flush=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if WORDS[0] == "serve":
    serve(int(WORDS[1]))
else:
    talk(WORDS[1], int(WORDS[2]), WORDS[3:] or sys.stdin.read().splitlines())
