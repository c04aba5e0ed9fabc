"""A store in memory whose updates are conditional requests, as of an object store, and which counts its requests."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from simplezarr.errors import ChangedError
from simplezarr.stores import Reader, Store, byte_view, check_key, check_prefix, clip_range


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

    def get_ranges(self, key: str, ranges, expected: int | None) -> tuple[int, list[bytes]] | None:
        """Return ranges and the version; raise ChangedError unless it is the expected one (None: any)."""
        found = self.get(key)
        if found is None:
            return None
        version, value = found
        if expected not in (None, version):
            raise ChangedError(f"{key!r}: version {version} instead of {expected}")
        spans = [clip_range(len(value), *span) for span in ranges]
        return version, [value[begin:end] for begin, end in spans]

    def delete(self, keys: list[str]) -> None:
        with self.guard:
            self.requests["DELETE"] += 1
            for key in keys:
                self.values.pop(key, None)


class BucketReader(Reader):
    """Reads one version of a value; `pin` takes no request."""

    def __init__(self, bucket: Bucket, key: str):
        check_key(key)
        self.bucket, self.key, self.version = bucket, key, None

    @property
    def validator(self):
        return self.version

    def pin(self, validator) -> bool:
        self.version = validator
        return True

    def get_ranges(self, ranges):
        found = self.bucket.get_ranges(self.key, ranges, self.version)
        if found is None:
            return None
        self.version, parts = found
        return parts

    def size(self) -> int | None:
        found = self.bucket.get(self.key)
        if found is None:
            return None
        if self.version not in (None, found[0]):
            raise ChangedError(f"{self.key!r}: version {found[0]} instead of {self.version}")
        self.version = found[0]
        return len(found[1])


class BucketStore(Store):
    """A client. Two clients of one bucket share no lock, like two processes."""

    conditional = True

    def __init__(self, bucket: Bucket):
        self.bucket = bucket

    def get(self, key: str) -> bytes | None:
        check_key(key)
        found = self.bucket.get(key)
        return None if found is None else found[1]

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        return self.reader(key).get_range(start, length)

    def get_ranges(self, key: str, ranges):
        return self.reader(key).get_ranges(ranges)

    def reader(self, key: str) -> "BucketReader":
        return BucketReader(self.bucket, key)

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
