"""A web server over a dict of bytes, on loopback: it counts requests, and misbehaves as a test wants."""

import email.utils
import gzip
import hashlib
import random
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

PAGE = b"<!DOCTYPE html>\n<html><body>Nothing here</body></html>"


class Server(ThreadingHTTPServer):
    """Serves `values`, by key. Use it in a `with` statement.

    What it can be told:

    - ranges: "all", "no end" (it ignores those that count from the end), or "none" (it answers 200 with everything).
    - versions: "etag", "weak etag", "date" (of `dates`, a minute ago if it is not there), "new date" (now) or
      "none".
    - faults: a share of the answers that fail, each in one of the ways `kinds`: a status, "drop" (the connection is
      closed), "cut" (after 40 bytes of the body) or "stall" (0.1 s).
    - cuts: after how many bytes of their bodies the next answers with a value end and the connection is closed.
    - heeds: whether the condition If-Range is heeded.
    - statuses: status codes by key, in place of the answers.
    - missing: the status of an answer for a missing key; "page" is an HTML page with status 200.
    - redirects: the URL before the key that a request for a key is redirected to, or a function of the path.
    - close_after: how many answers a connection gets before the server closes it without a word.
    - retry_after: the seconds that answers of 400 and more ask to wait.
    - head: whether it answers HEAD; encode: whether it compresses answers; hook: is called before each answer.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, values=None, **options):
        super().__init__(("127.0.0.1", 0), Handler)
        self.values = {} if values is None else values
        self.guard, self.random = threading.Lock(), random.Random(20)
        self.requests, self.connections = [], 0
        self.ranges, self.versions, self.faults, self.kinds = "all", "etag", 0.0, (503, "drop")
        self.statuses, self.dates, self.missing, self.redirects, self.close_after = {}, {}, 404, None, None
        self.cuts, self.heeds = [], True
        self.head, self.encode, self.latency, self.hook, self.retry_after = True, False, 0.0, None, None
        for name, value in options.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def get_request(self):
        with self.guard:
            self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address):
        """Say nothing about clients that went away."""

    def take(self):
        """Return the requests since the last time, as (method, key, range or None)."""
        with self.guard:
            requests, self.requests = self.requests, []
        return [request[:3] for request in requests]

    def fault(self):
        """Return how this answer fails, None if it does not."""
        with self.guard:
            return self.random.choice(self.kinds) if self.random.random() < self.faults else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *arguments):
        """Print nothing."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        server = self.server
        key = unquote(urlsplit(self.path).path[1:])
        with server.guard:
            server.requests.append((self.command, key, self.headers["Range"], self.path, dict(self.headers)))
        if server.hook is not None:
            server.hook(self)
        time.sleep(server.latency)
        kind = server.fault()
        if kind == "stall":
            time.sleep(0.1)
        elif kind == "drop":
            self.drop()
            return
        elif isinstance(kind, int):
            self.reply(kind, b"busy")
            return
        if server.redirects is not None:
            where = server.redirects(self.path) if callable(server.redirects) else server.redirects + self.path
            if where is not None:
                self.reply(302, b"", Location=where)
                return
        if key in server.statuses:
            self.reply(server.statuses[key], b"as told")
        elif self.command == "HEAD" and not server.head:
            self.reply(405, b"")
        elif key in server.values:
            self.give(key, server.values[key], 40 if kind == "cut" else None)
        elif server.missing == "page":
            self.reply(200, PAGE, **{"Content-Type": "text/html; charset=utf-8"})
        else:
            self.reply(server.missing, b"not here")

    def give(self, key, value, cut):
        """Answer with a value, or the range of it that was asked for."""
        server, headers = self.server, {}
        etag = f'"{hashlib.sha1(value).hexdigest()[:12]}"'
        if server.versions.endswith("etag"):
            headers["ETag"] = f"W/{etag}" if server.versions == "weak etag" else etag
        if server.versions.endswith("date"):
            now = time.time()
            changed = now if server.versions == "new date" else server.dates.setdefault(key, now - 60)
            headers["Last-Modified"] = email.utils.formatdate(changed, usegmt=True)
        wanted = self.headers["If-Match"]
        if wanted is not None and server.versions == "etag" and wanted != etag:
            self.reply(412, b"another version", **headers)
            return
        asked = self.headers["Range"]
        if server.heeds and self.headers["If-Range"] not in (None, headers.get("ETag"), headers.get("Last-Modified")):
            asked = None
        with server.guard:
            cut = server.cuts.pop(0) if server.cuts and self.command == "GET" else cut
        if server.encode:
            value = gzip.compress(value, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if asked is None or server.ranges == "none" or (server.ranges == "no end" and asked.startswith("bytes=-")):
            self.reply(200, value, cut, **headers)
            return
        start, end = re.fullmatch(r"bytes=(\d*)-(\d*)", asked).groups()
        first = int(start) if start else max(len(value) - int(end), 0)
        last = min(int(end), len(value) - 1) if start and end else len(value) - 1
        if first >= len(value):
            self.reply(416, b"", **headers, **{"Content-Range": f"bytes */{len(value)}"})
        else:
            headers["Content-Range"] = f"bytes {first}-{last}/{len(value)}"
            self.reply(206, value[first : last + 1], cut, **headers)

    def reply(self, status, body, cut=None, **headers):
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if status >= 400 and self.server.retry_after is not None:
            self.send_header("Retry-After", str(self.server.retry_after))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        self.wfile.flush()
        self.answers = getattr(self, "answers", 0) + 1
        if cut is not None or self.answers == self.server.close_after:
            self.drop()

    def drop(self):
        """Close the connection."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
