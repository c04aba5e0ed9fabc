"""Read kerchunk's references in parquet: a directory with the documents, and files with the references of each array.

The file `.zmetadata` has all documents, and how many references a file holds. Those of the chunks of array `x`, counted
in C order, are in `x/refs.0.parq`, `x/refs.1.parq` and so on. A file without references is not there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from simplezarr.engine.files.reader import MAX_NBYTES
from simplezarr.errors import MetadataError, TooLargeError, UnsupportedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.schema.extras import extra
from simplezarr.stores.base import Store, names_below

__all__ = ["DOCUMENTS", "ParquetReferences"]

DOCUMENTS = ".zmetadata"
_ARRAY = ".zarray"
_AGAIN = "make the references again"
#: Bytes of a file of references, as it is stored and decoded, and how many of them are kept.
_MOST_BYTES, _MOST_FILES = 1 << 30, 64
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")
_FILE = re.compile(r"refs\.(0|[1-9][0-9]{0,18})\.parq")


class _Grid(NamedTuple):
    """The chunks of an array: how many along each axis, and what is between the numbers in their names."""

    counts: tuple[int, ...]
    separator: str

    def number(self, name: str) -> int | None:
        """Return where a chunk comes in C order, None if that is no name of a chunk."""
        parts = name.split(self.separator)
        if len(parts) != len(self.counts):
            return None
        number = 0
        for part, count in zip(parts, self.counts, strict=True):
            if not _NUMBER.fullmatch(part) or int(part) >= count:
                return None
            number = number * count + int(part)
        return number

    def name(self, number: int) -> str:
        parts = []
        for count in reversed(self.counts):
            number, part = divmod(number, count)
            parts.append(str(part))
        return self.separator.join(reversed(parts))


class _File(NamedTuple):
    """The references of one file: each has an URL by its number in `urls`, -1 for none, or holds the bytes, or neither.

    raw: of pyarrow, None if no reference holds bytes.
    """

    urls: list[str]
    numbers: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    raw: Any

    def reference(self, row: int) -> object:
        """Return a reference as JSON has it, but bytes as such; None if there is none."""
        if row >= len(self.numbers):
            return None
        if self.raw is not None and self.raw[row].is_valid:
            value = self.raw[row].as_py()
            return value.encode() if isinstance(value, str) else value
        number, offset, size = int(self.numbers[row]), int(self.offsets[row]), int(self.sizes[row])
        if number < 0:
            return None
        return [self.urls[number], offset, size] if offset or size else [self.urls[number]]


class ParquetReferences(Mapping[str, object]):
    """References by key. Files are read when one of their references is needed, and some are kept.

    store, folder: where they are; the folder has a slash at its end, or is "". place: for messages.
    """

    def __init__(self, store: Store, folder: str, place: str, documents: bytes):
        _pyarrow("pyarrow.parquet")
        self._store, self._folder, self._where = store, folder, place
        try:
            members = json.loads(documents)
            self.documents: dict[str, Any] = members["metadata"]
            self._nrows = int(members["record_size"])
            self._grids = {key[: -len(_ARRAY)]: _grid(it) for key, it in self.documents.items() if _is_array(key)}
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise self._wrong(DOCUMENTS, f"is not what kerchunk writes ({type(error).__name__}: {error})") from None
        if self._nrows < 1:
            raise self._wrong(DOCUMENTS, f"has the record_size {self._nrows}")
        if "" in self._grids:
            raise UnsupportedError(f"{place!r}: references in parquet have no array at the root; put it into a group")
        self._files: dict[str, _File | None] = {}

    def __getitem__(self, key: str) -> object:
        if key in self.documents:
            return self.documents[key]
        if key == DOCUMENTS:
            return {"zarr_consolidated_format": 1, "metadata": self.documents}
        path, name = self._array_of(key)
        number = self._grids[path].number(name) if path else None
        if number is not None:
            file = self._file(path, number // self._nrows)
            found = None if file is None else file.reference(number % self._nrows)
            if found is not None:
                return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return self.below("")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix (with its slash). The files of all arrays there are read one after another."""
        yield from [key for key in (DOCUMENTS, *self.documents) if key.startswith(prefix)]
        for path in self._grids:
            if path.startswith(prefix) or prefix.startswith(path):
                yield from (key for key in self._chunks(path) if key.startswith(prefix))

    def names(self, prefix: str) -> Sequence[str]:
        """Return the sorted names directly below a prefix. Files are read only for what is below an array."""
        if any(prefix.startswith(path) for path in self._grids):
            return names_below(self.below(prefix), prefix)
        return names_below((DOCUMENTS, *self.documents), prefix)

    def samples(self) -> Iterator[tuple[str, object]]:
        """Yield one reference of each array, from its first file, those of the largest arrays first."""
        for path in sorted(self._grids, key=lambda path: prod(self._grids[path].counts), reverse=True):
            key = next(self._chunks(path, only_first=True), None)
            if key is not None:
                yield key, self[key]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_files": {}}

    # ------------------------------------------------------------ files

    def _array_of(self, key: str) -> tuple[str, str]:
        """Return the path of the array that a key is below, with its slash, and the rest of the key; "" if none is."""
        end = len(key)
        while (end := key.rfind("/", 0, end)) >= 0:
            if key[: end + 1] in self._grids:
                return key[: end + 1], key[end + 1 :]
        return "", key

    def _chunks(self, path: str, *, only_first: bool = False) -> Iterator[str]:
        """Yield the keys of the chunks of an array that have references, of its first file or of all."""
        grid = self._grids[path]
        total = prod(grid.counts)
        for record in (0,) if only_first else self._records(path, -(-total // self._nrows)):
            file = self._file(path, record)
            first = record * self._nrows
            for row in range(min(self._nrows, total - first) if file is not None else 0):
                if file is not None and file.reference(row) is not None:
                    yield path + grid.name(first + row)

    def _records(self, path: str, n: int) -> Sequence[int]:
        """Return the numbers of the files of an array: those that are there, or may be there."""
        try:
            names = self._store.list_dir(self._folder + path)
        except UnsupportedError:
            return range(n)
        found = [int(match[1]) for name in names if (match := _FILE.fullmatch(name))]
        return sorted(number for number in found if number < n)

    def _file(self, path: str, record: int) -> _File | None:
        """Return a file of references, None if it does not exist: then there are no such references."""
        name = f"{path}refs.{record}.parq"
        if name not in self._files:
            with KeyLock(self, name):  # threads that need the same file wait for one to read it
                if name not in self._files:
                    file = self._read(name)
                    while len(self._files) >= _MOST_FILES:
                        self._files.pop(next(iter(self._files)), None)
                    self._files[name] = file
                    return file
        try:
            return self._files[name]
        except KeyError:  # other threads have read many files meanwhile
            return self._read(name)

    def _read(self, name: str) -> _File | None:
        pyarrow, pyarrow_parquet = _pyarrow(), _pyarrow("pyarrow.parquet")
        try:
            data = self._store.get_limited(self._folder + name, _MOST_BYTES)
        except TooLargeError as error:
            raise self._wrong(name, f"has {error.size} bytes") from None
        if data is None:
            return None
        try:
            # Without threads of its own, which a forked child would not have.
            parquet = pyarrow_parquet.ParquetFile(pyarrow.BufferReader(data), pre_buffer=False)
            about = parquet.metadata
            nbytes = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if about.num_rows > self._nrows or nbytes > _MOST_BYTES:
                raise self._wrong(name, f"has {about.num_rows} references in {nbytes} bytes")
            columns = [column for column in ("path", "offset", "size", "raw") if column in parquet.schema_arrow.names]
            return _parsed(parquet.read(columns=columns, use_threads=False))
        except (pyarrow.ArrowException, ValueError, TypeError, OSError, OverflowError) as error:
            raise self._wrong(name, f"is damaged ({error})") from None

    def _wrong(self, name: str, what: str) -> MetadataError:
        return MetadataError(f"{self._where!r}: the file {name!r} {what}; {_AGAIN}")


def _pyarrow(module: str = "pyarrow") -> ModuleType:
    return extra("pyarrow", "references in parquet", module, of="parquet")


def _is_array(key: str) -> bool:
    return key.rpartition("/")[2] == _ARRAY


def _grid(document: dict[str, Any]) -> _Grid:
    """Return the grid of an array by its document of Zarr 2. One without axes has one chunk, named 0."""
    counts = [-(-int(n) // int(size)) for n, size in zip(document["shape"], document["chunks"], strict=True)]
    if any(count < 0 for count in counts) or prod(counts) > MAX_NBYTES:
        raise ValueError(f"the shape {document['shape']} cannot be")
    return _Grid(tuple(counts) or (1,), document.get("dimension_separator", "."))


def _parsed(table: Any) -> _File:
    """Return the references of a table of pyarrow."""
    nothing = np.full(table.num_rows, -1)
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    columns = {name: column for name, column in columns.items() if column.null_count < len(column)}
    urls, raw = columns.get("path"), columns.get("raw")
    if urls is not None and not _pyarrow().types.is_dictionary(urls.type):
        urls = urls.dictionary_encode()
    return _File(
        urls=[] if urls is None else [_text(url) for url in urls.dictionary.to_pylist()],
        numbers=nothing if urls is None else urls.indices.fill_null(-1).to_numpy(zero_copy_only=False),
        offsets=_integers(columns, "offset", table.num_rows),
        sizes=_integers(columns, "size", table.num_rows),
        raw=raw,
    )


def _text(url: object) -> str:
    if not isinstance(url, str):
        raise TypeError(f"path: {url!r} is not text")
    return url


def _integers(columns: Mapping[str, Any], name: str, n: int) -> np.ndarray:
    if name not in columns:
        return np.zeros(n, np.int64)
    column = columns[name]
    if not _pyarrow().types.is_integer(column.type):
        raise TypeError(f"{name}: must be integers, not {column.type}")
    numbers: np.ndarray = column.fill_null(0).to_numpy(zero_copy_only=False)
    return numbers
