"""What moves the elements of an array: one class for each kind of array, behind one protocol."""

from typing import Protocol

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.indexing.selection import Selection

__all__ = ["Fields", "Index", "Transfer"]

Index = tuple[int, ...]
Fields = str | list[str] | None  # the name of a field, or a list of names


class Transfer(Protocol):
    """Moves elements between NumPy arrays and the chunks of an array; chosen when the array is opened.

    Every method raises ChunkError for a chunk that can't be decoded, and what the store raises.
    """

    @property
    def shares_chunks(self) -> bool:
        """Whether `read_many` fetches and decodes a chunk once for all plans that touch it."""

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into an array of the selection's shape; cast to its data type, chunk by chunk.

        fields: of records, if the array is for these alone; none of them is itself an array.
        """

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Store values of the selection's shape, in a data type that NumPy can cast to the array's."""

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, as `read`; all arrays have one data type."""

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Decode a whole chunk, into `out` if it is given. Raise IndexError if the grid has no such chunk."""

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return a chunk's elements within the array, and its full shape. Raise IndexError as `read_chunk`."""

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return the stored bytes of a chunk, None if it is not stored. Raise IndexError as `read_chunk`."""
