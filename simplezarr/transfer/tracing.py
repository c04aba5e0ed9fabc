"""Report chunks that cannot be decoded or encoded, while tracing is on (see `simplezarr.stores.tracing`)."""

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.indexing.selection import Selection
from simplezarr.stores.tracing import reported_failures
from simplezarr.transfer.protocol import Boxes, Conversion, Fields, Index, Places, Transfer

__all__ = ["TracingTransfer"]


class TracingTransfer:
    """Report each ChunkError of another transfer, which does the work."""

    def __init__(self, transfer: Transfer):
        self.transfer = transfer

    @property
    def shares_chunks(self) -> bool:
        """Whether the other transfer shares chunks."""
        return self.transfer.shares_chunks

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Read as the other transfer."""
        with reported_failures():
            self.transfer.read(selection, out, fields)

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Write as the other transfer."""
        with reported_failures():
            self.transfer.write(selection, values)

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Read as the other transfer."""
        with reported_failures():
            self.transfer.read_many(plans, outs)

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Read as the other transfer."""
        with reported_failures():
            self.transfer.read_boxes(boxes, places, conversion, threads)

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Read as the other transfer."""
        with reported_failures():
            return self.transfer.read_chunk(index, out)

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return what the other transfer returns; it makes no request."""
        return self.transfer.chunk_box(index)

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return what the other transfer returns."""
        with reported_failures():
            return self.transfer.encoded_chunk(index)
