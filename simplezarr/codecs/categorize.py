"""The codec `numcodecs.categorize`: text as the number of its label, counted from 1; 0 is the empty string.

Described at https://numcodecs.readthedocs.io/en/stable/filter/categorize.html.

>>> Categorize(("no", "yes"), "<U3").encode(np.array(["yes", "", "no"])).tolist()
[2, 0, 1]
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.filters import check_dtype
from simplezarr.codecs.registry import register_codec
from simplezarr.dtypes import of_numpy
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import show

__all__ = ["Categorize"]

_MAX_LABELS = 1 << 20


@register_codec
@dataclass(frozen=True, slots=True)
class Categorize(ArrayArrayCodec):
    """Store text as the number of its label.

    - labels: all texts that occur, without the empty one; at most 2**20.
    - dtype: NumPy's type of the text, `"|O"` for text of any length.
    - astype: NumPy's type of the stored numbers.

    `encode` raises ValueError for text that is not one of the labels. Other numbers decode to the empty string.

    >>> Categorize(("no", "yes")).to_json()["configuration"]["astype"]
    '|u1'
    """

    name: ClassVar[str] = "numcodecs.categorize"
    labels: tuple[str, ...]
    dtype: str = "|O"
    astype: str = "|u1"

    def __post_init__(self) -> None:
        labels = self.labels
        if not isinstance(labels, (list, tuple)) or len(labels) > _MAX_LABELS:
            raise MetadataError(f"labels: {show(labels)} is not a list of at most {_MAX_LABELS} labels")
        for i, label in enumerate(labels):
            if type(label) is not str:
                raise MetadataError(f"labels[{i}]: {show(label)} is not a string")
        object.__setattr__(self, "labels", tuple(labels))
        if self.dtype not in ("O", "|O", "object"):
            check_dtype(self.dtype, "U", "dtype")
        check_dtype(self.astype, "iuf", "astype")

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        if spec.dtype.name not in ("string", "fixed_length_utf32"):
            raise MetadataError(f"{self.name} stores text, not {show(spec.dtype.name)}")
        stored = of_numpy(np.dtype(self.astype).newbyteorder("="))
        return ChunkSpec(spec.shape, stored, bytes(stored.itemsize))

    def encode(self, array: np.ndarray) -> np.ndarray:
        numbers = {label: number for number, label in reversed([*enumerate(self.labels, 1)])}
        numbers = {"": 0, **numbers}
        try:
            found = [numbers[text] for text in array.reshape(-1).tolist()]
        except KeyError as error:
            raise ValueError(f"{error.args[0]!r} is not one of the labels") from None
        return np.array(found, np.dtype(self.astype).newbyteorder("=")).reshape(array.shape)

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        labels = np.array(["", *self.labels], np.dtypes.StringDType())
        known = (array >= 1) & (array <= len(self.labels)) & (array == np.floor(array))
        decoded = labels[np.where(known, array, 0).astype(np.intp)]
        return decoded.astype(spec.dtype.numpy).reshape(spec.shape)
