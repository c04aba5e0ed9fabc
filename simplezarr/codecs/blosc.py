"""The codec `blosc`: a Blosc 1 container, bytes or bits shuffled and compressed in blocks.

>>> Blosc(cname="lz4", typesize=2).to_json()["configuration"]
{'cname': 'lz4', 'clevel': 5, 'shuffle': 'shuffle', 'typesize': 2, 'blocksize': 0}
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from simplezarr.codecs.base import ChunkSpec, NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import compressors
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, check_integer
from simplezarr.schema.leniency import tolerate

__all__ = ["Blosc"]

_COMPRESSORS = ("lz4", "lz4hc", "blosclz", "zstd", "snappy", "zlib")
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
#: The kinds of shuffling by the numbers that numcodecs gives them, and back.
SHUFFLES = dict(enumerate(_SHUFFLES))
SHUFFLE_NUMBERS = {name: number for number, name in SHUFFLES.items()}
MAX_TYPESIZE = 255  # what a container's header can hold
_MAX_NBYTES = 2**31 - 1 - 16
_MAX_INT32 = 2**31 - 1


@register_codec
@dataclass(frozen=True, slots=True)
class Blosc(NativeCodec):
    """Shuffle and compress bytes in blocks: a Blosc 1 container.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/blosc/.

    - cname: the compressor, `"zstd"`, `"lz4"`, `"lz4hc"`, `"blosclz"`, `"zlib"` or `"snappy"`, which is only read.
    - clevel: 0, no compression, to 9, smallest.
    - shuffle: what is grouped before compression, `"shuffle"` bytes, `"bitshuffle"` bits, `"noshuffle"` nothing.
    - typesize: bytes of an item to shuffle; None for an element of the array.
    - blocksize: bytes of a block, 0 for automatic.

    `resolve` raises MetadataError for chunks of more than 2**31 - 17 bytes.

    >>> Blosc(cname="lz4", clevel=9, typesize=2).decode(Blosc(typesize=2).encode(bytes(1000))) == bytes(1000)
    True
    """

    name: ClassVar[str] = "blosc"
    required: ClassVar[tuple[str, ...]] = ("cname", "clevel", "shuffle")
    encoder_only: ClassVar[dict[str, object]] = {
        "cname": "zstd",
        "clevel": 5,
        "shuffle": "shuffle",
        "typesize": None,
        "blocksize": 0,
    }
    self_describing: ClassVar[bool] = True
    words: ClassVar[tuple[str, ...]] = ("cname", "shuffle")
    cname: str = "zstd"
    clevel: int = 5
    shuffle: str = "shuffle"
    typesize: int | None = None
    blocksize: int = 0

    def __post_init__(self) -> None:
        check_choice(self.cname, _COMPRESSORS, "cname")
        check_integer(self.clevel, 0, 9, "clevel")
        check_choice(self.shuffle, _SHUFFLES, "shuffle")
        if self.typesize is not None:
            check_integer(self.typesize, 1, _MAX_INT32, "typesize")
        check_integer(self.blocksize, 0, _MAX_INT32, "blocksize")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        found = dict(configuration)
        if found.get("typesize") in (None, 0, "0", ""):
            found.pop("typesize", None)
            if found.get("shuffle") != "noshuffle":
                tolerate("blosc-typesize", f"{where}.configuration.typesize")
        if "blocksize" not in found:
            tolerate("blosc-blocksize", f"{where}.configuration.blocksize")
        if type(found.get("shuffle")) is int and found["shuffle"] in SHUFFLES:
            found["shuffle"] = SHUFFLES[found["shuffle"]]
            shown = f"{configuration['shuffle']} is {found['shuffle']!r}"
            tolerate("spelled-setting", f"{where}.configuration.shuffle", shown)
        return found

    def fit(self, spec: ChunkSpec) -> "Blosc":
        if self.typesize is not None:
            return self
        # As in c-blosc, items that a header can't name are not shuffled.
        size = spec.dtype.itemsize
        return replace(self, typesize=size if size <= MAX_TYPESIZE else 1)

    def resolve(self, nbytes: int | None) -> None:
        if nbytes is not None and nbytes > _MAX_NBYTES:
            raise MetadataError(f"chunks of {nbytes} bytes; blosc takes at most {_MAX_NBYTES}: choose smaller chunks")

    @property
    def decodes_only(self) -> bool:
        return self.cname == "snappy"

    @property
    def compiled(self) -> CompiledCodec:
        typesize = self.typesize if self.typesize is not None and self.typesize <= MAX_TYPESIZE else 1
        return compressors.blosc_codec(self.cname, self.clevel, self.shuffle, typesize, self.blocksize)
