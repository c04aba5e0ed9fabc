"""A server for tests that counts requests, and can be made to misbehave.

It speaks as much S3 as the stores ask for, and the dialect of it that Google Cloud Storage speaks.
"""

import hashlib
import random
import re
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

PAGE = 1000
_META = ("x-amz-meta-", "x-goog-meta-")


class S3Double(ThreadingHTTPServer):
    """`objects` maps paths (bucket and key) to (bytes, headers). `counts` has how often each kind of request came.

    heeds: whether conditions are heeded. fault: called with the handler before each request, and returns True if it
    has answered. lose: how many of the next answers to a PUT are lost, after it was done.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, heeds=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects, self.counts, self.guard = {}, Counter(), threading.Lock()
        self.heeds, self.fault, self.lose, self.latency = heeds, None, 0, 0.0
        self.log, self.generation = [], 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def options(self, **more):
        """Return options of a store in this server, which tries failed requests again at once."""
        from datetime import timedelta

        backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5), "base": 2}
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": "AKIDTESTKEY",
            "secret_access_key": "very-secret-value",
            "retry_config": {"max_retries": 10, "backoff": backoff},
            **more,
        }

    def take(self):
        """Return the counts since the last time."""
        with self.guard:
            counts, self.counts, self.log = dict(self.counts), Counter(), []
        return counts

    def handle_error(self, request, client_address):
        pass  # clients that go away


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def begin(self, kind):
        """Count a request, wait, and let it fail; return whether it is answered."""
        n = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(n)
        with self.server.guard:
            self.server.counts[kind] += 1
            self.server.log.append((kind, unquote(urlsplit(self.path).path).strip("/"), self.headers.get("Range")))
        if self.server.latency:
            time.sleep(self.server.latency)
        return self.server.fault is not None and self.server.fault(self)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status not in (204, 304):
            self.send_header("Content-Length", headers.pop("length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    @property
    def name(self):
        return unquote(urlsplit(self.path).path).lstrip("/")

    @property
    def query(self):
        return {k: v[0] for k, v in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def do_HEAD(self):
        if not self.begin("HEAD"):
            self.give()

    def do_GET(self):
        listing = "list-type" in self.query
        if self.begin("LIST" if listing else "RANGE" if self.headers.get("Range") else "GET"):
            return
        if listing:
            self.list()
        else:
            self.give()

    def give(self):
        found = self.server.objects.get(self.name)
        if found is None:
            return self.fail(404, "NoSuchKey")
        data, headers = found
        wanted = self.headers.get("If-Match")
        if wanted is not None and wanted != headers["ETag"]:
            return self.fail(412, "PreconditionFailed")
        asked = self.headers.get("Range")
        if not asked or self.command == "HEAD":
            return self.answer(200, data, **headers)
        begin, end = re.fullmatch(r"bytes=(\d*)-(\d*)", asked).groups()
        size = len(data)
        if not begin:
            begin, end = max(size - int(end), 0), size
        else:
            begin, end = int(begin), min(int(end) + 1 if end else size, size)
        if begin >= size:
            return self.fail(416, "InvalidRange")
        return self.answer(206, data[begin:end], **headers, Content_Range=f"bytes {begin}-{end - 1}/{size}")

    def do_PUT(self):
        generation = self.headers.get("x-goog-if-generation-match")
        conditional = "If-Match" in self.headers or "If-None-Match" in self.headers or generation is not None
        if self.begin("PUT" if not conditional else "PUT IF"):
            return None
        with self.server.guard:
            found = self.server.objects.get(self.name)
            if self.server.heeds:
                if generation not in (None, "0" if found is None else found[1]["x-goog-generation"]):
                    return self.fail(412, "PreconditionFailed")
                if found is not None and "If-None-Match" in self.headers:
                    return self.fail(412, "PreconditionFailed")
                wanted = self.headers.get("If-Match")
                if wanted is not None and found is None:
                    return self.fail(404, "NoSuchKey")
                if wanted is not None and wanted != found[1]["ETag"]:
                    return self.fail(412, "PreconditionFailed")
            tag = f'"{hashlib.md5(self.body).hexdigest()}-{random.getrandbits(32):x}"'
            kept = {name: value for name, value in self.headers.items() if name.lower().startswith(_META)}
            self.server.generation += 1
            kept |= {"ETag": tag, "Last-Modified": self.date_time_string()}
            kept["x-goog-generation"] = str(self.server.generation)
            self.server.objects[self.name] = self.body, kept
            lost = self.server.lose > 0
            self.server.lose -= lost
        if lost:
            self.close_connection = True
            return self.connection.close()
        return self.answer(200, ETag=tag, **{"x-goog-generation": kept["x-goog-generation"]})

    def do_DELETE(self):
        if not self.begin("DELETE"):
            self.server.objects.pop(self.name, None)
            self.answer(204)

    def do_POST(self):
        if self.begin("BULK DELETE"):
            return
        keys = [
            unescape(key, {"&quot;": '"', "&apos;": "'"}) for key in re.findall("<Key>(.*?)</Key>", self.body.decode())
        ]
        assert len(keys) <= PAGE
        for key in keys:
            self.server.objects.pop(f"{self.name.strip('/')}/{key}", None)
        deleted = "".join([f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys])
        self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def list(self):
        query, bucket = self.query, self.name.strip("/") + "/"
        prefix, after = query.get("prefix", ""), query.get("continuation-token") or query.get("start-after", "")
        keys = sorted(name[len(bucket) :] for name in [*self.server.objects] if name.startswith(bucket + prefix))
        shown, names = [], set()
        for key in keys:
            inner, slash, _ = key[len(prefix) :].partition("/")
            names.add(prefix + inner + slash if "delimiter" in query and slash else key)
        names = sorted(name for name in names if name > after)
        page, more = names[:PAGE], len(names) > PAGE
        for name in page:
            if name.endswith("/"):
                shown.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
                continue
            data, headers = self.server.objects.get(bucket + name, (b"", {"ETag": '""'}))
            shown.append(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size><ETag>{escape(headers['ETag'])}</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        if more:
            shown.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        head = f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
        self.answer(200, f"<ListBucketResult>{head}{''.join(shown)}</ListBucketResult>".encode())


@contextmanager
def s3_double(**settings):
    """Run a server of its own, in threads of this process."""
    server = S3Double(**settings)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def failing(share, how, seed=7):
    """Let a share of the requests fail: with a status, by "drop" of the connection, or by a "cut" answer."""
    chance = random.Random(seed)

    def fault(handler):
        with handler.server.guard:
            if chance.random() >= share:
                return False
        if how == "drop":
            handler.close_connection = True
            handler.connection.close()
        elif how == "cut":
            handler.close_connection = True
            _, headers = handler.server.objects.get(handler.name, (b"", {"ETag": '"x"'}))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\nETag: {headers['ETag']}\r\n\r\n"
            handler.wfile.write(head.encode() + 40 * b"x")  # with another ETag the value would count as replaced
        else:
            handler.fail(how, "SlowDown")
        return True

    return fault


def breaking_off(after, then=None):
    """Let the body of the next answer with a value end after so many bytes; then call a function of the server."""
    left = [None]

    def fault(handler):
        if handler.command == "GET" and handler.name in handler.server.objects and left:
            left.pop()
            handler.wfile = _Short(handler, after, then)
        return False

    return fault


class _Short:
    """Writes the head of an answer, then some bytes of its body, and closes the connection."""

    def __init__(self, handler, n, then):
        self.handler, self.file, self.n, self.then = handler, handler.wfile, n, then
        self.flush, self.close, self.closed = self.file.flush, self.file.close, False

    def write(self, data):
        if len(data) <= self.n:  # the head
            return self.file.write(data)
        self.file.write(data[: self.n])
        if self.then is not None:
            self.then(self.handler.server)
        self.handler.close_connection = True
        return self.handler.connection.shutdown(socket.SHUT_RDWR)
