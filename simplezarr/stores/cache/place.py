"""Tell the places of stores apart, so that no cache by name answers with the values of another one."""

import re
import uuid
from collections.abc import Iterator
from weakref import WeakKeyDictionary, WeakValueDictionary

from simplezarr.stores.base import Store
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.wrapper import WrapperStore

__all__ = ["place_of"]

#: Names of settings of obstore that say which server a bucket is on.
_SERVER = re.compile("endpoint|account_name|base_url")


def place_of(store: Store) -> str:
    """Return what tells a store from others: its `repr`, or if that names no place, a name that lasts as it does."""
    inner = store
    while isinstance(inner, WrapperStore):
        inner = inner.store
    names_place = type(inner).__repr__ is not Store.__repr__ and not inner.in_memory
    return " ".join([repr(store), *_addresses(store)]) if names_place else _lasting_name(store)


class _Name(str):
    """A name that can be referred to weakly."""

    __slots__ = ("__weakref__",)


#: The names of stores, and of the mappings of stores in memory by their `id`, which nothing else has while they last.
_of_stores: "WeakKeyDictionary[Store, _Name]" = WeakKeyDictionary()
_of_mappings: "WeakValueDictionary[int, _Name]" = WeakValueDictionary()


def _lasting_name(store: Store) -> str:
    """Return the name that a store has in this process while it lasts; all stores over one mapping have the same."""
    try:
        name = _of_stores.get(store)
        if name is None:
            name = _Name(uuid.uuid4().hex)
            if isinstance(store, MemoryStore):
                name = _of_mappings.setdefault(id(store.values), name)
            name = _of_stores.setdefault(store, name)
    except TypeError:  # a class whose objects can't be keys
        return uuid.uuid4().hex
    return name


def _addresses(store: object) -> Iterator[str]:
    """Yield what `repr` leaves out of the places of a store and of those inside it: queries of URLs, and servers."""
    while isinstance(store, Store):
        url, client = getattr(store, "url", None), getattr(store, "_client", None)
        if isinstance(url, str):
            yield url
        config = getattr(getattr(client, "store", None), "config", None) or {}
        yield from [f"{name}={config[name]}" for name in sorted(config) if _SERVER.search(name)]
        store = getattr(store, "store", None) or getattr(store, "_place", None)
