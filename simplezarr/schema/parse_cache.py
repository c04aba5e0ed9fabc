"""The cache of what documents were parsed to: many arrays of a store are alike, and each is opened more than once.

Keys are whole documents, and `cache_key` of some members. Only immutable results of conforming documents belong here.

>>> put(cache_key([1]), "one")
>>> get(cache_key([1])), get(cache_key([1.0])), get(cache_key([True]))
('one', None, None)
"""

import marshal
from typing import Any

from simplezarr.schema.extensions import JsonObject

__all__ = ["cache_key", "clear", "get", "put"]

_MAX_ENTRIES = 256
_MAX_KEY_BYTES = 4096

_parsed: dict[bytes, Any] = {}
get = _parsed.get  # what is cached under a key, None if nothing is


def cache_key(members: JsonObject | list[Any]) -> bytes:
    """Return a key for parts of a document, which unlike `==` tells 1, 1.0 and true apart.

    No document begins like such a key. Raise ValueError if the members are nested too deeply.
    """
    return marshal.dumps(members, 2)


def put(key: bytes, parsed: object) -> None:
    """Cache what a document, or the members of a `cache_key`, were parsed to. Long keys are not cached."""
    if len(key) <= _MAX_KEY_BYTES:
        if len(_parsed) >= _MAX_ENTRIES:
            _parsed.clear()
        _parsed[key] = parsed


def clear() -> None:
    """Forget everything: a codec or a data type was registered, so that names mean something else from now on."""
    _parsed.clear()
