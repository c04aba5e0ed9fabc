"""Check stored objects completely: a chunk by decoding it, a shard by its index and each inner chunk."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, resolve_chain, split_chain
from simplezarr.codecs.chain import bind, python_pipeline, shard_index, stored_order
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.engine.chunks.decode import decode_chunk
from simplezarr.engine.chunks.pipeline import CodecFailure

__all__ = ["Faults", "ReadRange", "ChunkCheck", "chunk_check"]

#: Returns bytes of a stored object, by start and length.
ReadRange = Callable[[int, int], bytes]
#: The kind and message of each fault.
Faults = list[tuple[str, str]]
Entry = tuple[int, int, int]  # start, size and number of an inner chunk in the shard

_RUN = 8 << 20  # bytes of a shard that are read at a time


class ChunkCheck:
    """Check a chunk that `codecs` encoded."""

    def __init__(self, codecs: tuple[Codec, ...], spec: ChunkSpec):
        pipeline = bind(codecs, spec)
        self.most = pipeline.most
        self.decode = python_pipeline(codecs, spec) if spec.dtype.is_variable else partial(decode_chunk, pipeline)

    def check(self, read: ReadRange, size: int, faults: Faults) -> int:
        """Check a stored object of `size` bytes, append its faults, and return its number of chunks."""
        if size > self.most:
            faults.append(("chunk", f"{size} bytes; such a chunk has at most {self.most}"))
            return 1
        try:
            self.decode(read(0, size))
        except (CodecFailure, ValueError) as error:
            faults.append(("chunk", str(error)))
        except MemoryError:
            faults.append(("unreadable", "not enough memory to decode it"))
        return 1


class _ShardCheck(ChunkCheck):
    """Check a shard. Codecs around it are decoded as a whole first."""

    def __init__(self, codecs: tuple[Codec, ...], spec: ChunkSpec):
        super().__init__(codecs, spec)
        heads, sharding, self.tails = split_chain(codecs, "codecs")
        assert isinstance(sharding, Sharding)
        stored = resolve_chain(codecs, spec, "codecs")[0][-1]
        self.unwrap = python_pipeline(codecs, spec).unwrap
        self.index = shard_index(sharding, stored)
        self.axes = np.argsort(stored_order(heads, spec)).tolist()
        self.inner = chunk_check(sharding.codecs, sharding.inner_spec(stored))

    def check(self, read: ReadRange, size: int, faults: Faults) -> int:
        if self.tails:
            if size > self.most:
                return super().check(read, size, faults)
            try:
                data = self.unwrap(read(0, size))
            except CodecFailure as error:
                faults.append(("chunk", str(error)))
                return 0
            read, size = partial(_part, data, 0), len(data)
        try:
            entries = self.entries(read, size, faults)
        except CodecFailure as error:
            faults.append(("shard", str(error)))
            return 0
        return sum(self.check_run(run, read, faults) for run in _runs(entries))

    def entries(self, read: ReadRange, size: int, faults: Faults) -> list[Entry]:
        """Return the inner chunks that lie inside the shard, in their order there."""
        n = self.index.nbytes
        at = 0 if self.index.is_first else max(0, size - n)
        found = self.index.entries(read(at, min(n, size)))
        stored = self.index.stored(found).reshape(-1)
        offsets, sizes = found.reshape(-1, 2).T
        inside = (sizes <= size) & (offsets <= size - np.minimum(sizes, np.uint64(size)))
        for i in np.flatnonzero(stored & ~inside).tolist():
            message = f"the index places it at byte {offsets[i]}, {sizes[i]} bytes long; the shard has {size}"
            faults.append(("shard", f"{self.name(i)}: {message}"))
        numbers = np.flatnonzero(stored & inside)
        numbers = numbers[np.argsort(offsets[numbers], kind="stable")]
        entries = [*zip(offsets[numbers].tolist(), sizes[numbers].tolist(), numbers.tolist(), strict=True)]
        self.check_overlaps(entries, (at, n, -1), faults)
        return entries

    def check_overlaps(self, entries: list[Entry], index: Entry, faults: Faults) -> None:
        """Append a fault for each pair of inner chunks, or inner chunk and index, that overlap."""
        end, last = 0, -1
        for start, size, number in sorted([*entries, index]):
            if size and start < end:
                two = f"{self.name(number)} and {self.name(last)}"
                faults.append(("shard", f"{two}: the index places both at byte {start}"))
            if start + size > end:
                end, last = start + size, number

    def check_run(self, run: list[Entry], read: ReadRange, faults: Faults) -> int:
        """Check inner chunks that are read with one request; a single long one is read as needed."""
        start, stop = run[0][0], max(offset + size for offset, size, _ in run)
        whole = len(run) > 1 or stop - start <= _RUN
        if whole:
            read = partial(_part, read(start, stop - start), -start)
        count = 0
        for offset, size, number in run:
            found: Faults = []
            count += self.inner.check(partial(_shifted, read, offset), size, found)
            faults += [(kind, f"{self.name(number)}: {message}") for kind, message in found]
        return count

    def name(self, number: int) -> str:
        """Return the name of an inner chunk: its index in the shard, in the order of the array's axes."""
        if number < 0:
            return "the index"
        index = [int(i) for i in np.unravel_index(number, self.index.grid)]
        return f"inner chunk {tuple([index[axis] for axis in self.axes])}"


@lru_cache(maxsize=64)
def chunk_check(codecs: tuple[Codec, ...], spec: ChunkSpec) -> ChunkCheck:
    """Return the check of chunks of `spec` that `codecs` encoded; raise as `bind` does."""
    heads, middle, _ = split_chain(codecs, "codecs")
    is_shard = type(middle) is Sharding and all(type(codec) is Transpose for codec in heads)
    return (_ShardCheck if is_shard else ChunkCheck)(codecs, spec)


def _part(data: bytes, shift: int, start: int, length: int) -> bytes:
    return data[start + shift : start + shift + length]


def _shifted(read: ReadRange, by: int, start: int, length: int) -> bytes:
    return read(start + by, length)


def _runs(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Yield sorted entries in groups that are short enough for one request.

    >>> [*_runs([(0, 10, 2), (10, 10, 0), (9 << 20, 5, 1)])]
    [[(0, 10, 2), (10, 10, 0)], [(9437184, 5, 1)]]
    """
    run: list[Entry] = []
    for entry in entries:
        if run and entry[0] + entry[1] - run[0][0] > _RUN:
            yield run
            run = []
        run.append(entry)
    if run:
        yield run
