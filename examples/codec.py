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

    def encode(self, data):
        return bytes(byte ^ self.key for byte in data)

    decode = encode


store = {}
sz.create_array(store, data=np.arange(10), codecs=["bytes", Xor(key=7), "crc32c"])
assert sz.open(store)[::-3].tolist() == [9, 6, 3, 0]
print(sz.open(store).codecs)
