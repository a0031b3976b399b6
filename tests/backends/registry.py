"""A container registry with one image, on this machine's loopback: as much of its protocol as a pull asks.

OCI distribution specification 1.1, §Pull; image manifest version 2, schema 2.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(data: bytes) -> str:
    """The name of a content."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def image(text: str) -> tuple[bytes, dict[str, bytes]]:
    """An image that holds one file: its manifest, and its parts by their digests."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as layer:
        entry = tarfile.TarInfo("text")
        entry.size = len(text)
        layer.addfile(entry, io.BytesIO(text.encode()))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(plain.getvalue())]},
        }
    ).encode()

    def part(kind: str, data: bytes) -> dict[str, object]:
        return {"mediaType": kind, "size": len(data), "digest": digest(data)}

    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part(CONFIG, config),
            "layers": [part(LAYER, packed)],
        }
    ).encode()
    return manifest, {digest(config): config, digest(packed): packed}


@contextmanager
def registry(name: str, text: str) -> Iterator[str]:
    """Serve an image under a name, with the tag 1; gives host:port/name:1."""
    manifest, parts = image(text)
    answers = {"/v2/": (b"{}", "application/json")}
    for tag in ("1", digest(manifest)):
        answers[f"/v2/{name}/manifests/{tag}"] = (manifest, MANIFEST)
    for key, data in parts.items():
        answers[f"/v2/{name}/blobs/{key}"] = (data, "application/octet-stream")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            body, kind = answers.get(self.path, (b"", ""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if kind == MANIFEST:
                self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/{name}:1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
