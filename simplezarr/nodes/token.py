"""What tells arrays apart, for software that names what it computes by what that is made of, such as dask."""

from simplezarr.stores.cache.place import place_of
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["array_token"]


def array_token(handle: ArrayHandle) -> tuple[str, ...]:
    """Return what tells an array from others: its store, its path and its metadata, in whichever mode it was opened."""
    return "simplezarr.Array", place_of(handle.plain_store), handle.path, repr(handle.metadata)
