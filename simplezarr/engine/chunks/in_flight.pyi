"""Coalesce reads in flight: reads of one chunk at the same time share one fetch and one decoding."""

from types import TracebackType
from typing import final

@final
class Writing:
    """A write under way in this process: use `with Writing():` around everything that changes what is stored."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
