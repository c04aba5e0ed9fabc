"""Bind a codec chain once: compute everything that can be known about a chunk before it is read or written."""

from collections.abc import Callable
from typing import final

import numpy as np

from simplezarr.engine.kernels.compressors import CompiledCodec

class CodecFailure(Exception):
    """A codec in plain Python could not decode a chunk; the cause is its own exception."""

    codec: str | None
    def __init__(self, message: str, codec: str | None = None) -> None: ...

@final
class CodecPipeline:
    """A codec chain bound to a chunk's shape, data type and fill value; `codecs.chain.bind` makes it."""

    @property
    def dtype(self) -> np.dtype: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def most(self) -> int:
        """Return the most bytes that a chunk's encoded form may have."""
    def __init__(
        self,
        shape: tuple[int, ...],
        order: tuple[int, ...],
        dtype: np.dtype,
        transform: int,
        fill: bytes,
        most: int,
        kernels: tuple[CompiledCodec, ...] = (),
        limits: tuple[int, ...] = (),
        python: Callable[[bytes], np.ndarray] | None = None,
        inner: CodecPipeline | None = None,
        index: CodecPipeline | None = None,
        index_nbytes: int = 0,
        index_first: bool = False,
        write_order: bytes | None = None,
    ) -> None: ...
