"""A store in memory whose updates are conditional requests, as of an object store, and which counts its requests."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from simplezarr.stores import Store, byte_view, check_key, check_prefix


class Bucket:
    """The server: values with versions. Each request is atomic."""

    def __init__(self, latency: float = 0.0):
        self.latency = latency
        self.values: dict[str, tuple[int, bytes]] = {}
        self.guard = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.version = 0
        #: Called with the key before each conditional PUT, outside the guard: a test puts another writer here.
        self.before_put: Callable[[str], object] = lambda key: None

    def get(self, key: str) -> tuple[int, bytes] | None:
        with self.guard:
            self.requests["GET"] += 1
            value = self.values.get(key)
        time.sleep(self.latency)
        return value

    def put(self, key: str, value: bytes, expected: int | None = -1) -> bool:
        """Store a value; return False if its version isn't the expected one (None: no value, -1: any)."""
        if expected != -1:
            self.before_put(key)
        with self.guard:
            self.requests["PUT"] += 1
            stored = self.values.get(key)
            if expected != -1 and (None if stored is None else stored[0]) != expected:
                return False
            self.version += 1
            self.values[key] = self.version, value
            return True

    def delete(self, keys: list[str]) -> None:
        with self.guard:
            self.requests["DELETE"] += 1
            for key in keys:
                self.values.pop(key, None)


class BucketStore(Store):
    """A client. Two clients of one bucket share no lock, like two processes."""

    conditional = True

    def __init__(self, bucket: Bucket):
        self.bucket = bucket

    def get(self, key: str) -> bytes | None:
        check_key(key)
        found = self.bucket.get(key)
        return None if found is None else found[1]

    def set(self, key: str, value) -> None:
        check_key(key)
        self.check_writable(key)
        self.bucket.put(key, bytes(byte_view(value)))

    def create(self, key: str, value) -> bool:
        check_key(key)
        self.check_writable(key)
        return self.bucket.put(key, bytes(byte_view(value)), None)

    def update(self, key: str, change) -> None:
        check_key(key)
        self.check_writable(key)
        while True:
            version, value = self.bucket.get(key) or (None, None)
            changed = change(value)
            if changed is value:
                return
            if changed is None:
                raise AssertionError(f"{key!r}: an update of this store removes nothing")
            if self.bucket.put(key, bytes(byte_view(changed)), version):
                return

    def delete(self, key: str) -> None:
        self.delete_many([key])

    def delete_many(self, keys) -> None:
        for key in keys:
            check_key(key)
            self.check_writable(key)
        if keys:
            self.bucket.delete(list(keys))

    def list(self, prefix: str = "") -> Iterator[str]:
        prefix = check_prefix(prefix)
        with self.bucket.guard:
            return iter([key for key in self.bucket.values if key.startswith(prefix)])


__all__ = ["Bucket", "BucketStore"]
