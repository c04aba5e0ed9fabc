"""Exchange requests for answers with web servers, over connections that are kept.

A connection is in the pool, or in use by one thread. The pool needs no lock, so that a forked child never finds one
taken. The child drops the connections of its parent.
"""

import errno
import http.client
import os
import random
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from socket import gaierror
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import finalize

from simplezarr.errors import StoreError
from simplezarr.stores.http.answer import Answer, BrokenOffError, read_answer
from simplezarr.stores.http.resume import Rest
from simplezarr.stores.urls import redact

__all__ = ["Address", "ConnectionPool", "NoAnswerError", "basic", "no_answer"]

#: Characters of a URL that are not encoded.
_KEPT = "/%:@!$&'()*+,;=~"

_HEADERS = {"Accept": "*/*", "User-Agent": "simplezarr"}
#: Of every request: a server or proxy that compresses would change what byte ranges mean.
_IDENTITY = {"Accept-Encoding": "identity"}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 8
#: Answers of a server that may give another one a little later.
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524))
#: How often a request is made again if the server cannot be reached at all.
_UNREACHABLE_ATTEMPTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0  # seconds
#: The part of the timeout after which a kept connection is taken for dead: routers drop idle ones without a word.
_KEPT_SHARE = 0.25


class NoAnswerError(Exception):
    """No attempt brought a complete answer. attempts: how many there were. The cause is the last failure."""

    def __init__(self, attempts: int):
        super().__init__(attempts)
        self.attempts = attempts


class Address:
    """Where the keys of a store are: a URL, without the user, whose query is of every key.

    >>> Address("https://me@host/a b?x=1").of("c/ü 1")
    'https://host/a%20b/c/%C3%BC%201?x=1'
    """

    def __init__(self, url: str):
        parts = urlsplit(url.strip())
        try:
            is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is not a number
            is_known = False
        if not is_known:
            raise ValueError(f"{redact(url)!r} is not a URL of a web server; write http:// or https://, host and path")
        path, query = quote(parts.path.rstrip("/"), _KEPT), quote(parts.query, f"{_KEPT}?")
        self.base, self.query = f"{parts.scheme}://{_host(parts)}{path}", query and f"?{query}"
        self.headers = {}
        if parts.username is not None:
            self.headers["Authorization"] = basic(parts.username, parts.password or "")

    def of(self, key: str) -> str:
        """Return the URL of a key."""
        return f"{self.base}/{quote(key)}{self.query}"


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class _Connection(NamedTuple):
    """A connection, and what a proxy needs in front of the path and among the headers."""

    connection: http.client.HTTPConnection
    prefix: str
    headers: dict[str, str]
    kept: bool


class ConnectionPool:
    """The connections to the servers that a store reads from.

    - headers: of each request to the origin of `url`, and not of those that it redirects to.
    - timeout: seconds without a sign of the server, and for all attempts of a request together.
    - size: how many idle connections are kept.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float, size: int):
        self.origin, self.headers = _origin(url), {name.title(): value for name, value in headers.items()}
        self.timeout, self.size = timeout, size
        self._idle: dict[_Origin, deque[_Connection]] = {}
        finalize(self, _close, self._idle)  # `__del__` might come after that of the sockets, which complain
        self._pid = os.getpid()
        self._tls: ssl.SSLContext | None = None

    def exchange(self, method: str, url: str, headers: Mapping[str, str], limit: int | None = None) -> Answer:
        """Return the answer to a request, which is made again after failures that may pass.

        limit: the most bytes of a body that are read.

        Raise NoAnswerError. After the last attempt an answer such as 503 is returned.
        """
        deadline, attempts, in_vain, rest = time.monotonic() + self.timeout, 0, 0, Rest()
        while True:
            attempts, in_vain = attempts + 1, in_vain + 1
            failure: BaseException | None = None
            answer, pause = None, 0.0
            try:
                answer = self._follow(method, url, rest.headers(headers), limit, deadline)
                answer.attempts, pause = attempts, _retry_after(answer)
            except BrokenOffError as error:
                failure = error.__cause__
                if rest.begin(error.answer):
                    deadline, in_vain = time.monotonic() + self.timeout, 0
            except (OSError, http.client.HTTPException) as error:
                failure = error
            if answer is not None and answer.status not in _TRANSIENT:
                whole = rest.complete(answer)
                if whole is not None:
                    return whole
                continue
            shortest = random.uniform(0.5, 1) * min(_FIRST_PAUSE * 2 ** min(in_vain, 10), _LONGEST_PAUSE)
            pause = max(pause, shortest)
            if time.monotonic() + pause > deadline or _is_final(failure, in_vain):
                if answer is not None:
                    return answer
                raise NoAnswerError(attempts) from failure
            time.sleep(pause)

    def close(self) -> None:
        """Close the idle connections. New ones are opened when they are needed."""
        _close(self._idle)

    # ------------------------------------------------------------ one attempt

    def _follow(self, method: str, url: str, headers: Mapping[str, str], limit: int | None, deadline: float) -> Answer:
        """Make a request, and those that the server redirects it to."""
        for _ in range(_MOST_REDIRECTS + 1):
            own = self.headers if _origin(url) == self.origin else {}
            answer = self._ask(method, url, {**_HEADERS, **own, **_IDENTITY, **headers}, limit, deadline)
            location = answer.headers.get("Location") if answer.status in _REDIRECTS else None
            if location is None:
                return answer
            url = _redirected(url, location)
        raise _RedirectError(f"the server redirected the request more than {_MOST_REDIRECTS} times")

    def _ask(self, method: str, url: str, headers: Mapping[str, str], limit: int | None, deadline: float) -> Answer:
        """Make one request. If a kept connection turns out to be dead, repeat it at once on a new one."""
        origin, target = _origin(url), _target(url)
        used = self._take(origin) or self._connect(origin)
        while True:
            wait = max(deadline - time.monotonic(), 0.1)
            try:
                _set_timeout(used.connection, wait * _KEPT_SHARE if used.kept else wait)
                used.connection.request(method, used.prefix + target, headers={**headers, **used.headers})
                _set_timeout(used.connection, wait * _KEPT_SHARE if used.kept else wait)
                response = used.connection.getresponse()
                _set_timeout(used.connection, self.timeout)
                break
            except (OSError, http.client.HTTPException):
                used.connection.close()
                if not used.kept:
                    raise
                used = self._connect(origin)
            except BaseException:
                used.connection.close()
                raise
        complete = False
        try:
            answer = read_answer(method, response, limit)
            complete = response.isclosed() and not response.will_close
        finally:
            if complete:
                self._keep(origin, used)
            else:
                response.close()
                used.connection.close()
        return answer

    def _take(self, origin: _Origin) -> _Connection | None:
        if self._pid != os.getpid():  # the connections are the parent's
            self.close()
            self._pid, self._tls = os.getpid(), None
        kept = self._idle.get(origin)
        try:
            return kept.pop() if kept else None
        except IndexError:  # another thread has taken the last one
            return None

    def _keep(self, origin: _Origin, used: _Connection) -> None:
        kept = self._idle.setdefault(origin, deque())
        if len(kept) < self.size:
            kept.append(used._replace(kept=True))
        else:
            used.connection.close()

    def _connect(self, origin: _Origin) -> _Connection:
        """Return a new connection, directly or by the proxy that the environment names."""
        proxy = None if proxy_bypass(origin.host) else getproxies().get(origin.scheme)
        if proxy is None:
            return _Connection(self._plain(origin), "", {}, False)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        through, headers = _origin(parts.geturl()), {}
        if parts.username is not None:
            headers["Proxy-Authorization"] = basic(parts.username, parts.password or "")
        if origin.scheme == "https":
            tunnel = http.client.HTTPSConnection(through.host, through.port, context=self._context())
            tunnel.set_tunnel(origin.host, origin.port, headers)
            return _Connection(tunnel, "", {}, False)
        return _Connection(self._plain(through), f"http://{_bracketed(origin.host)}:{origin.port}", headers, False)

    def _plain(self, origin: _Origin) -> http.client.HTTPConnection:
        if origin.scheme == "https":
            return http.client.HTTPSConnection(origin.host, origin.port, context=self._context())
        return http.client.HTTPConnection(origin.host, origin.port)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _close(idle: dict[_Origin, deque[_Connection]]) -> None:
    with suppress(KeyError, IndexError):  # another thread closes them too
        while True:
            _, kept = idle.popitem()
            while kept:
                kept.pop().connection.close()


class _RedirectError(OSError):
    """The server redirects a request to where it must not go, or in a circle."""


def basic(user: str, password: str) -> str:
    """Return the value of an `Authorization` header, of what a URL has percent-encoded.

    >>> basic("me", "a%20b")
    'Basic bWU6YSBi'
    """
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def no_answer(what: str, error: NoAnswerError, timeout: float) -> StoreError:
    """Return the error for a request that brought no complete answer. `what`: begins its message."""
    failure = error.__cause__
    remedy = "check the URL and the network"
    if isinstance(failure, TimeoutError):
        said, remedy = f"no answer within {timeout:g} s", "try again later, or give a longer timeout="
    elif isinstance(failure, http.client.IncompleteRead):
        said, remedy = "the body of the answer broke off", "try again later"
    elif isinstance(failure, (ConnectionRefusedError, gaierror, ssl.SSLError, _RedirectError)):
        said = str(failure)
    else:
        said = f"the server closed the connection ({type(failure).__name__})"
    attempts = f", {error.attempts} times" if error.attempts > 1 else ""
    return StoreError(f"{what}: {said}{attempts}; {remedy}")


def _origin(url: str) -> _Origin:
    parts = urlsplit(url)
    return _Origin(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _host(parts: SplitResult) -> str:
    """Return host and port of a URL, in ASCII."""
    host = _bracketed((parts.hostname or "").encode("idna").decode())
    return host if parts.port is None else f"{host}:{parts.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _target(url: str) -> str:
    """Return what a request names: the path and the query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}{parts.query and '?'}{parts.query}"


def _redirected(url: str, location: str) -> str:
    joined = urljoin(url, location.replace(" ", "%20"))
    scheme = urlsplit(joined).scheme
    if scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
        raise _RedirectError(f"the server redirected the request to {redact(joined)!r}, which is not safe")
    return joined


def _set_timeout(connection: http.client.HTTPConnection, seconds: float) -> None:
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _retry_after(answer: Answer) -> float:
    """Return the seconds that the server asks to wait."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _is_final(failure: BaseException | None, attempts: int) -> bool:
    """Return whether another attempt would fail as this one did."""
    if isinstance(failure, (ssl.SSLCertVerificationError, _RedirectError, http.client.InvalidURL)):
        return True
    unreachable = isinstance(failure, (ConnectionRefusedError, gaierror)) or (
        isinstance(failure, OSError) and failure.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    )
    return unreachable and attempts >= _UNREACHABLE_ATTEMPTS
