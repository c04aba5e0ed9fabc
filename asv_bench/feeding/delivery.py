"""What a contender gives: the batches of an epoch, and their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import numpy as np

from feeding.rows import Task


class Sized(Protocol):
    def __len__(self) -> int: ...


class Delivery(NamedTuple):
    """How a contender does a row.

    - batches: begins an epoch.
    - order: of an epoch, the samples of each batch: rows, or where crops begin. None if it is uniform.
    """

    batches: Callable[[], Iterable[Sized]]
    order: Callable[[], list[np.ndarray]] | None = None


#: None: the contender cannot do the row.
Contender = Callable[[Task], Delivery | None]


def ahead(futures: Iterator[Future], most: int) -> Iterator:
    """Yield the results in their order, with `most` calls under way."""
    pending: deque[Future] = deque()
    for future in futures:
        pending.append(future)
        if len(pending) >= most:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def split(rows: np.ndarray, batch: int) -> list[np.ndarray]:
    """Return the rows of each batch."""
    return [rows[at : at + batch] for at in range(0, len(rows), batch)]
