"""Compress with a codec of one's own: runs of equal bytes as pairs of length and value."""

import os
import tempfile
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import simplezarr as sz
from simplezarr.testing import check_codec

os.chdir(tempfile.mkdtemp())  # the files go into a new folder


@sz.register_codec
@dataclass(frozen=True)
class Runs(sz.codecs.BytesBytesCodec):
    """Run lengths. The fields of the class, here one, are the configuration that is stored."""

    name: ClassVar[str] = "example.runs"
    longest: int = 255

    def encode(self, data: bytes | bytearray | memoryview) -> bytes:
        values = np.frombuffer(data, "u1")
        starts = np.flatnonzero(np.diff(values, prepend=values[:1] ^ 1))
        pairs = bytearray()
        for value, length in zip(values[starts].tolist(), np.diff(starts, append=values.size).tolist(), strict=True):
            whole, rest = divmod(length, self.longest)
            pairs += bytes([self.longest, value]) * whole + bytes([rest, value]) * (rest > 0)
        return bytes(pairs)

    def decode(self, data: bytes | bytearray | memoryview) -> bytes:
        pairs = np.frombuffer(data, "u1").reshape(-1, 2)
        return np.repeat(pairs[:, 1], pairs[:, 0]).tobytes()


check_codec(Runs())
steps = np.repeat(np.arange(100, dtype="u1"), 1000)
array = sz.create_array("steps.zarr", data=steps, chunks=(10_000,), codecs=["bytes", Runs(longest=250)])
assert (sz.load("steps.zarr") == steps).all()
assert array.nbytes_stored < array.nbytes / 50
