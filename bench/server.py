"""A static file server as GitHub Pages is: gzip for text and WebAssembly, no custom headers. Optionally slow.

Knows nothing of what it serves; the tests use it too.
"""

import gzip
import sys
import threading
import time
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
CHUNK = 16 * 1024


class Bucket:
    """Lets through `bytes_per_second`, shared by all connections of one server."""

    def __init__(self, bytes_per_second):
        self.rate, self.free_at, self.lock = bytes_per_second, 0.0, threading.Lock()

    def take(self, n):
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic()) + n / self.rate
            wait = self.free_at - time.monotonic()
        time.sleep(max(wait, 0))


@cache
def _compressed(path, _changed):
    return gzip.compress(path.read_bytes(), 6, mtime=0)


def _find(routes, url):
    """The file behind a URL path: the longest route whose prefix fits, or None."""
    for prefix in sorted(routes, key=len, reverse=True):
        if url.startswith(prefix):
            path = Path(routes[prefix]) / url.removeprefix(prefix)
            return path if path.is_file() else None
    return None


def _handler(routes, bucket):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as every real host has

        def do_GET(self):
            path = _find(routes, self.path.split("?")[0])
            if path is None:
                return self._answer(404, "text/html", b"<h1>404</h1>")
            if path.suffix in TYPES:
                return self._answer(200, TYPES[path.suffix], _compressed(path, path.stat().st_mtime_ns), "gzip")
            return self._answer(200, "application/octet-stream", path.read_bytes())

        def _answer(self, status, kind, body, encoding=None):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "max-age=600")
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.end_headers()
            for start in range(0, len(body), CHUNK) if bucket else ():
                bucket.take(len(body[start : start + CHUNK]))
                self.wfile.write(body[start : start + CHUNK])
            if not bucket:
                self.wfile.write(body)

        def log_message(self, *_):
            """Silent: the caller prints what matters."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that hangs up in the middle of a file is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(routes, mbit=None):
    """Serve {"/prefix/": directory} on a free port of loopback; yields the base URL without a final slash.

    mbit  megabits per second for all connections together; None is as fast as it goes
    """
    server = _Server(("127.0.0.1", 0), _handler(routes, Bucket(mbit * 125_000) if mbit else None))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
