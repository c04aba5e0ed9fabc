"""Read values of an object store: large ones in parts at a time, and parts of one version."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from simplezarr.engine.files.reader import ATTEMPTS, Data, Reader, clip_range
from simplezarr.errors import AccessError, ChangedError, StoreError
from simplezarr.runtime import executor
from simplezarr.stores.base import too_large
from simplezarr.stores.object.client import RETRIED_SECONDS, Answer, Client, ConflictError, describe, read_range

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ObjectReader", "read_whole", "value_getter"]

Range = tuple[int, int]

#: Pieces of a value that are asked for together.
_BATCH = 4096


class ObjectReader(Reader):
    """Read parts of one version of an object, by its ETag.

    The ranges of one call are requested at the same time. Each but the first request asks for the version of the first
    answer (If-Match). The first answer also tells the size, so no later request goes beyond the end.

    width: how many requests may be made at a time. part_size: bytes of one request at most.
    """

    has_twins = True

    def __init__(self, client: Client, path: str, width: int, part_size: int):
        self._client, self._path, self._width, self._part_size = client, path, width, part_size
        self._begun = False
        self._known: Answer | None = None
        self._match: str | None = None  # the ETag that the first answer must have

    @property
    def validator(self) -> Hashable | None:
        """Return the ETag; None if the store gives none that stands for the bytes."""
        return None if self._known is None else self._known.condition or self._known.version

    def pin(self, validator: Hashable) -> bool:
        if self._begun:
            return self.validator == validator
        if isinstance(validator, str) and validator.startswith('"'):  # the version of GCS is no condition
            self._match = validator
        return self._match is not None

    def twin(self) -> Reader | None:
        if self._known is None and self._match is None:
            return None
        twin = ObjectReader(self._client, self._path, self._width, self._part_size)
        twin._begun, twin._known, twin._match = self._begun, self._known, self._match
        return twin

    def size(self) -> int | None:
        if not self._begun:
            known = self._client.head(self._path)
            if known is not None and self._match not in (None, known.condition):
                raise self._changed()
            self._known, self._begun = known, True
        return None if self._known is None else self._known.size

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[Data] | None:
        ranges = [*ranges]
        if not self._begun:
            if ranges and max(length for _, length in ranges) <= self._part_size:
                return self._unpinned(ranges)
            self.size()
        if self._known is None:
            return None
        return self._pinned(self._known, ranges)

    def _unpinned(self, ranges: Sequence[Range]) -> Sequence[Data] | None:
        def fetch(span: Range) -> Answer | None:
            return read_range(self._client, self._path, *span, self._match)

        try:
            answers = executor.parallel_map(fetch, ranges, self._width)
        except ConflictError:
            raise self._changed() from None
        if len({None if answer is None else answer.tag for answer in answers}) > 1:
            raise self._changed()
        self._known, self._begun = answers[0], True
        return None if self._known is None else [memoryview(answer.data) for answer in answers if answer is not None]

    def _pinned(self, first: Answer, ranges: Iterable[Range]) -> Sequence[Data]:
        spans = [clip_range(first.size, start, length) for start, length in ranges]
        step = self._part_size
        # The size is what the server says. So the pieces are not all listed before it gives them.
        pieces = ((at, min(at + step, end)) for begin, end in spans for at in range(begin, end, step))
        parts: list[memoryview] = []
        try:
            while batch := [*islice(pieces, _BATCH)]:
                parts += executor.parallel_map(partial(self._piece, first), batch, self._width)
        except ConflictError:
            raise self._changed() from None
        found = iter(parts)
        return [_whole_of([next(found) for _ in range(begin, end, step)]) for begin, end in spans]

    def _piece(self, first: Answer, piece: Range) -> memoryview:
        """Return a piece of the version of the first answer."""
        answer = self._client.read(self._path, piece, first.condition)
        if answer is None or answer.tag != first.tag:
            raise self._changed()
        part = memoryview(answer.data)
        if part.nbytes != piece[1] - piece[0]:
            place = f"{self._client.name}{self._path}"
            raise StoreError(f"{place}: the answer to a range has another length than was asked for")
        return part

    def _changed(self) -> ChangedError:
        place = f"{self._client.name}{self._path}"
        return ChangedError(f"{place}: was replaced while it was read in parts; read it again")


def _whole_of(parts: list[memoryview]) -> Data:
    """Return the bytes of all parts, without a copy if there is one."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_whole(client: Client, path: str, width: int, part_size: int, limit: int | None = None) -> Answer | None:
    """Return a whole value, None if there is no such key. A value larger than `part_size` is read in parts at a time.

    limit: bytes above which a TooLargeError is raised, before the value is read.
    """
    for _ in range(ATTEMPTS if width > 1 and client.has_ranges else 0):
        began = perf_counter()
        try:
            result = client.begin(path, (0, part_size))
        except AccessError:
            raise
        except StoreError:
            if perf_counter() - began > RETRIED_SECONDS:
                raise
            # An empty value has no range, and some servers answer a range with the whole value.
            answer = client.read(path, limit=limit)
            client.has_ranges = answer is None or not answer.size
            return answer
        if result is None:
            return None
        try:
            return _in_parts(client, path, result, width, part_size, limit)
        except ConflictError:
            pass  # it was replaced meanwhile
    return client.read(path, limit=limit)


def value_getter(
    client: Client, prefix: str, width: Callable[[], int], part_size: int, limit: int | None
) -> "Callable[[str], Buffer | None]":
    """Return a function of a key, for this process, that reads whole values as `read_whole` does.

    A value that is known to be small needs a single call of obstore, for one byte more than the limit.
    """
    read_range, store = client.function("get_range")

    def whole(key: str) -> "Buffer | None":
        answer = read_whole(client, prefix + key, width(), part_size, limit)
        return None if answer is None else answer.data

    if limit is None or limit >= part_size:
        return whole
    end = limit + 1

    # Many threads take the GIL from each other. A microsecond here costs many in waiting, so this makes few calls.
    def small(key: str) -> "Buffer | None":
        if not client.has_ranges:
            return whole(key)
        path, began = prefix + key, perf_counter()
        try:
            data: Buffer = read_range(store, path, start=0, end=end)
        except FileNotFoundError:
            return None
        except Exception as error:  # perhaps the value is empty, or the server has no ranges
            failure = client.failure(path, client.missing, error)
        else:
            return data if len(data) < end else whole(key)  # type: ignore[arg-type]
        if failure is None:
            return None
        if isinstance(failure, AccessError) or perf_counter() - began > RETRIED_SECONDS:
            raise failure
        return whole(key)

    return small


def _in_parts(client: Client, path: str, result: Any, width: int, part_size: int, limit: int | None) -> Answer:
    """Read the rest of a value. `result`: of the request for its first part, whose body is not read yet."""
    first = describe(result, b"", 0)
    if limit is not None and first.size > limit:
        raise too_large(path, first.size, limit)

    if first.size <= part_size:
        return first._replace(data=client.body(path, result))

    def fetch(begin: int) -> Answer | None:
        if not begin:
            return client.finish(path, result)
        return client.read(path, (begin, min(begin + part_size, first.size)), first.condition)

    answers = executor.parallel_map(fetch, range(0, first.size, part_size), width)
    if any(answer is None or answer.tag != first.tag for answer in answers):
        raise ConflictError(f"{client.name}{path}: was replaced while it was read")
    return first._replace(data=b"".join([answer.data for answer in answers if answer is not None]))
