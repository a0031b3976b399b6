"""A web server with one page, which is read from the command line as JSON text.

web_server.py PORT PAGE
"""

import http.server
import json
import signal
import sys

PAGE = json.loads(sys.argv[2]).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with the page, whatever is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(PAGE)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        """Say on standard output what was asked for."""
        print(format % args, flush=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler) as server:
    print("listens", flush=True)
    server.serve_forever()
