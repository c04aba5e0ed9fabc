"""Define the store in a zip archive, and what the path of an archive stands for."""

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from simplezarr.engine.files.reader import Data, Reader
from simplezarr.errors import NodeExistsError, ReadOnlyError, ZarrWarning
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, reads_by
from simplezarr.stores.local import LocalStore
from simplezarr.stores.zip.draft import FileDraft, StoreDraft
from simplezarr.stores.zip.reader import ArchiveReader
from simplezarr.stores.zip.source import NoArchiveError, open_source
from simplezarr.stores.zip.writer import ArchiveWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from simplezarr.engine.files.file_ranges import FileRangeTable

__all__ = ["ZipStore", "archive_at", "new_archive"]

Range = tuple[int, int]
Comment = str | Mapping[str, object] | None

_OME = ".ozx"  # RFC-9 of OME-NGFF
_LONGEST_COMMENT = 0xFFFF
_REMEDY = 'mode="w" makes a new archive, which is complete when the store is closed: with ZipStore(path, mode="w")'


class ZipStore(Store):
    """A store in a zip archive: a file, or a value of another store.

    - path_or_store, key: the path of the archive, or a store and the key of the archive in it.
    - mode: "r" reads an archive, "w" makes a new one.
    - path: the folder of the archive whose members are the values. By default it is the one that holds the uppermost
      node, if there is only one, as in an archive of `a.zarr/zarr.json`; otherwise it is the root.
    - comment: of a new archive, a str or a mapping that becomes JSON, at most 65,535 bytes. A member "ome" gets
      `jsonFirst`, because the documents come first. A new `.ozx` file gets `{"ome": {"version": …}}` by default, with
      the version in the attributes of its root. In mode "r" the attribute `comment` is that of the archive.

    **Reading** takes no lock and seeks nothing: any number of threads read at known places of one open file. In another
    store, opening reads the last 64 KiB (and once more if the directory is longer), and each value is one range.
    Values that are read whole are compared with their checksums. Members may be stored or deflated. Encrypted members,
    other methods and split archives raise an UnsupportedError when they are read; an archive that is damaged, or whose
    members overlap or have names that lead out, an ArchiveError when it is opened.

    **Writing** appends to a temporary file beside the archive, or in the system's directory for these. `close`, and the
    end of a `with` block, write the directory and replace the old archive, if there is one. Before that, and for ever
    after a crash or an exception in the `with` block, the old archive stays. An archive has one writer at a time, and
    is not changed in place: to change one, copy it into a new one. Metadata documents come first, as RFC-9 of OME-NGFF
    recommends for `.ozx`. Values that were set again or deleted take up at most a tenth of an archive.

    In mode "r" it is pickled by its arguments; in mode "w" it belongs to one process.

    >>> import simplezarr as sz
    >>> with ZipStore("a.zip", mode="w") as store:
    ...     a = sz.create_array(store, "x", data=[1, 2, 3])
    >>> sz.open("a.zip")["x"][...]
    array([1, 2, 3])
    """

    def __init__(
        self,
        path_or_store: "str | os.PathLike[str] | Store",
        key: str | None = None,
        *,
        mode: Literal["r", "w"] = "r",
        path: str = "",
        comment: Comment = None,
    ):
        self._archive: ArchiveReader | ArchiveWriter | None = None
        if mode not in ("r", "w"):
            raise ValueError(f"mode: must be 'r' or 'w', not {mode!r}; an archive is not changed in place")
        self._place, self._key = _place_of(path_or_store, key)
        self._path, self._mode, self._sealed = check_prefix(path), mode, False
        name = self._key or str(self._place)
        self._is_ome = name.endswith(_OME)
        inner = self._place if isinstance(self._place, Store) else None
        is_near = inner is None or mode == "w" or inner.in_memory or inner.local_root is not None
        self.concurrency = None if is_near or inner is None else inner.concurrency
        if mode == "r":
            if comment is not None:
                raise ValueError('comment: is for a new archive, mode="w"; an archive that is read has its own')
            reader = ArchiveReader(open_source(self._place, self._key), repr(self), self._path or None)
            self.comment = reader.comment.rstrip(b"\0").decode("utf-8", "replace")
            self._archive = reader
            return
        if self._is_ome and self._path:
            raise ValueError(f"path: an {_OME} archive has its hierarchy at the root; leave it out")
        self.comment = _as_text(comment)
        draft = FileDraft(self._place) if isinstance(self._place, str) else StoreDraft(self._place, self._key)
        self._archive = ArchiveWriter(draft, self._path, wide=self._is_ome)

    @property
    def immutable(self) -> bool:  # type: ignore[override]
        return self._mode == "r"

    @property
    def read_only(self) -> bool:
        return self._sealed or self._mode == "r"

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._sealed = bool(value)

    # ------------------------------------------------------------ reading

    @property
    def find_file_ranges(self) -> "Callable[[list[str], FileRangeTable], None] | None":
        is_known = isinstance(self._archive, ArchiveReader) and self._archive.in_file and reads_by(self, ZipStore)
        return self._find_file_ranges if is_known else None

    def _find_file_ranges(self, keys: "list[str]", ranges: "FileRangeTable") -> None:
        archive = self._opened()
        assert isinstance(archive, ArchiveReader)
        archive.find_file_ranges(keys, ranges)

    def get(self, key: str) -> bytes | None:
        return self._opened().get(key)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        archive = self._opened()
        if type(archive) is ArchiveReader and (type(self) is ZipStore or reads_by(self, ZipStore, "get")):
            return archive.get_limited(key, limit, holes)
        return super().get_limited(key, limit, holes=holes)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self._opened().get_ranges(key, [(start, length)])
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        return self._opened().get_ranges(key, ranges)

    def reader(self, key: str) -> Reader:
        """Return a reader of the value that a key has now. A later `set` or `delete` does not affect it."""
        reader = self._opened().reader(key) if reads_by(self, ZipStore) else None
        return super().reader(key) if reader is None else reader

    def size(self, key: str) -> int | None:
        return self._opened().size(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        return self._opened().keys(prefix)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        return self._opened().names(prefix)

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        self._writer().set(key, byte_view(value))

    def delete(self, key: str) -> None:
        self.check_writable(key)
        self._writer().delete(key)

    def check_writable(self, key: str) -> None:
        if self._mode == "r":
            raise ReadOnlyError(f"{key!r}: {self!r} is opened for reading; {_REMEDY}")
        super().check_writable(key)

    def close(self) -> None:
        """Release the archive. In mode "w", complete it and put it in its place.

        If that fails, as on a full disk, the store stays open, so that `close` can be called again. The end of a `with`
        block tries once.
        """
        archive = self._archive
        if isinstance(archive, ArchiveWriter) and not archive.closed:
            archive.finish(self._final_comment(archive))
        self._archive = None

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        """Close the store; after an exception in the block, leave the old archive as it is."""
        try:
            if kind is None:
                self.close()
        finally:
            if isinstance(self._archive, ArchiveWriter):
                self._archive.discard()
            self._archive = None

    def __del__(self) -> None:
        archive = getattr(self, "_archive", None)
        if isinstance(archive, ArchiveWriter) and not archive.closed:
            if archive.is_own:
                warnings.warn(
                    f"{self!r} was not closed, so the archive was not written; use it in a with statement",
                    ZarrWarning,
                    stacklevel=2,
                )
            archive.discard()

    def _final_comment(self, archive: ArchiveWriter) -> bytes:
        """Return the comment of a new archive. Raise a ValueError if it is no OME-Zarr but is named as one."""
        root = archive.get("zarr.json")
        if self._is_ome and root is None:
            raise ValueError(
                f"{self!r}: an {_OME} archive needs a node of Zarr 3 at its root; create one, or name it .zip"
            )
        if self.comment or not self._is_ome or root is None:
            return self.comment.encode()
        version = _ome_version(root)
        return _as_text({"ome": {"version": version}} if version else None).encode()

    def _opened(self) -> ArchiveReader | ArchiveWriter:
        if self._archive is None:
            raise ValueError(f"{self!r} is closed; open it again")
        return self._archive

    def _writer(self) -> ArchiveWriter:
        archive = self._opened()
        assert isinstance(archive, ArchiveWriter)
        return archive

    # ------------------------------------------------------------ as a value

    def _arguments(self) -> tuple[object, ...]:
        return self._place, self._key, self._path, self._sealed

    def __eq__(self, other: object) -> bool:
        if self is other or type(other) is not type(self) or self._mode == "w" or other._mode == "w":
            return self is other
        return self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((type(self), self._key, self._path)) if self._mode == "r" else id(self)

    def __reduce__(self) -> tuple[object, ...]:
        if self._mode == "w":
            raise TypeError(f"{self!r} belongs to one process; write in this one, and open the archive in others")
        return _reopened, (type(self), *self._arguments())

    def __repr__(self) -> str:
        mode = ", mode='w'" if self._mode == "w" else ""
        return f"{type(self).__name__}({_shown(self._place, self._key, self._path)}{mode})"


def _place_of(path_or_store: "str | os.PathLike[str] | Store", key: str | None) -> tuple[str | Store, str]:
    if isinstance(path_or_store, Store):
        if key is None:
            raise TypeError("key: is needed with a store, as in ZipStore(store, 'a.zip')")
        check_key(key)
        return path_or_store, key
    if key is not None:
        raise TypeError("key: is for an archive in a store; put the whole path into the first argument")
    name = os.fsdecode(path_or_store)
    if not name:
        raise ValueError("path_or_store: must not be empty; write the path of an archive")
    return os.path.abspath(os.path.expanduser(name) if name[0] == "~" else name), ""


def _shown(place: str | Store, key: str, path: str) -> str:
    """Return arguments as `repr` shows them."""
    shown = [repr(place), *([repr(key)] if key else []), *([f"path={path[:-1]!r}"] if path else [])]
    return ", ".join(shown)


def _reopened(cls: type[ZipStore], place: str | Store, key: str, path: str, sealed: bool) -> ZipStore:
    store = cls(place, key or None, path=path)
    store.read_only = sealed
    return store


def _as_text(comment: Comment) -> str:
    """Return a comment as it is stored, with `jsonFirst` if it is one of RFC-9."""
    if isinstance(comment, Mapping):
        ome = comment.get("ome")
        if isinstance(ome, Mapping) and "zipFile" not in ome:
            comment = {**comment, "ome": {**ome, "zipFile": {"centralDirectory": {"jsonFirst": True}}}}
        comment = json.dumps(comment, ensure_ascii=False)
    if not isinstance(comment, str | None):
        raise TypeError(f"comment: must be a str or a mapping, not {type(comment).__name__}")
    text = comment or ""
    if len(text.encode()) > _LONGEST_COMMENT:
        raise ValueError(f"comment: has {len(text.encode())} bytes; the limit is {_LONGEST_COMMENT}")
    return text


def _ome_version(document: bytes) -> str | None:
    """Return the version of OME-Zarr that the document of the root states."""
    try:
        version = json.loads(document)["attributes"]["ome"]["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return version if isinstance(version, str) else None


# ---------------------------------------------------------------- paths of archives


class _NoArchive(Store):
    """The store of an archive that does not exist. It has no keys, and says how to make one."""

    concurrency = None
    read_only = True

    def __init__(self, place: str | Store, key: str, path: str):
        self._place, self._key, self._path = place, key, path

    def get(self, key: str) -> bytes | None:
        check_key(key)
        return None

    def list(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        return iter(())

    def check_writable(self, key: str) -> None:
        raise ReadOnlyError(f"{key!r}: there is no {self!r}; {_REMEDY}")

    def __repr__(self) -> str:
        return f"ZipStore({_shown(self._place, self._key, self._path)})"


def archive_at(path_or_store: str | Store, key: str | None = None, *, path: str = "") -> Store:
    """Return the store of what a path names that ends as those of archives do: an archive, or a directory.

    Arguments are those of `ZipStore`. If there is no archive, the store is empty and cannot be written.
    """
    place, inner = _place_of(path_or_store, key)
    if isinstance(place, str) and os.path.isdir(place):
        return LocalStore(os.path.join(place, path))
    try:
        return ZipStore(place, key, path=path)
    except NoArchiveError:
        return _NoArchive(place, inner, check_prefix(path))


def new_archive(store: Store, below: str, overwrite: bool) -> Store:
    """Return the store of a new archive in the place of another, for a call that writes all of it.

    store: of `archive_at`. below: the path of what is written in the archive.

    Raise NodeExistsError if there is an archive, unless it is to be overwritten from the root.
    """
    assert isinstance(store, ZipStore | _NoArchive)
    if isinstance(store, ZipStore) and (below or store._path or not overwrite):
        remedy = "overwrite=True replaces it, from the root; to keep what is in it, copy it into a new archive"
        raise NodeExistsError(f"{store!r}: the archive already exists, and is written only as a whole; {remedy}")
    return ZipStore(store._place, store._key or None, mode="w", path=store._path)
