"""Write to an object store on conditions, so that no update is lost."""

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from simplezarr.errors import StoreError, UnsupportedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import byte_view
from simplezarr.stores.object.client import Answer, Client, ConflictError
from simplezarr.stores.object.reader import read_whole

if TYPE_CHECKING:
    from simplezarr.stores.base import Change

__all__ = ["check_conditions", "create", "update"]

#: A header of the values that are stored on a condition. Its value is another one for each request that stores.
_MARK = "simplezarrput"
#: Seconds to wait before an update is tried again: the first time and at most. Each wait is up to twice the one before.
_FIRST_WAIT, _LONGEST_WAIT = 0.002, 0.5
#: How often an update is tried, which takes some minutes if other writers are always faster.
_ATTEMPTS = 500


def create(client: Client, path: str, value: memoryview) -> bool:
    """Store a value unless there is one; return whether it was stored.

    If an answer is lost, obstore repeats the request, which is then refused because the first one stored the value. The
    mark tells such a value from an equal one that another writer has created.
    """
    mark = uuid4().hex
    if _put(client, path, value, None, mark):
        return True
    return client.has_attributes and _is_marked(client.head(path), mark)


def update(client: Client, path: str, change: "Change", width: int, part_size: int) -> None:
    """Replace a value by what `change` makes of it, again and again until no other writer comes between.

    width, part_size: as `read_whole`.
    """
    mark, wait = "", _FIRST_WAIT
    for _ in range(_ATTEMPTS):
        found = read_whole(client, path, width, part_size)
        # The bytes cannot tell that the last request stored them, because another writer may have made the same.
        if mark and _is_marked(found, mark):
            return
        value = None if found is None else bytes(found.data)
        changed = change(value)
        if changed is value:
            return
        if changed is None:
            raise ValueError(f"{client.name}{path}: a removal takes no condition; store a value, or use `delete`")
        mark = uuid4().hex
        if _put(client, path, byte_view(changed), found, mark):
            return
        time.sleep(wait * random.uniform(0.5, 1))
        wait = min(2 * wait, _LONGEST_WAIT)
    raise StoreError(f"{client.name}{path}: other writers kept changing the value; try again when they are done")


def check_conditions(client: Client, prefix: str) -> None:
    """Raise an UnsupportedError unless the server refuses requests whose condition does not hold.

    A server that ignores conditions answers like one that heeds them, until two writers meet. So a value is stored for
    a moment, below the prefix, and what must be refused is tried on it. This is done once for each client.
    """
    if client.is_checked:
        return
    with KeyLock(client, _MARK):  # otherwise each thread that comes meanwhile would try it too
        if not client.is_checked:
            _probe(client, f"{prefix}.simplezarr-probe-{uuid4().hex}")
            client.is_checked = True


def _probe(client: Client, path: str) -> None:
    try:
        client.put(path, memoryview(b"1"), mode="create", use_multipart=False)
        _must_refuse(client, path, "create", "If-None-Match")
        # GCS looks at the version, the others at the ETag
        _must_refuse(client, path, {"e_tag": f'"{32 * "0"}"', "version": "1"}, "If-Match")
    finally:
        with suppress(StoreError):  # the first failure is the one to report
            client.ask(path, "delete", path)


def _must_refuse(client: Client, path: str, mode: object, header: str) -> None:
    try:
        client.put(path, memoryview(b"2"), mode=mode, use_multipart=False)
    except ConflictError:
        return
    raise UnsupportedError(
        f"{client.name}: the server ignores conditions ({header}), so changes by other writers would be lost; write "
        "whole chunks and shards only, or use a server that heeds conditions"
    )


def _put(client: Client, path: str, value: memoryview, old: Answer | None, mark: str) -> bool:
    """Store a value if the stored one is still `old`, None if there was none; return False if it is not."""
    mode: object = "create"
    if old is not None:
        named = {"e_tag": old.e_tag, "version": old.version}
        mode = {name: found for name, found in named.items() if found is not None}
    marked = {"attributes": {_MARK: mark}} if client.has_attributes else {}
    try:
        client.put(path, value, mode=mode, use_multipart=False, **marked)
    except ConflictError:
        return False
    return True


def _is_marked(found: Answer | None, mark: str) -> bool:
    return found is not None and found.attributes.get(_MARK) == mark
