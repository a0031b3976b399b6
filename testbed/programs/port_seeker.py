"""A program without privileges that wants ports. It says of each what came of it: `what: how it ended`.

Its argument is the host that it then tries to reach, on a port that there is not.
"""

import errno
import socket
import sys

NO_PORT = 65536


def tell(what: str, how: str) -> None:
    """Say one line."""
    print(f"{what}: {how}", flush=True)


def outcome(error: Exception) -> str:
    """The name of an error: the kernel's where it is the kernel's."""
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error))
    return type(error).__name__


def bind(port: int, what: str = "") -> socket.socket:
    """Ask for a port, and say which one it became."""
    taken = socket.socket()
    try:
        taken.bind(("0.0.0.0", port))
        tell(what or f"bind {port}", str(taken.getsockname()[1]))
    except (OSError, OverflowError) as error:
        tell(what or f"bind {port}", outcome(error))
    return taken


def connect(what: str, address: tuple[str, int]) -> None:
    """Try to reach a port."""
    with socket.socket() as out:
        out.settimeout(3)
        try:
            out.connect(address)
            tell(what, "connected")
        except (OSError, OverflowError) as error:
            tell(what, outcome(error))


for wanted in (80, 1023, 1024, 65535, NO_PORT, 0):
    bind(wanted).close()
with bind(7777, "bind 7777 first"):
    bind(7777, "bind 7777 again").close()
connect(f"connect {NO_PORT}", (sys.argv[1], NO_PORT))
address = socket.getaddrinfo(sys.argv[1], NO_PORT, socket.AF_INET, socket.SOCK_STREAM)[0][4]
tell(f"getaddrinfo {NO_PORT}", str(address[1]))
connect("connect what getaddrinfo says", (str(address[0]), int(address[1])))
