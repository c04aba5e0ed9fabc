"""The same samples as a sequence, for libraries with loaders of their own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from simplezarr.engine.memory.result_pool import empty
from simplezarr.loader.arguments import count_samples
from simplezarr.loader.cast import Cast
from simplezarr.loader.fields import ALONE, Arrays, make_fields, read_together
from simplezarr.loader.samples import SampleKind
from simplezarr.loader.scales import Scales, fit

__all__ = ["Samples"]

Sample = np.ndarray | dict[str, np.ndarray]


class Samples(Sequence[Sample]):
    """The samples of arrays as a sequence: `samples[i]` reads one of them.

    arrays, samples, cast, scale, seed: as for `Loader`. Crops are those of epoch 0.

    It is what torch calls a map-style dataset, and grain a random access data source. Both hand over the numbers of a
    whole batch, so each chunk is decoded once a batch. A `Loader` decodes it once an epoch.

    >>> import simplezarr as sz
    >>> from simplezarr.loader import Rows
    >>> samples = Samples(sz.create_array({}, data=[[1, 2], [3, 4]]), Rows())
    >>> len(samples), samples[1], samples
    (2, array([3, 4]), <Samples of array (2, 2) int64: 2 Rows(axis=0)>)
    """

    def __init__(
        self,
        arrays: Arrays,
        samples: SampleKind | Mapping[str, SampleKind],
        *,
        cast: Cast | Mapping[str, Cast] | None = None,
        scale: Scales = None,
        seed: int = 0,
    ):
        self.fields, self.seed = fit(make_fields(arrays, samples, cast), scale), seed
        self._count = count_samples(self.fields)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return a sample; for a slice or an array of numbers a list of them. Raise IndexError for a missing one."""
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(self._count)))
        if isinstance(index, np.ndarray) and index.ndim:
            return self.__getitems__(index.tolist())
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Iterable[int]) -> list[Sample]:
        """Return samples that are read together, as views of one array for each field."""
        numbers = np.array([self._number(index) for index in indices], np.int64)
        arrays = self._read(numbers)
        if self.fields[0].name == ALONE:
            return list(arrays[0])
        names = [field.name for field in self.fields]
        return [dict(zip(names, values, strict=True)) for values in zip(*arrays, strict=True)]

    _getitems = __getitems__  # what grain calls

    def _number(self, index: int) -> int:
        number = index + self._count if index < 0 else index
        if not 0 <= number < self._count:
            raise IndexError(f"sample {index} does not exist; there are {self._count}")
        return number

    def _read(self, numbers: np.ndarray) -> list[np.ndarray]:
        arrays = []
        for field in self.fields:
            values = empty((len(numbers), *field.shape), field.dtype)
            if len(numbers):
                starts = field.starts(numbers, self.seed, 0)
                batch, row = np.zeros(len(numbers), np.intp), np.arange(len(numbers))
                read_together([field], [starts], [[field.as_boxes(values)]], batch, row)
            arrays.append(values)
        return arrays

    def __repr__(self) -> str:
        arrays = ", ".join([f"{field.name or 'array'} {field.array.shape} {field.dtype}" for field in self.fields])
        return f"<Samples of {arrays}: {self._count} {self.fields[0].samples!r}>"
