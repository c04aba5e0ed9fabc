"""Check keys and prefixes, and find the names below a prefix."""

from collections.abc import Iterable, Sequence

__all__ = ["DOCUMENTS", "NODE_DOCUMENTS", "check_key", "check_prefix", "names_below"]

#: Names of the documents that make a node. The parts of a hierarchy in an archive or in references are known by them.
NODE_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray")
#: Names of all documents, in the order in which an archive has them.
DOCUMENTS = (*NODE_DOCUMENTS, ".zattrs", ".zmetadata")


def check_key(key: str) -> None:
    """Raise a ValueError or TypeError for an invalid key, which could lead out of the place of a store.

    >>> check_key("a/c/0")
    >>> check_key("a/../../b")
    Traceback (most recent call last):
        ...
    ValueError: invalid key 'a/../../b': it contains '..'
    """
    if not isinstance(key, str):
        raise TypeError(f"a key must be a str, not {type(key).__name__}")
    framed = f"/{key}/"
    if "//" in framed or "/./" in framed or "/../" in framed or "\0" in key or "\\" in key:
        raise ValueError(f"invalid key {key!r}: {_fault(key)}")


def _fault(key: str) -> str:
    if not key:
        return "it is empty"
    if key[0] == "/" or key[-1] == "/":
        return "it begins or ends with a slash"
    if "\0" in key or "\\" in key:
        return "it contains a NUL or a backslash; separate names by '/'"
    for part in key.split("/"):
        if part in (".", ".."):
            return f"it contains {part!r}"
    return "it contains two slashes in a row"


def check_prefix(prefix: str) -> str:
    """Return a prefix with a slash at its end, "" for the root. Raise as `check_key` does.

    >>> check_prefix("a/b"), check_prefix("a/b/"), check_prefix("")
    ('a/b/', 'a/b/', '')
    """
    if not prefix and isinstance(prefix, str):
        return ""
    bare = prefix.removesuffix("/") if isinstance(prefix, str) else prefix
    check_key(bare)
    return f"{bare}/"


def names_below(keys: Iterable[str], prefix: str) -> Sequence[str]:
    """Return what `Store.list_dir` returns if these are the keys.

    prefix: as `check_prefix` returns it.

    >>> names_below(["a/b", "a/c/d", "a/c/e", "f"], "a/")
    ['b', 'c']
    """
    skip = len(prefix)
    return sorted({key[skip:].partition("/")[0] for key in keys if key.startswith(prefix)})
