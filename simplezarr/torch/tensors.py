"""Arrays as tensors, without a copy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from simplezarr.errors import UnsupportedError
from simplezarr.loader import Loader
from simplezarr.loader.loader import delivery_of

__all__ = ["as_tensor", "check_types", "map_arrays"]


def as_tensor(values: np.ndarray) -> torch.Tensor:
    """Return a tensor over the memory of an array. Raise UnsupportedError for a data type that torch does not have.

    >>> as_tensor(np.array([1, 2], "u2"))
    tensor([1, 2], dtype=torch.uint16)
    """
    if values.dtype.name == "bfloat16":  # of ml_dtypes, which torch does not know
        return torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    try:
        return torch.from_numpy(values)
    except (TypeError, ValueError) as error:  # the second: another order of bytes
        raise UnsupportedError(f"{_remedy(values.dtype)} ({error})") from None


def map_arrays(batch: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """Return a batch with each array changed: one array, or arrays in mappings, lists and tuples."""
    if isinstance(batch, np.ndarray):
        return change(batch)
    if isinstance(batch, Mapping):
        return {name: map_arrays(part, change) for name, part in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*[map_arrays(part, change) for part in batch])
    if isinstance(batch, list | tuple):
        return type(batch)([map_arrays(part, change) for part in batch])
    return batch


def check_types(loader: Loader) -> None:
    """Raise UnsupportedError if torch does not have the data type of an array, and no `transform` may give another."""
    delivery = delivery_of(loader)
    for field in delivery.fields if delivery.transform is None else ():
        try:
            as_tensor(np.empty(0, field.dtype))
        except UnsupportedError:
            raise UnsupportedError(f"array {field.array.name}: {_remedy(field.dtype)}") from None


def _remedy(dtype: np.dtype) -> str:
    return f'torch has no data type for {dtype}; cast it in the loader, for example cast="float32", or in `transform`'
