"""Make stores of URLs. The table of their schemes is here.

A store that needs a package is imported when a URL names it, so nothing is loaded before.
"""

import importlib
import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from operator import attrgetter
from typing import cast

from simplezarr.errors import UnsupportedError
from simplezarr.stores.base import Store
from simplezarr.stores.keys import DOCUMENTS
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

__all__ = ["is_url", "maker", "may_be_references", "redact", "store_of_url", "takes_options"]

Options = Mapping[str, object]

#: What makes stores, and its module.
_OBJECT_STORE = "object.store", "ObjectStore.from_url"
_FSSPEC_STORE = "fsspec.store", "FsspecStore.from_url"
_HTTP_STORE = "http.store", "HTTPStore"
_REFERENCE_STORE = "reference", "ReferenceStore"
_ZIP_STORE = "zip.store", "archive_at"

#: The schemes of object stores, each with the package by which fsspec reaches it.
_CLOUDS = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "adl": "adlfs",
}
_ARCHIVES = (".zip", ".ozx")
_REFERENCES = (".json", ".parq", ".parquet")
#: Names that may stand before `::` without a URL behind them, as in `zip::data.zip`.
_CHAINED = ("blockcache", "cached", "dir", "filecache", "reference", "simplecache", "tar", "zip")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PIPELINE = re.compile(r"\|(zip|zarr|zarr2|zarr3):([^|]*)")
#: Schemes whose URLs name a container before the `@`, which is no secret.
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")


def is_url(text: str) -> bool:
    """Return whether a text names a store otherwise than by a local directory.

    >>> is_url("data.zarr"), is_url("C:/data.zarr"), is_url("s3://bucket/a.zarr"), is_url("a.zip")
    (False, False, True, True)
    """
    if ":" in text and (_SCHEME.match(text) or _PIPELINE.search(text) or _is_chain(text)):
        return True
    if text.endswith(_REFERENCES):
        return _has_references(text)
    return text.endswith(_ARCHIVES) and not os.path.isdir(text)


def may_be_references(head: bytes) -> bool:
    """Return whether a document, by its beginning, has references by key.

    >>> may_be_references(b'{"refs": {}}'), may_be_references(b'{"x/.zarray": "{}"}'), may_be_references(b'{"a": 1}')
    (True, True, False)
    """
    names = [f'{before}{name}"'.encode() for name in DOCUMENTS for before in ("/", '"')]
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(name in head for name in (b'"refs"', *names))


def _has_references(path: str) -> bool:
    """Return whether a path is that of a JSON file with references, or of a directory with references in parquet."""
    if os.path.isdir(path):
        try:
            with open(f"{path}/.zmetadata", "rb") as file:
                return b'"record_size"' in file.read()
        except OSError:
            return False
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return may_be_references(file.read(1 << 16))


def takes_options(text: str) -> bool:
    """Return whether the store that a text names has options.

    >>> takes_options("s3://bucket/a.zarr"), takes_options("file:///data.zarr"), takes_options("memory://a")
    (True, False, False)
    """
    return is_url(text) and ("://" in text or _is_chain(text)) and _scheme(text) not in ("file", "memory")


def store_of_url(url: str, options: Options) -> Store:
    """Return the store that a URL names: what `is_url` accepts.

    options: for the store that the scheme picks; the schemes `file` and `memory` take none.

    Raise UnsupportedError if no store is known for the scheme, or if its package is missing.

    >>> store_of_url("memory://docs/example", {}).set("a", b"1")
    >>> store_of_url("memory://docs/example", {}).get("a")
    b'1'
    """
    pipeline = _PIPELINE.search(url)
    if pipeline is not None:
        return _store_of_pipeline(url[: pipeline.start()], url[pipeline.start() :], options)
    if _path_of(url).endswith(_ARCHIVES) and not _is_chain(url):
        return _archive(url, "", options)
    if _is_chain(url):
        return _other(url, options)
    if _path_of(url).endswith(_REFERENCES) and (_scheme(url) != "file" or _has_references(_file_path(url))):
        return maker(*_REFERENCE_STORE)(url, options=options)
    return _SCHEMES.get(_scheme(url), _other)(url, options)


def redact(url: str) -> str:
    """Return a URL for messages: without user, password and query, which may hold secrets.

    >>> redact("https://me:password@host/a.zarr?signature=123")
    'https://***@host/a.zarr?***'
    >>> redact("simplecache::s3://bucket/a.zarr"), redact("abfss://container@account.net/a")
    ('simplecache::s3://bucket/a.zarr', 'abfss://container@account.net/a')
    """
    if "://" not in url:
        return url
    pipeline = _PIPELINE.search(url)
    end = len(url) if pipeline is None else pipeline.start()
    bare, mark, _ = url[:end].partition("?")
    bare = re.sub(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/]*)@", _without_user, bare)
    return f"{bare}{mark and '?***'}{url[end:]}"


def maker(module: str, name: str) -> Callable[..., Store]:
    """Return what makes the stores of a module of this folder. The module is imported now.

    >>> maker("memory", "MemoryStore")()
    MemoryStore(0 keys)
    """
    return cast(Callable[..., Store], attrgetter(name)(importlib.import_module(f"simplezarr.stores.{module}")))


def _without_user(match: re.Match[str]) -> str:
    scheme, user = match.groups()
    return match.group() if scheme in _CONTAINERS and ":" not in user else f"{scheme}://***@"


def _scheme(url: str) -> str:
    match = _SCHEME.match(url)
    return match.group(1).lower() if match else ""


def _is_chain(url: str) -> bool:
    first, mark, _ = url.partition("?")[0].partition("::")
    return bool(mark) and (("://" in url and "/" not in first) or "://" in first or first in _CHAINED)


def _path_of(url: str) -> str:
    return url.partition("?")[0] if "://" in url else url


# ---------------------------------------------------------------- the schemes


def _file(url: str, options: Options) -> Store:
    return LocalStore(_file_path(url))


def _file_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        remedy = f"a local path has three slashes: 'file:///{parts.netloc}{parts.path}'"
        raise UnsupportedError(f"{redact(url)!r}: {parts.netloc!r} would be another machine; {remedy}")
    return unquote(parts.path)


_named: dict[str, MemoryStore] = {}


def _memory(url: str, options: Options) -> Store:
    return _named.setdefault(url.partition("://")[2].rstrip("/"), MemoryStore())


def _http(url: str, options: Options) -> Store:
    made = maker(*_HTTP_STORE)
    known = [name for name in signature(made).parameters if name != "url"]
    for name in options:
        if name not in known:
            remedy = f"it has {', '.join(known)}; a bucket is opened by the scheme of its service, such as s3://"
            raise TypeError(f"{redact(url)!r}: a web server has no storage option {name!r}; {remedy}")
    return made(url, **options)


def _cloud(url: str, options: Options) -> Store:
    package = _CLOUDS[_scheme(url)]
    if find_spec("obstore") is not None:
        return maker(*_OBJECT_STORE)(url, **options)
    if find_spec("fsspec") is not None and find_spec(package) is not None:
        return maker(*_FSSPEC_STORE)(url, **options)
    raise UnsupportedError(
        f"{redact(url)!r}: object stores need the package 'obstore': pip install 'simplezarr[obstore]' "
        f"(or fsspec: pip install 'simplezarr[fsspec]' {package})"
    )


def _other(url: str, options: Options) -> Store:
    """Return the store of a chain of URLs, or of a scheme that is not in the table."""
    if find_spec("fsspec") is None:
        raise UnsupportedError(
            f"{redact(url)!r}: URLs of this kind need the package 'fsspec': pip install 'simplezarr[fsspec]'"
        )
    return maker(*_FSSPEC_STORE)(url, **options)


_SCHEMES: dict[str, Callable[[str, Options], Store]] = {
    "file": _file,
    "memory": _memory,
    "http": _http,
    "https": _http,
    **dict.fromkeys(_CLOUDS, _cloud),
}


# ---------------------------------------------------------------- archives and pipelines


def _store_of_pipeline(base: str, steps: str, options: Options) -> Store:
    """Return the store of a pipeline such as `s3://bucket/a.zip|zip:inside|zarr3:`."""
    found = _PIPELINE.findall(steps)
    if "".join(f"|{name}:{path}" for name, path in found) != steps:
        raise UnsupportedError(
            f"{redact(base)!r}: the pipeline {steps!r} is not known; only |zip:, |zarr2: and |zarr3: are"
        )
    zips = [path for name, path in found if name == "zip"]
    for name, path in found:
        if name != "zip" and path.strip("/"):
            raise UnsupportedError(
                f"{redact(base)!r}: |{name}: cannot name a node; pass it as path={path.strip('/')!r}"
            )
    if len(zips) > 1 or (zips and found[0][0] != "zip"):
        raise UnsupportedError(f"{redact(base)!r}: unknown pipeline {steps!r}; |zip: may come once, and first")
    if zips:
        return _archive(base, zips[0].strip("/"), options)
    return store_of_url(base, options) if is_url(base) else LocalStore(base)


def _archive(url: str, inside: str, options: Options) -> Store:
    """Return the store over a zip archive, in a local file or in the store of the directory that it is in."""
    from urllib.parse import SplitResult, unquote, urlsplit

    opened = maker(*_ZIP_STORE)
    if "://" not in url:
        return opened(url, path=inside)
    if _scheme(url) == "file":
        return opened(_file_path(url), path=inside)
    parts = urlsplit(url)
    above, _, name = parts.path.rpartition("/")
    outer = SplitResult(parts.scheme, parts.netloc, above, parts.query, "").geturl()
    return opened(store_of_url(outer, options), unquote(name) if parts.scheme.startswith("http") else name, path=inside)
