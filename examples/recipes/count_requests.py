"""See what a program asks of its store, to choose chunks and shards that fit it."""

from collections import Counter

import numpy as np

import simplezarr as sz


class Counting(sz.WrapperStore):
    """Counts the requests for values."""

    def __init__(self, store: sz.Store):
        super().__init__(store)
        self.requests: Counter[str] = Counter()

    def get(self, key: str) -> bytes | None:
        self.requests["get"] += 1
        return super().get(key)


values = np.zeros((100, 100)) + 1
for chunks, expected in (((10, 100), 1), ((100, 10), 10)):
    memory = sz.MemoryStore()
    sz.save(memory, values, chunks=chunks)
    store = Counting(memory)
    array = sz.open_array(store)
    store.requests.clear()
    array[50]  # one row
    assert store.requests["get"] == expected
