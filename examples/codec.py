"""A codec in plain Python: a frozen dataclass, whose fields are its JSON configuration."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import simplezarr as sz


@sz.register_codec
@dataclass(frozen=True)
class Xor(sz.codecs.BytesBytesCodec):
    """Flip bits of each byte."""

    name: ClassVar[str] = "example.xor"
    key: int = 0x55

    def encode(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(byte ^ self.key for byte in data)

    def decode(self, data: bytes | bytearray | memoryview) -> bytes:
        return self.encode(data)


array = sz.create_array({}, data=np.arange(10), codecs=["bytes", Xor(key=7), "crc32c"])
assert array[::-3].tolist() == [9, 6, 3, 0]
print(array.codecs)
