"""Define the store that reads from a plain web server."""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING, Any, NoReturn

from simplezarr.engine.files.reader import Reader, clip_range, read_version
from simplezarr.errors import AccessError, ChangedError, MetadataError, ReadOnlyError, StoreError, UnsupportedError
from simplezarr.runtime import executor
from simplezarr.stores.base import Store, check_key, reads_by, too_large
from simplezarr.stores.http.reader import LARGE, HTTPReader, Part, Version, read_in_parts
from simplezarr.stores.http.resume import CONTENT_RANGE, condition_of
from simplezarr.stores.settings import check_amount, check_count
from simplezarr.stores.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from simplezarr.stores.http.answer import Answer

__all__ = ["HTTPStore"]

Range = tuple[int, int]

#: Bytes of a value that are read whole because its server ignores ranges.
_MOST_WHOLE = 256 << 20
#: Bytes of a whole value that are taken in place of its end, if a server ignores ranges that count from the end.
_MOST_FOR_END = 1 << 20
#: Bytes that a compressed answer may have when it is decompressed.
_MOST_INFLATED = 1 << 30
#: Answers to HEAD of servers that allow only GET.
_NO_HEAD = frozenset((400, 401, 403, 405, 501))
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{,400}?-->\s*)?<(?:!doctype html|html)", re.IGNORECASE | re.DOTALL)


class HTTPStore(Store):
    """Read keys from a web server: `get("a/b")` is a GET of `url` + "/a/b". Connections are kept and used again.

    - url: http or https. Its query string is sent with every key, its user and password as basic authentication.
    - headers: of each request, such as {"Authorization": "Bearer ..."}. Other hosts, to which the server redirects, do
      not get them.
    - missing: the status codes that mean that a key does not exist. Some servers answer 403 for missing keys; say so
      with `missing=(404, 410, 403)`.
    - timeout: seconds without a sign of the server, and for all attempts of one request together. Busy servers (5xx,
      408, 429), dropped connections and bodies that break off are tried again. Of a body of which 256 KiB or more had
      come, only the rest is asked for, if the server tells versions apart; then the time begins anew.
    - concurrency: how many requests one call makes at a time.

    It cannot be written, nor be listed: a group is read through its consolidated metadata, or by the names of its
    members. Proxies come from the environment. Failures raise a `StoreError`, refused requests an `AccessError` (also a
    PermissionError).
    Secrets of the URL and the headers are in no message. A pickled store has them, because the process that loads it
    needs them.

    >>> HTTPStore("https://user:secret@example.com/data.zarr?token=secret")
    HTTPStore('https://***@example.com/data.zarr?***')
    """

    read_only = True

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        missing: Iterable[int] = (404, 410),
        timeout: float = 60,
        concurrency: int = 64,
    ):
        from simplezarr.stores.http.pool import Address, ConnectionPool  # its imports take 40 ms

        self.url = url
        self._address = Address(url)
        self._headers = _checked_headers(headers or {})
        self.missing = frozenset(missing)
        if not all(isinstance(status, int) and 400 <= status < 600 for status in self.missing):
            raise ValueError(f"missing: must be status codes from 400 to 599, not {sorted(self.missing)!r}")
        self.timeout = check_amount(timeout, "timeout", "seconds")
        self.concurrency = check_count(concurrency, "concurrency")
        self._pool = ConnectionPool(
            self._address.base, {**self._address.headers, **self._headers}, self.timeout, self.concurrency
        )
        # What is learned about the server: whether it understands ranges, those from the end, and has versions; and
        # whether there are large values, whose parts are asked for from the beginning.
        self.has_ranges = self.has_end_ranges = self.has_versions = True
        self.has_large = False

    def get(self, key: str) -> bytes | None:
        return self._value(key, None)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> bytes | None:
        return self._value(key, None if holes else limit)

    def _value(self, key: str, limit: int | None) -> bytes | None:
        """Return a whole value. A large one is read in parts at a time, if the server tells versions apart."""
        whole = limit
        if self.has_ranges and self.has_versions and executor.concurrency_for(self) > 1:
            if self.has_large:
                value = read_in_parts(self, key, limit)
                if value is not None:
                    return value
            else:
                whole = LARGE if limit is None else min(limit, LARGE)
        answer = self._ask(key, {}, whole)
        if answer is None:
            return None
        size = answer.length
        if answer.body is not None:
            value = self._whole(key, answer)
            size = len(value)
            if limit is None or size <= limit:
                return value
        elif whole != limit and (limit is None or size is None or size <= limit):
            self.has_large = True
            return self._value(key, limit)
        raise too_large(key, size or (limit or 0) + 1, limit or 0)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        part = self.part(key, start, length)
        return None if part is None else part.cut(start, length)

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        read: Callable[[Reader], Sequence[bytes] | None] = methodcaller("get_ranges", [*ranges])
        return read_version(self, key, read)

    def reader(self, key: str) -> Reader:
        """Return a reader that asks for the version of its first answer: by its ETag, or by when it was changed."""
        return HTTPReader(self, key) if reads_by(self, HTTPStore) else super().reader(key)

    def size(self, key: str) -> int | None:
        about = self.about(key)
        if about is None or about.size is not None:
            return None if about is None else about.size
        value = self.get(key)
        return None if value is None else len(value)

    def about(self, key: str) -> Part | None:
        """Return size and version of a value, as an empty part of it; None if there is no such key."""
        answer = self._exchange(key, {}, None, "HEAD")
        if answer.status in self.missing:
            return None
        if answer.status in _NO_HEAD or answer.length is None or _is_page(answer) or _is_encoded(answer):
            return self.part(key, 0, 512)  # enough to tell a page
        self._check_status(key, answer, ())
        return Part(b"", 0, answer.length, _version(answer, answer.length))

    def list(self, prefix: str = "") -> Iterator[str]:
        raise UnsupportedError(
            f"{self!r}: a web server does not list its keys; open members by their names, or a group with consolidated "
            "metadata"
        )

    def delete_prefix(self, prefix: str) -> None:
        self.check_writable(prefix)

    def check_writable(self, key: str) -> NoReturn:
        raise ReadOnlyError(f"{key!r}: {self!r} can only be read; write to an object store or a directory instead")

    def close(self) -> None:
        """Close the connections that are kept. The store opens new ones if it is used again."""
        self._pool.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({redact(self.url)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        options = {"headers": self._headers, "missing": self.missing, "timeout": self.timeout}
        return _restored, (type(self), self.url, {**options, "concurrency": self.concurrency}, self.immutable)

    # ------------------------------------------------------------ requests

    def part(self, key: str, start: int, length: int, version: Version | None = None) -> Part | None:
        """Return a part of a value that holds a range, of a version if one is given; None if there is no such key.

        Raise ChangedError if the server says that the value has another version now. If the server does not say so, the
        part has that other version.
        """
        if not self.has_ranges:
            return self._whole_part(key)
        if length <= 0 or (start < 0 and not self.has_end_ranges):
            size = self.size(key)
            if size is None:
                return None
            begin, end = clip_range(size, start, length)
            return Part(b"", begin, size, None) if begin == end else self.part(key, begin, end - begin, version)
        headers = {"Range": f"bytes={start}" if start < 0 else f"bytes={start}-{start + length - 1}"}
        if version is not None and version.etag is not None:
            headers["If-Match"] = version.etag
        answer = self._ask(key, headers, max(_MOST_FOR_END if start < 0 else _MOST_WHOLE, length, -start))
        if answer is None:
            return None
        if answer.status == 412:
            raise ChangedError(f"{key!r} of {self!r} was replaced while it was read in parts; read it again")
        if answer.status == 416:
            return self._outside(key, start, length, answer)
        if answer.status == 206:
            return self._ranged(key, start, length, answer)
        if answer.body is None and start < 0 and answer.length is not None:
            self.has_end_ranges = False
            return self.part(key, start, length, version)
        part = self._as_whole_part(key, answer)
        self.has_ranges = start < 0 or length >= len(part.body)
        return part

    def _ranged(self, key: str, start: int, length: int, answer: "Answer") -> Part | None:
        """Return the part that an answer holds, which the server calls a range."""
        if _is_encoded(answer):
            self.has_ranges = False  # its ranges are of the compressed value
            return self._whole_part(key)
        stated = answer.headers.get("Content-Range", "")
        found = CONTENT_RANGE.fullmatch(stated.strip())
        if found is None or found[1] is None or answer.body is None:
            raise self._wrong(key, f"the server answered a range with the Content-Range {stated!r}")
        first, end = int(found[1]), int(found[2]) + 1
        size = None if found[3] == "*" else int(found[3])
        if size is None and end - first < length:
            size = self.size(key)
        begin, stop = (start, start + length) if size is None else clip_range(size, start, length)
        if len(answer.body) != end - first or (begin < stop and not first <= begin < stop <= end):
            raise self._wrong(key, f"the server answered bytes {begin} to {stop - 1} with {stated!r}")
        part = Part(answer.body, first, size, _version(answer, size))
        if _is_page(answer):
            self._check_page(key, part)
        return part

    def _outside(self, key: str, start: int, length: int, answer: "Answer") -> Part | None:
        """Return an empty part of a value, because the server says that the range is outside it."""
        found = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        size = self.size(key) if found is None or found[3] == "*" else int(found[3])
        if size is None:
            return None
        begin, end = clip_range(size, start, length)
        if begin == end:
            return Part(b"", size, size, None)
        if start >= 0:
            raise self._wrong(key, f"the server refused bytes {begin} to {end - 1} of {size}")
        self.has_end_ranges = False
        return self.part(key, start, length)

    def _whole_part(self, key: str) -> Part | None:
        answer = self._ask(key, {}, _MOST_WHOLE)
        return None if answer is None else self._as_whole_part(key, answer)

    def _as_whole_part(self, key: str, answer: "Answer") -> Part:
        if answer.body is None:
            self.has_ranges = False
            size = "an unknown number of" if answer.length is None else f"{answer.length:,}"
            raise self._wrong(key, f"the server ignores ranges, and the value has {size} bytes")
        body = self._whole(key, answer)
        return Part(body, 0, len(body), _version(answer, len(body)), is_whole=True)

    def _whole(self, key: str, answer: "Answer") -> bytes:
        """Return the value that an answer holds, without the compression that the server put around it."""
        body, coding = answer.body or b"", answer.headers.get("Content-Encoding", "identity").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            inflater = zlib.decompressobj(47)
            try:
                body = inflater.decompress(body, _MOST_INFLATED)
            except zlib.error as error:
                raise self._wrong(key, f"the answer is damaged: {error}") from error
            if not inflater.eof:
                raise self._wrong(key, "the answer is damaged or larger than 1 GiB")
        elif coding != "identity":
            raise self._wrong(key, f"the server answered with the Content-Encoding {coding!r}")
        if _is_page(answer):
            self._check_page(key, Part(body, 0, len(body), None))
        return body

    def _ask(self, key: str, headers: Mapping[str, str], limit: int | None) -> "Answer | None":
        """Return the answer to a GET, None if there is no such key. Raise a StoreError for an error of the server."""
        answer = self._exchange(key, headers, limit, "GET")
        if answer.status in self.missing:
            return None
        self._check_status(key, answer, (206, 412, 416) if "Range" in headers else ())
        return answer

    def _exchange(self, key: str, headers: Mapping[str, str], limit: int | None, method: str) -> "Answer":
        from simplezarr.stores.http.pool import NoAnswerError, no_answer

        check_key(key)
        try:
            return self._pool.exchange(method, self._address.of(key), headers, limit)
        except NoAnswerError as error:
            raise no_answer(f"{key!r} of {self!r}", error, self.timeout) from error.__cause__

    # ------------------------------------------------------------ errors

    def _check_status(self, key: str, answer: "Answer", others: Iterable[int]) -> None:
        if answer.status in (200, 203) or answer.status in others:
            return
        status = f"{answer.status} {answer.reason}".strip()
        said = f"{key!r} of {self!r}: the server answered {status}"
        if answer.status in (401, 403, 407):
            missing = f"missing=({', '.join(map(str, sorted({*self.missing, answer.status})))})"
            remedy = f"pass credentials in headers=, or {missing} if it says so of keys that do not exist"
            raise AccessError(f"{said}; {remedy}")
        attempts = f" {answer.attempts} times" if answer.attempts > 1 else ""
        raise StoreError(f"{said}{attempts}; try again later, or check the URL")

    def _check_page(self, key: str, part: Part) -> None:
        """Raise an error if a part is of an HTML page, which some servers send in place of what they do not have."""
        beginning: Part | None = part
        if part.first:
            beginning = self.part(key, 0, 512)
        if beginning is not None and _PAGE.match(beginning.body):
            said = f"{key!r} of {self!r}: the server answered with an HTML page; check the URL, and if it needs a login"
            is_document = key.endswith(".json") or key.rpartition("/")[2].startswith(".z")
            raise MetadataError(said) if is_document else StoreError(said)

    def _wrong(self, key: str, what: str) -> StoreError:
        return StoreError(f"{key!r} of {self!r}: {what}; copy the data, or use another server")


def _restored(cls: type[HTTPStore], url: str, options: dict[str, Any], immutable: bool) -> HTTPStore:
    store = cls(url, **options)
    if immutable:
        store.immutable = True
    return store


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of headers. Raise without showing a value, which may be secret."""
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"headers: {name!r} must be a str with a str as value, not {type(value).__name__}")
        if not re.fullmatch(r"[!-9;-~]+", name) or re.search(r"[\r\n\0]", value):
            raise ValueError(f"headers: {name!r} is not a valid header, or its value has a line break")
    return dict(headers)


def _is_page(answer: "Answer") -> bool:
    return "html" in answer.headers.get("Content-Type", "").lower()


def _is_encoded(answer: "Answer") -> bool:
    return answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity"


def _version(answer: "Answer", size: int | None) -> Version | None:
    """Return the version that an answer is of, None if its server cannot tell versions apart."""
    condition = condition_of(answer.headers)
    if condition is None:
        return None
    if condition.startswith('"'):
        return Version(condition, None, size)
    return None if size is None else Version(None, condition, size)
