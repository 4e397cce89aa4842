"""A static server like the host's (gzip, clean addresses, redirects), and live reload on top. Builds nothing itself."""

import gzip
import mimetypes
import socket
import sys
import threading
import time
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from builder.faults import BuildError

COMPRESSED = {".html", ".css", ".js", ".mjs", ".json", ".wasm", ".svg", ".txt", ".xml"}
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2"}
CHUNK = 16 * 1024  # bytes between two looks at the speed limit
RELOADER = b'<script type="module" src="/__reload.js"></script></body>'
PORTS = 20  # that are tried, from the wanted one on
# A tab asks anew while it is seen: a connection that waits would be one of the six that a browser has for all tabs
RELOAD_JS = b"""let seen;
setInterval(async () => {
  if (document.hidden) return;
  const built = await fetch("/__built").then((answer) => answer.text(), () => seen);
  if (seen && built !== seen) location.reload();
  seen = built;
}, 500);"""


class SiteServer(ThreadingHTTPServer):
    """Serves `site` below `prefix` ("/" or "/project/"), as GitHub Pages would.

    port   0 is any free one; else this, or the next that is free
    live   pages reload when `reload` is called
    mbit   megabits per second, shared by all connections; None is as fast as it goes
    also   further folders, {"/prefix/": folder}
    """

    request_queue_size = 128  # tabs that come back all at once

    def __init__(self, site, prefix="/", port=0, live=False, mbit=None, also=None):
        super().__init__(("127.0.0.1", free(port)), Handler)
        self.prefix, self.live = prefix, live
        self.folders = {where: Path(folder).resolve() for where, folder in {**(also or {}), prefix: site}.items()}
        self.bucket = Bucket(mbit * 125_000) if mbit else None
        self.built = time.time_ns()  # of which build its pages are

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}{self.prefix}"

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def handle_error(self, request, client_address):
        """A reader who leaves breaks the connection: no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def reload(self):
        self.built = time.time_ns()

    def find(self, path):
        """(status, file or new address) for a request path: x, x.html, x/index.html, a redirect, or 404.html."""
        if path + "/" == self.prefix:
            return 301, self.prefix
        where = max((where for where in self.folders if path.startswith(where)), key=len, default=None)
        if where is None:
            return 404, None
        folder = self.folders[where]
        file = (folder / path.removeprefix(where)).resolve()
        if not file.is_relative_to(folder):
            return 404, None
        if file.is_dir():
            return (200, file / "index.html") if path.endswith("/") else (301, path + "/")
        clean = file.with_name(file.name + ".html")
        found = file if file.is_file() else clean if clean.is_file() else None
        return (200, found) if found else (404, folder / "404.html")


def media_type(file):
    return TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def free(port):
    """This port, or the first behind it that nobody has; raises BuildError."""
    for each in range(port, port + PORTS if port else 1):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", each))
            except OSError as error:
                cause = error
                continue
        if each != port:
            print(f"Port {port} is taken; {each} is free.", flush=True)
        return each
    raise BuildError(f"No port from {port} to {port + PORTS - 1} can be had: {cause.strerror}. Name one with --port.")


class Bucket:
    """Lets through `bytes_per_second`, shared by all connections of a server."""

    def __init__(self, bytes_per_second):
        self.rate, self.free_at, self.lock = bytes_per_second, 0.0, threading.Lock()

    def take(self, n):
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic()) + n / self.rate
            wait = self.free_at - time.monotonic()
        time.sleep(max(wait, 0))


@lru_cache(maxsize=256)
def compressed(data):
    return gzip.compress(data, 6, mtime=0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if self.server.live and path == "/__built":
            return self.answer(200, str(self.server.built).encode(), "text/plain")
        if self.server.live and path == "/__reload.js":
            return self.answer(200, RELOAD_JS, "text/javascript")
        status, found = self.server.find(path)
        if status == 301:
            return self.answer(301, b"", "text/plain", Location=found)
        if found is None or not found.is_file():
            return self.answer(404, b"not found", "text/plain")
        self.send_file(status, found)

    do_HEAD = do_GET  # noqa: N815

    def send_file(self, status, file):
        kind = media_type(file)
        if self.server.live and file.suffix == ".html":
            return self.answer(status, file.read_bytes().replace(b"</body>", RELOADER), kind)
        if file.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            return self.answer(status, compressed(file.read_bytes()), kind, Content_Encoding="gzip")
        self.answer(status, file.read_bytes(), kind)

    def answer(self, status, body, kind, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cache-Control", "no-store" if self.server.live else "max-age=600")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body)

    def send_body(self, body):
        step = CHUNK if self.server.bucket else max(len(body), 1)
        for start in range(0, len(body), step):
            if self.server.bucket:
                self.server.bucket.take(len(body[start : start + step]))
            self.wfile.write(body[start : start + step])

    def log_message(self, *_):
        pass
