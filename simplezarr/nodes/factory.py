"""From metadata to the kind of array that they describe."""

from typing import Any

from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.array import Array
from simplezarr.stores.base import Store

__all__ = ["make_array"]


def make_array(store: Store, path: str, metadata: ArrayMetadata, **options: Any) -> Array:
    """Return the array that `metadata` describe; the options are those of `Array`.

    Modules of the rare kinds are loaded when there is such an array.
    """
    if metadata.fill_problem:
        from simplezarr.nodes.unfilled import UnfilledArray

        return UnfilledArray(store, path, metadata, **options)
    if metadata.grid is None:
        return Array(store, path, metadata, **options)
    from simplezarr.nodes.rectilinear import RectilinearArray

    return RectilinearArray(store, path, metadata, **options)
