"""A store whose values lie within files of other formats, as kerchunk's references say."""

import base64
import binascii
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from simplezarr.engine.files.files import File, open_regular
from simplezarr.engine.files.reader import MAX_NBYTES
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.errors import MetadataError, StoreError, UnsupportedError
from simplezarr.stores.base import Store, check_key, check_prefix, clip_range, names_below, reads_by
from simplezarr.stores.parquet_references import DOCUMENTS, ParquetReferences
from simplezarr.stores.resolve import as_store
from simplezarr.stores.urls import may_be_references, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from simplezarr.engine.files.file_ranges import FileRangeTable

__all__ = ["ReferenceStore"]

Range = tuple[int, int]
#: Requests at a time, if values are on servers.
_CONCURRENCY = 64
#: How many URLs are kept with their stores.
_MOST_PLACES = 10_000
#: Stands for a key without a reference.
_ABSENT = object()
_TEMPLATE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Target(NamedTuple):
    """Where a value lies: `length` bytes from `offset` on; None: all of the value of this key."""

    store: Store
    key: str
    offset: int
    length: int | None
    url: str


class ReferenceStore(Store):
    """Read values that are parts of other files, or that the references hold themselves. It can only be read.

    - refs: kerchunk's references of version 0 or 1: a mapping, the path of a JSON file, or its URL. Or the path or URL
      of a directory with references in parquet (extra `parquet`), of which only what is needed is read.
    - stores: by URL, the store of what begins with it, in place of the one that the URL names.
    - options: for the stores that URLs name, such as `anonymous=True`.

    Templates such as `{{u}}` are put in. Those that compute, and members `gen`, are refused with an UnsupportedError.
    If a file that is referred to is missing or too short, a StoreError is raised, because the key does exist.

    >>> from simplezarr.stores import MemoryStore
    >>> files = MemoryStore({"data.bin": b"0123456789"})
    >>> refs = {"a": "text", "b": ["memory://files/data.bin", 2, 3], "c": "base64:AAE="}
    >>> store = ReferenceStore(refs, stores={"memory://files": files})
    >>> store.get("a"), store.get("b"), store.get("c")
    (b'text', b'234', b'\\x00\\x01')
    """

    immutable = True

    def __init__(
        self,
        refs: Mapping[str, object] | str | os.PathLike[str],
        *,
        stores: Mapping[str, Store] | None = None,
        options: Mapping[str, object] | None = None,
    ):
        self.name = None if isinstance(refs, Mapping) else redact(os.fspath(refs))
        self._options = dict(options or {})
        self._stores = {url.rstrip("/"): store for url, store in (stores or {}).items()}
        self._made: dict[str, Store] = {}
        self._places: dict[str, tuple[Store, str]] = {}
        self._is_near: bool | None = None
        self.refs, self._templates = _parsed(refs if isinstance(refs, Mapping) else _loaded(os.fspath(refs), options))

    @property
    def concurrency(self) -> int | None:  # type: ignore[override]
        """The number of requests at a time: None if the first value that is elsewhere is in a local file."""
        if self._is_near is None:
            self._is_near = self._find_concurrency() is None
        return None if self._is_near else _CONCURRENCY

    def _find_concurrency(self) -> int | None:
        refs = self.refs
        for key, reference in refs.samples() if isinstance(refs, ParquetReferences) else refs.items():
            if isinstance(reference, list | tuple):
                found = self._find(key)
                return found.store.concurrency if isinstance(found, Target) else None
        return None

    @property
    def find_file_ranges(self) -> "Callable[[list[str], FileRangeTable], None] | None":
        return self._find_file_ranges if HAVE_FILES and reads_by(self, ReferenceStore) else None

    def _find_file_ranges(self, keys: "list[str]", ranges: "FileRangeTable") -> None:
        files: dict[str, File | None] = {}
        refs = self.refs
        for i, key in enumerate(keys):
            reference = refs.get(key, _ABSENT)
            if reference is _ABSENT:
                ranges.absent(i)
                continue
            if not isinstance(reference, list | tuple) or not reference or not isinstance(reference[0], str):
                continue
            url = reference[0]
            if url not in files:
                files[url] = self._open(key, url)
            file = files[url]
            if file is not None and len(reference) == 3 and _is_range(reference[1:]):
                ranges.found(i, file, reference[1], reference[2])
            elif file is not None and len(reference) == 1:
                ranges.found(i, file, 0, file.size)

    def _open(self, key: str, url: str) -> File | None:
        """Return the open file of a reference's URL.

        None if it is not a local file, or cannot be opened, which reading by its store reports.
        """
        store, name = self._place_of(self._expanded(key, url))
        root = store.local_root
        try:
            return None if root is None else open_regular(f"{root}/{name}")
        except OSError:
            return None

    def get(self, key: str) -> bytes | None:
        found = self._find(key)
        if not isinstance(found, Target):
            return found
        if found.length is not None:
            return self._part(key, found, 0, found.length)
        value = found.store.get(found.key)
        if value is None:
            raise self._missing(key, found)
        return value

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        found = self._find(key)
        if found is None:
            return None
        if isinstance(found, Target):
            if found.length is not None:
                begin, end = clip_range(found.length, start, length)
                return self._part(key, found, begin, end)
            part = found.store.get_range(found.key, start, length)
            if part is None:
                raise self._missing(key, found)
            return part
        begin, end = clip_range(len(found), start, length)
        return found[begin:end]

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        found = self._find(key)
        if found is None:
            return None
        if not isinstance(found, Target):
            return [found[slice(*clip_range(len(found), *span))] for span in ranges]
        if found.length is None:
            parts = found.store.get_ranges(found.key, ranges)
        else:
            spans = [clip_range(found.length, *span) for span in ranges]
            wanted = [(found.offset + begin, end - begin) for begin, end in spans]
            parts = found.store.get_ranges(found.key, wanted)
            if parts is not None and any(len(p) != n for p, (_, n) in zip(parts, wanted, strict=True)):
                raise self._missing(key, found)
        if parts is None:
            raise self._missing(key, found)
        return parts

    def _part(self, key: str, target: Target, begin: int, end: int) -> bytes:
        part = target.store.get_range(target.key, target.offset + begin, end - begin)
        if part is None or len(part) != end - begin:
            raise self._missing(key, target)
        return part

    def size(self, key: str) -> int | None:
        found = self._find(key)
        if not isinstance(found, Target):
            return None if found is None else len(found)
        if found.length is not None:
            return found.length
        size = found.store.size(found.key)
        if size is None:
            raise self._missing(key, found)
        return size

    def exists(self, key: str) -> bool:
        check_key(key)
        return key in self.refs

    def list(self, prefix: str = "") -> Iterator[str]:
        prefix = check_prefix(prefix)
        if isinstance(self.refs, ParquetReferences):
            return self.refs.below(prefix)
        return iter([key for key in self.refs if key.startswith(prefix)])

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        prefix = check_prefix(prefix)
        return self.refs.names(prefix) if isinstance(self.refs, ParquetReferences) else names_below(self.refs, prefix)

    def close(self) -> None:
        for store in self._made.values():
            store.close()

    # ---------------------------------------------------------------- references

    def _find(self, key: str) -> bytes | Target | None:
        """Return a value that the references hold, or where it lies; None if there is no such key."""
        check_key(key)
        reference = self.refs.get(key, _ABSENT)
        if reference is _ABSENT:
            return None
        if isinstance(reference, bytes):  # of references in parquet
            return reference
        if isinstance(reference, str):
            return self._inline(key, reference)
        if isinstance(reference, dict):
            return json.dumps(reference).encode()
        parts = reference if isinstance(reference, (list, tuple)) else []
        numbers = parts[1:]
        if len(parts) not in (1, 3) or not isinstance(parts[0], str) or not _is_range(numbers):
            remedy = "a reference is text, [url] or [url, offset, length]"
            raise MetadataError(f"{self!r}: {key!r} has {str(reference)[:200]}; {remedy}")
        url = self._expanded(key, parts[0])
        store, name = self._place_of(url)
        offset, length = numbers or (0, None)
        return Target(store, name, offset, length, url)

    def _inline(self, key: str, text: str) -> bytes:
        if not text.startswith("base64:"):
            return self._expanded(key, text).encode() if self._templates else text.encode()
        try:
            return base64.b64decode(text[len("base64:") :], validate=True)
        except (binascii.Error, ValueError) as error:
            raise MetadataError(f"{self!r}: {key!r} is not base64: {error}; make the references again") from None

    def _expanded(self, key: str, text: str) -> str:
        """Return a text with the templates put in."""

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in self._templates:
                known = sorted(self._templates)
                raise MetadataError(f"{self!r}: {key!r} uses the template {name!r}; only {known} are given")
            return self._templates[name]

        text = _TEMPLATE.sub(value, text) if self._templates else text
        if self._templates and "{{" in text:
            raise UnsupportedError(f"{self!r}: {key!r} has a template that computes; expand it with kerchunk first")
        return text

    def _place_of(self, url: str) -> tuple[Store, str]:
        """Do `_place`, or return what it returned for the same URL."""
        place = self._places.get(url)
        if place is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[url] = self._place(url)
        return place

    def _place(self, url: str) -> tuple[Store, str]:
        """Return the store of a URL or path, and the key in it."""
        for base in sorted(self._stores, key=len, reverse=True):
            if url.startswith(f"{base}/"):
                return self._stores[base], url[len(base) + 1 :]
        parts = urlsplit(url)
        if parts.scheme in ("", "file"):
            path = os.path.abspath(unquote(parts.path) if parts.scheme else url)
            folder, _, name = path.rpartition("/")
            base, key = folder or "/", name
        else:
            query = f"?{parts.query}" if parts.query else ""
            base, key = f"{parts.scheme}://{parts.netloc}{query}", parts.path.lstrip("/")
        store = self._made.get(base)
        if store is None:
            store = self._made.setdefault(base, as_store(base, self._options if "://" in base else None))
        return store, key

    def _missing(self, key: str, target: Target) -> StoreError:
        what = "" if target.length is None else f" {target.length} bytes from {target.offset} on of"
        fault = f"{redact(target.url)!r}, which is missing or too short; make the references again"
        return StoreError(f"{self!r}: {key!r} refers to{what} {fault}")

    def __repr__(self) -> str:
        return f"ReferenceStore({f'{len(self.refs)} keys' if self.name is None else repr(self.name)})"


def _is_range(numbers: "Sequence[object]") -> bool:
    """Return whether numbers, of an offset and a length if there are any, are of a range that a value can have.

    >>> _is_range([5, 3]), _is_range([True, 3]), _is_range([5, -3])
    (True, False, False)
    """
    total = 0
    for number in numbers:
        if type(number) is not int or number < 0:
            return False
        total += number
    return total <= MAX_NBYTES


def _loaded(place: str, options: Mapping[str, object] | None) -> object:
    """Return the JSON of a file or URL, or the references in parquet in a directory."""
    folder, _, name = place.rstrip("/").rpartition("/")
    store = as_store(folder or ("/" if place.startswith("/") else "."), options if "://" in place else None)
    documents = None if name.endswith(".json") else store.get(f"{name}/{DOCUMENTS}")
    if documents is not None:
        return ParquetReferences(store, f"{name}/", redact(place), documents)
    value = store.get(name)
    if value is None:
        raise FileNotFoundError(f"{redact(place)!r}: there is no such file of references")
    if not may_be_references(bytes(value)):
        raise MetadataError(f"{redact(place)!r}: is no file of references; open the directory or the URL that holds it")
    try:
        return json.loads(value)
    except ValueError as error:
        raise MetadataError(f"{redact(place)!r}: is not JSON: {error}; give kerchunk's references") from None


def _parsed(document: object) -> tuple[Mapping[str, object], dict[str, str]]:
    """Return the references by key, and the templates."""
    if isinstance(document, ParquetReferences):
        return document, {}
    if not isinstance(document, Mapping):
        raise MetadataError(f"references: must be an object, not {type(document).__name__}; give kerchunk's references")
    if "version" not in document:
        return document, {}
    if document["version"] != 1 or not isinstance(document.get("refs"), Mapping):
        raise UnsupportedError(f"references: version {document['version']!r} is not known; versions 0 and 1 are")
    if document.get("gen"):
        raise UnsupportedError("references: the member 'gen' computes references; expand it with kerchunk first")
    templates = document.get("templates") or {}
    if not isinstance(templates, Mapping) or not all(isinstance(text, str) for text in templates.values()):
        raise MetadataError("references: templates must be an object of texts")
    return document["refs"], {str(name): str(text) for name, text in templates.items()}
