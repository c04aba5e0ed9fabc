"""Ask obstore: its errors become those of simplezarr, and a forked child asks a private copy of the extension."""

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from simplezarr.engine.files.reader import ATTEMPTS, clip_range
from simplezarr.errors import AccessError, ChangedError, StoreError
from simplezarr.stores.base import too_large
from simplezarr.stores.object.fork import current_process, here
from simplezarr.stores.redaction import redacted, secrets_in

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "KNOWN_STATUSES",
    "RETRIED_SECONDS",
    "Answer",
    "Client",
    "ConflictError",
    "describe",
    "is_theirs",
    "read_range",
]

T = TypeVar("T")

#: What the statuses that may stand for a missing key are to obstore. It tells no others apart.
KNOWN_STATUSES = {401: "UnauthenticatedError", 403: "PermissionDeniedError", 404: "FileNotFoundError"}
#: Obstore's classes whose answers come over no network.
_HERE = {"MemoryStore", "LocalStore"}
#: A request that failed after so many seconds was tried again, so it did not fail because of its range.
RETRIED_SECONDS = 20.0
#: Bytes at the end of a value that are read in vain rather than asking for its size first.
_WASTE = 1 << 20
_SCHEMES = {"S3Store": "s3", "GCSStore": "gs", "AzureStore": "az"}
_CONFLICTS = {"PreconditionError", "AlreadyExistsError", "NotModifiedError"}
_ACCESS = {name: status for status, name in KNOWN_STATUSES.items() if status != 404}
_REFUSED = re.compile(r"status code: (401|403)\b")


class ConflictError(StoreError):
    """A condition of a request does not hold: another writer came first."""


class Answer(NamedTuple):
    """What a request for a value, or a part of it, has brought."""

    data: "Buffer"
    #: Where the data begin in the value, and how many bytes the value has.
    start: int
    size: int
    #: The ETag and the version; None if the store does not say.
    e_tag: str | None
    version: str | None
    #: Stands for the version of the value; None if the store says nothing about it.
    tag: Hashable
    #: The headers that a writer may add.
    attributes: Mapping[str, str]

    @property
    def condition(self) -> str | None:
        """The ETag that a request for the same version sends, None if a server would refuse it."""
        return None if self.e_tag is None or self.e_tag.startswith("W/") else self.e_tag


class Client:
    """One store of obstore, in whichever process it is used.

    name: of the place, for messages and `repr`. It contains no credentials.
    """

    def __init__(self, store: object, missing: Collection[int] = (404,)):
        self.store = store
        self.kind = type(store).__name__
        self.name = _name_of(store)
        self.is_remote = self.kind not in _HERE
        self.has_suffixes = self.kind != "AzureStore"
        #: Whether the store refuses requests whose condition does not hold: known, or found out by `check_conditions`.
        self.is_checked = self.kind == "MemoryStore"
        #: Whether values have headers that the writer adds.
        self.has_attributes = self.is_remote and self.kind != "HTTPStore"
        #: Whether a range is answered with a range. Found out by `read_whole`.
        self.has_ranges = self.is_remote
        self._config = dict(getattr(store, "config", None) or {})
        options = getattr(store, "client_options", None) or {}
        self._secrets = secrets_in({**self._config, **options})
        self.statuses = tuple(missing)
        #: Names of obstore's errors that mean that there is no such key.
        self.missing = frozenset(KNOWN_STATUSES[status] for status in missing)
        self._known: tuple[object, Any, object] = (None, None, None)

    @property
    def is_anonymous(self) -> bool:
        return str(self._config.get("skip_signature", "false")).lower() == "true"

    def ask(self, path: str, function: str, *args: object, **kwargs: object) -> Any:
        """Return what a function of obstore returns; None if there is no such key."""
        missing = self.missing if function == "get" else frozenset()
        call, store = self.function(function)
        return self.guard(path, missing, call, store, *args, **kwargs)

    def function(self, name: str) -> tuple[Callable[..., Any], object]:
        """Return a function of obstore and the store that it takes first, both for this process."""
        process, module, store = self._known
        if process is not current_process():
            module, store = here(self.store)
            self._known = current_process(), module, store
        return getattr(module, name), store

    def guard(
        self, path: str, missing: Collection[str], call: Callable[..., T], *args: object, **kwargs: object
    ) -> T | None:
        """Return the result of a call; None if there is no such key. Other errors become a StoreError.

        missing: names of obstore's errors that also mean that there is no such key.
        """
        try:
            return call(*args, **kwargs)
        except FileNotFoundError:
            return None
        except Exception as error:
            failure = self.failure(path, missing, error)
        if failure is None:
            return None
        raise failure  # outside of the block above, so that obstore's error, which may show secrets, is not its context

    def failure(self, path: str, missing: Collection[str], error: Exception) -> StoreError | None:
        """Return the StoreError for what a call has raised, None if it is in `missing`. Raise what is not obstore's."""
        kind = type(error).__name__
        if not is_theirs(error):
            raise error
        return None if kind in missing else self._failure(path, kind, str(error))

    def put(self, path: str, value: memoryview, **options: object) -> None:
        """Store a value; the options are those of obstore's `put`."""
        # A store in memory would keep the caller's buffer.
        data: Buffer = value if self.is_remote else bytes(value)
        if self.ask(path, "put", path, data, **options) is None:
            raise StoreError(f"{self.name}{path}: cannot be stored, because there is no such bucket; create it first")

    def head(self, path: str) -> Answer | None:
        """Return what is known of a value, with no data; None if there is no such key."""
        result = self.ask(path, "get", path, options={"head": True})
        return None if result is None else describe(result, b"", 0)

    def begin(self, path: str, span: tuple[int, int] | None = None, match: str | None = None) -> Any:
        """Return obstore's result for a GET, whose body is not read yet; None if there is no such key."""
        options: dict[str, object] = {}
        if span is not None:
            options["range"] = span if span[0] >= 0 else {"suffix": -span[0]}
        if match is not None:
            options["if_match"] = match
        return self.ask(path, "get", path, options=options or None)

    def finish(self, path: str, result: Any) -> Answer:
        """Read the body of a result."""
        return describe(result, self.body(path, result), result.range[0])

    def body(self, path: str, result: Any) -> "Buffer":
        """Return the bytes of a result. If they break off, obstore asks for the rest of the same version.

        Raise a ConflictError if the value was replaced meanwhile.
        """
        began = perf_counter()
        try:
            data: Buffer | None = self.guard(path, (), result.bytes)
        except StoreError:
            if perf_counter() - began <= RETRIED_SECONDS and self._is_replaced(path, describe(result, b"", 0)):
                raise ConflictError(f"{self.name}{path}: the value was replaced while it was read") from None
            raise
        if data is None:
            raise StoreError(f"{self.name}{path}: the value disappeared while it was read; read it again")
        return data

    def _is_replaced(self, path: str, first: Answer) -> bool:
        try:
            now = self.head(path)
        except StoreError:
            return False
        return now is not None and now.tag != first.tag

    def read(
        self, path: str, span: tuple[int, int] | None = None, match: str | None = None, limit: int | None = None
    ) -> Answer | None:
        """Return a value or a part of it, None if there is no such key.

        span: begin and end of the part. A negative begin counts from the end of the value, where the part then ends.
        match: the ETag that the value must have; otherwise a ConflictError is raised.
        limit: bytes of the value above which a TooLargeError is raised, before the value is read.
        """
        for _ in range(ATTEMPTS):
            result = self.begin(path, span, match)
            if result is None:
                return None
            if limit is not None and result.meta["size"] > limit:
                raise too_large(path, result.meta["size"], limit)
            try:
                return self.finish(path, result)
            except ConflictError:
                if match is not None:
                    raise
        raise ChangedError(f"{self.name}{path}: was replaced each time it was read; read it when its writer is done")

    def _failure(self, path: str, kind: str, text: str) -> StoreError:
        what = redacted(text, self._secrets)
        place = f"{self.name}{path}"
        if kind in _CONFLICTS:
            return ConflictError(f"{place}: {what}")
        refused = _REFUSED.search(what)  # obstore has no error of its own for listings
        if kind in _ACCESS or refused:
            status = int(refused[1]) if refused else _ACCESS[kind]
            return AccessError(f"{place}: access refused (status {status}); {self._remedy(status)}")
        if "169.254.169.254" in text:
            what += "; no credentials were found: pass them, profile=, or anonymous=True for public data"
        return StoreError(f"{place}: {what}")

    def _remedy(self, status: int) -> str:
        if not self.is_anonymous:
            return "for public data pass anonymous=True; otherwise pass credentials that may do this, or profile="
        return (
            "the request was anonymous: pass credentials, or profile=; if this server answers so for keys that do not "
            f"exist, pass missing=(404, {status})"
        )


def read_range(client: Client, path: str, start: int, length: int, match: str | None = None) -> Answer | None:
    """Return exactly the bytes that `Store.get_range` asks for, None if there is no such key.

    What a server answers to a range that begins at or beyond the end differs. So an error is followed by a request for
    the size, which tells such a range from a failure.
    """
    clip_range(0, start, length)  # raises if the length is negative
    if not length or (start < 0 and (not client.has_suffixes or -start - length > _WASTE)):
        about = client.head(path)
        if about is None:
            return None
        begin, end = clip_range(about.size, start, length)
        if begin == end:
            return about
        start, length, match = begin, end - begin, match or about.condition
    began = perf_counter()
    try:
        answer = client.read(path, (start, 0 if start < 0 else start + length), match)
    except (AccessError, ConflictError):
        raise
    except StoreError:
        if perf_counter() - began > RETRIED_SECONDS:
            raise
        try:
            about = client.head(path)
        except StoreError:
            about = None
        if about is None or len(range(*clip_range(about.size, start, length))):
            raise
        return about
    if answer is None:
        return None
    begin, end = clip_range(answer.size, start, length)
    view = memoryview(answer.data)[max(begin - answer.start, 0) : max(end - answer.start, 0)]
    return answer._replace(data=view, start=begin)


def describe(result: Any, data: "Buffer", start: int) -> Answer:
    """Return an answer of these data, with what a result of obstore tells about the value."""
    meta = result.meta
    e_tag, version, size = meta.get("e_tag"), meta.get("version"), meta["size"]
    tag = e_tag or version or (size, meta.get("last_modified"))
    return Answer(data, start, size, e_tag, version, tag, result.attributes)


def is_theirs(error: Exception) -> bool:
    """Return whether an error is one of obstore's own classes."""
    # By name, because the copy of the extension in a forked child has classes of its own.
    return any(cls.__name__ == "BaseError" for cls in type(error).__mro__)


def _name_of(store: object) -> str:
    """Return the URL of what a store of obstore holds, with a slash at its end and without credentials."""
    kind = type(store).__name__
    config = getattr(store, "config", None) or {}
    inside = str(getattr(store, "prefix", None) or "").strip("/")
    if kind == "HTTPStore":
        parts = urlsplit(str(getattr(store, "url", "")))
        return (
            f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}/"
        )
    if kind == "LocalStore":
        return f"file:///{inside}/" if inside else "file:///"
    bucket = config.get("bucket") or config.get("container_name") or config.get("bucket_name") or ""
    return f"{_SCHEMES.get(kind, 'memory')}://{'/'.join(filter(None, (bucket, inside)))}/".replace(":///", "://")
