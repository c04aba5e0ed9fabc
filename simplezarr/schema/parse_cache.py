"""The cache of parsed documents: many arrays of a store are alike, and each is opened more than once.

Keys are whole documents, and `cache_key` of some members. Only immutable results of conforming documents belong here.

>>> put(cache_key([1], "a"), "one")
>>> get(cache_key([1], "a")), get(cache_key([1.0], "a")), get(cache_key([True], "a"))
('one', None, None)
"""

import marshal
from typing import Any

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject

__all__ = ["cache_key", "clear", "get", "put"]

_MAX_ENTRIES = 256
_MAX_KEY_BYTES = 4096

_parsed: dict[bytes, Any] = {}
get = _parsed.get  # returns the cached result of a key, or None


def cache_key(members: JsonObject | list[Any], place: str) -> bytes:
    """Return a key for parts of the document at `place`, which unlike `==` tells 1, 1.0 and true apart.

    No document begins like such a key. Raise MetadataError if the members are nested too deeply.
    """
    try:
        return marshal.dumps(members, 2)
    except ValueError:
        raise MetadataError(f"{place}: arrays or objects are nested too deeply") from None


def put(key: bytes, parsed: object) -> None:
    """Cache the result of parsing a document, or the members of a `cache_key`. Long keys are not cached."""
    if len(key) <= _MAX_KEY_BYTES:
        if len(_parsed) >= _MAX_ENTRIES:
            _parsed.clear()
        _parsed[key] = parsed


def clear() -> None:
    """Forget everything, because a codec or a data type was registered: a name may mean another class now."""
    _parsed.clear()
