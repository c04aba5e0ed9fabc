"""Tell the places of stores apart, so that a cache never answers with the values of another one."""

import re
import uuid
from collections.abc import Iterator

from simplezarr.stores.base import Store
from simplezarr.stores.wrapper import WrapperStore

__all__ = ["place_of"]

#: Names of settings of obstore that say which server a bucket is on.
_SERVER = re.compile("endpoint|account_name|base_url")


def place_of(store: Store) -> str:
    """Return what tells a store from others: its `repr`, unless that names no place."""
    inner = store
    while isinstance(inner, WrapperStore):
        inner = inner.store
    names_place = type(inner).__repr__ is not Store.__repr__ and not inner.in_memory
    return " ".join([repr(store), *_addresses(store)]) if names_place else uuid.uuid4().hex


def _addresses(store: object) -> Iterator[str]:
    """Yield what `repr` leaves out of the places of a store and of those inside it: queries of URLs, and servers."""
    while isinstance(store, Store):
        url, client = getattr(store, "url", None), getattr(store, "_client", None)
        if isinstance(url, str):
            yield url
        config = getattr(getattr(client, "store", None), "config", None) or {}
        yield from [f"{name}={config[name]}" for name in sorted(config) if _SERVER.search(name)]
        store = getattr(store, "store", None) or getattr(store, "_place", None)
