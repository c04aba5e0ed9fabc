"""Node paths and chunk keys.

>>> normalize_path("/a/b/")
'a/b'
>>> ChunkKeys().key((1, 23, 45))
'c/1/23/45'
"""

import os
from dataclasses import dataclass

from simplezarr.errors import UnsupportedError
from simplezarr.schema.extensions import JsonObject, check_choice, parse_extension, refuse_unknown
from simplezarr.schema.leniency import tolerate, warn

__all__ = ["ChunkKeys", "join", "normalize_path", "reserved_name"]

_SEPARATORS = ("/", ".")
_DEFAULT_SEPARATOR = {"default": "/", "v2": "."}
_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_INDEX_DIGITS = 19  # of 2**63 - 1


def normalize_path(path: str | os.PathLike[str], *, new: bool = False) -> str:
    """Return a node's path without outer slashes, `""` for the root; raise ValueError if it is not a valid path.

    new: whether to warn of names that begin with `__`, which the specification reserves and some software hides.
    """
    if not isinstance(path, str):
        if not isinstance(path, os.PathLike):
            given = "None" if path is None else type(path).__name__
            raise TypeError(f"path: {given} is not a path of a node; give a str such as 'a/b', '' for the root")
        path = os.fsdecode(path).replace(os.sep, "/")
    path = str.__str__(path).strip("/")
    if path:
        for name in path.split("/"):
            _check_name(name, path)
    if new:
        reserved = reserved_name(path)
        if reserved:
            warn(reserved)
    return path


def reserved_name(path: str) -> str | None:
    """Return a warning about a normalized path with a name that the specification reserves; None without one."""
    name = next((name for name in reversed(path.split("/")) if name.startswith("__")), None)
    if name is None:
        return None
    return f"node path {path!r} has the name {name!r}; '__' begins reserved names, which some software hides"


def _check_name(name: str, path: str) -> None:
    if not name:
        problem = "has an empty name between two slashes; remove one"
    elif not name.strip("."):
        problem = f"has the name {name!r}, which consists of periods only; leave it out"
    elif name in _DOCUMENTS:
        problem = f"has the name {name!r}, which is reserved for metadata; choose another"
    elif "\\" in name or "\0" in name:
        problem = "has a backslash or a NUL in a name; names are separated by '/'"
    elif not name.isascii() and _has_surrogate(name):
        problem = "has a lone surrogate in a name, which UTF-8 can't spell"
    else:
        return
    raise ValueError(f"node path {path!r} {problem}")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def join(path: str, name: str) -> str:
    """Return the store key of `name` below the node `path`.

    >>> join("", "zarr.json"), join("a/b", "zarr.json")
    ('zarr.json', 'a/b/zarr.json')
    """
    return f"{path}/{name}" if path else name


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """A chunk key encoding: the key of a chunk, relative to its array, from its place in the grid.

    >>> ChunkKeys("v2", ".").key((1, 0)), ChunkKeys("default", ".").key(())
    ('1.0', 'c')
    """

    name: str = "default"
    separator: str = "/"

    def __post_init__(self) -> None:
        if self.name not in _DEFAULT_SEPARATOR:
            raise UnsupportedError(f"unknown chunk key encoding {self.name!r}; known are 'default' and 'v2'")
        check_choice(self.separator, _SEPARATORS, "separator")

    @property
    def prefix(self) -> str:
        """The beginning of all keys, unless the array has no dimensions."""
        return "c" + self.separator if self.name == "default" else ""

    def key(self, index: tuple[int, ...]) -> str:
        """Return the key of the chunk at `index`."""
        if index:
            return self.prefix + self.separator.join(map(str, index))
        return "c" if self.name == "default" else "0"

    def parse(self, key: str, ndim: int | None = None) -> tuple[int, ...] | None:
        """Return the index that has exactly this key, None without one.

        ndim: how many numbers the index has, None for any. With None, `"0"` in the encoding `v2` is `(0,)`.

        >>> ChunkKeys().parse("c/1/20"), ChunkKeys().parse("c/01"), ChunkKeys().parse("zarr.json")
        ((1, 20), None, None)
        """
        if key == "c" and self.name == "default":
            return None if ndim else ()
        if ndim == 0:
            return () if key == self.key(()) else None
        if not key.startswith(self.prefix):
            return None
        parts = key[len(self.prefix) :].split(self.separator)
        if ndim not in (None, len(parts)) or not all(map(_is_index, parts)):
            return None
        return tuple(map(int, parts))

    @classmethod
    def from_json(cls, value: object, where: str = "chunk_key_encoding") -> "ChunkKeys":
        """Return the encoding that the member `chunk_key_encoding` describes; raise as `parse_extension`."""
        name, configuration, _ = parse_extension(value, where)
        separator = _DEFAULT_SEPARATOR.get(name)
        if separator is None:
            raise UnsupportedError(f"{where}: unknown chunk key encoding {name!r}; known are 'default' and 'v2'")
        if configuration:
            refuse_unknown(configuration, ("separator",), f"{where}.configuration")
            given = configuration["separator"]
            if given is None:
                tolerate("null-member", f"{where}.configuration.separator")
            else:
                check_choice(given, _SEPARATORS, f"{where}.configuration.separator")
                separator = given
        return cls(name, separator)

    def to_json(self) -> JsonObject:
        """Return the member `chunk_key_encoding`."""
        return {"name": self.name, "configuration": {"separator": self.separator}}


def _is_index(text: str) -> bool:
    if not (text.isascii() and text.isdigit()) or len(text) > _INDEX_DIGITS:
        return False
    return text == "0" or text[0] != "0"
