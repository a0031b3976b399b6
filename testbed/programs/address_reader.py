"""It is given addresses as text, and says of each, in a line of JSON, what the C library makes of it.

address_reader.py HOW TEXT…    HOW: `number` takes a text for an address and nothing else (inet_pton(3),
inet_aton(3), and getaddrinfo(3) with AI_NUMERICHOST); `name` takes it for a name, if it is no address.
"""

import json
import socket
import sys
from collections.abc import Callable


def looked_up(text: str, flags: int) -> list[str]:
    """What getaddrinfo says. Asked for IPv4 alone, glibc takes no digits and dots for a name; so: any."""
    found = socket.getaddrinfo(text, None, socket.AF_UNSPEC, socket.SOCK_DGRAM, 0, flags)
    return [str(entry[4][0]) for entry in found]


WAYS: dict[str, dict[str, Callable[[str], object]]] = {
    "number": {
        "inet_pton": lambda text: socket.inet_pton(socket.AF_INET, text).hex(),
        "inet_aton": lambda text: socket.inet_aton(text).hex(),
        "AI_NUMERICHOST": lambda text: looked_up(text, socket.AI_NUMERICHOST),
    },
    "name": {"getaddrinfo": lambda text: looked_up(text, 0)},
}

for text in sys.argv[2:]:
    said = {}
    for name, read in WAYS[sys.argv[1]].items():
        try:
            said[name] = read(text)
        except OSError as error:
            said[name] = f"refused: {error.args[-1]}"
    print(json.dumps({"text": text, **said}), flush=True)
