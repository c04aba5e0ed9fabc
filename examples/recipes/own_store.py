"""Keep arrays in an SQLite database, through a store of one's own."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from typing import Any

import simplezarr as sz
from simplezarr.stores import byte_view, check_key, check_prefix
from simplezarr.testing import check_store

os.chdir(tempfile.mkdtemp())  # the files go into a new folder


class SqliteStore(sz.Store):
    concurrency = 1  # requests at a time, as there is one connection

    def __init__(self, path: str):
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value BLOB)")

    def get(self, key: str) -> bytes | None:
        check_key(key)
        found = self.database.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set(self, key: str, value: Any) -> None:
        check_key(key)
        self.check_writable(key)
        self.database.execute("REPLACE INTO entry VALUES (?, ?)", (key, byte_view(value)))

    def delete(self, key: str) -> None:
        check_key(key)
        self.check_writable(key)
        self.database.execute("DELETE FROM entry WHERE key = ?", (key,))

    def list(self, prefix: str = "") -> Iterator[str]:
        prefix = check_prefix(prefix)
        return iter([key for (key,) in self.database.execute("SELECT key FROM entry") if key.startswith(prefix)])

    def close(self) -> None:
        self.database.close()


checked = SqliteStore(":memory:")
check_store(checked)  # the conformance suite
checked.close()
with sz.create_group(SqliteStore("arrays.db")) as root:
    root["a/b"] = [[1, 2, 3], [4, 5, 6]]
with sz.open_array(SqliteStore("arrays.db"), "a/b") as array:  # the end of the block closes the store
    assert array[:, 1].tolist() == [2, 5]
    assert len(list(array.store.list("a"))) == 3
