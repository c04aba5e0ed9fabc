"""What a codec is, and the rules for a chain of them.

A codec is a frozen dataclass whose fields are its JSON configuration; `__post_init__` checks them and names the wrong
one. A chain is any number of array -> array codecs, one array -> bytes codec, any number of bytes -> bytes codecs.

>>> from simplezarr.codecs.bytes import Bytes
>>> from simplezarr.codecs.crc32c import Crc32c
>>> from simplezarr.dtypes import parse_dtype
>>> spec = ChunkSpec((10, 10), parse_dtype("uint16"), bytes(2))
>>> resolve_chain((Bytes("little"), Crc32c()), spec, "codecs")[1]
204
"""

import math
from collections.abc import Sequence
from dataclasses import Field, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from simplezarr.codecs.configuration import make
from simplezarr.dtypes import DataType
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, as_json

if TYPE_CHECKING:
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = [
    "ArrayArrayCodec",
    "ArrayBytesCodec",
    "BoundedCodec",
    "BytesBytesCodec",
    "ChunkSpec",
    "Codec",
    "Data",
    "NativeCodec",
    "SplitChain",
    "fit_chain",
    "resolve_chain",
    "split_chain",
]

Data = bytes | bytearray | memoryview

_PLAIN = (str, int, float, bool, tuple, list)
#: Types of what `as_json` makes plain values of, as far as fields are concerned.
_JSON_LIKE = (str, float, dict, np.generic, np.ndarray)


def _is_named_dtype(value: object, field: Field[Any]) -> bool:
    """Return whether a value is a NumPy dtype, or a type that stands for one, if the field takes a name."""
    is_dtype = isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic))
    return is_dtype and "str" in str(field.type)


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """What a codec gets to see of a chunk: its shape, its data type and the array's fill value as an element."""

    shape: tuple[int, ...]
    dtype: DataType
    fill: bytes

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize


@lru_cache(256)
def _fields_of(cls: type) -> tuple[Field[Any], ...]:
    return fields(cls)


class Codec:
    """Base of all codecs; derive from one of the three kinds below.

    - `name` is the codec's name in the metadata.
    - `required` lists members that a stored configuration must have, although they have defaults in Python.
    - `encoder_only` has the fields that decoding does not need, each with a value in place of one that can't be used.
    - `words` are the fields that are one of some words, all in small letters; other software may write capitals.
    - `self_describing` says that decoding needs no field, and so no member that is unknown either.
    """

    __slots__ = ()
    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]] = ()
    encoder_only: ClassVar[dict[str, object]] = {}
    self_describing: ClassVar[bool] = False
    words: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **arguments: object) -> None:
        """Have the fields hold plain Python values before a class's own `__post_init__` checks them."""
        super().__init_subclass__(**arguments)
        check = cls.__dict__.get("__post_init__")
        # A dataclass with slots is a second class, made of the first, whose method is wrapped already.
        if check is not None and getattr(check, "__name__", "") != "make_plain_and_check":

            def make_plain_and_check(self: Codec) -> None:
                Codec.__post_init__(self)
                check(self)

            cls.__post_init__ = make_plain_and_check  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        """Replace what callers in Python have in place of JSON, such as NumPy's scalars, by plain values."""
        for field in _fields_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if type(value) not in _PLAIN and (isinstance(value, _JSON_LIKE) or _is_named_dtype(value, field)):
                plain = as_json(value)
                object.__setattr__(self, field.name, tuple(plain) if type(plain) is list else plain)

    @classmethod
    def from_configuration(cls, configuration: JsonObject | None, where: str) -> Self:
        """Return the codec that the stored JSON describes; errors begin with `where` and name the member."""
        return make(cls, cls.adapt(configuration or {}, where), f"{where}.configuration")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        """Returns a stored configuration as the fields take it. What is lenient about a codec is done here."""
        return configuration

    def to_json(self) -> JsonObject:
        """Returns the codec as the metadata store it; fields that are `None` are left out."""
        configuration = {}
        for field in _fields_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None:
                configuration[field.name] = as_json(value)
        return {"name": self.name, "configuration": configuration} if configuration else {"name": self.name}

    @property
    def compiled(self) -> "CompiledCodec | None":
        """The compiled codec that encodes and decodes, None for a codec in plain Python."""
        return None

    @property
    def unfitted(self) -> bool:
        """Whether the codec can't work, or is not what the metadata should say, before `fit`."""
        return False

    @property
    def decodes_only(self) -> bool:
        """Whether chunks can be read but not written: `encode` is missing."""
        bases = (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec)
        return any(isinstance(self, base) and type(self).encode is base.encode for base in bases)

    def fit(self, spec: ChunkSpec) -> "Codec":
        """Returns the codec with its open settings chosen for the array that it, or the chain's end of arrays, gets."""
        return self


class ArrayArrayCodec(Codec):
    """A codec from arrays to arrays, at the head of a chain."""

    __slots__ = ()

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Returns what `encode` makes of such a chunk; raises `MetadataError` if it can't.

        A message that begins with `configuration` is read as the path of the member at fault.
        """
        return spec

    def encode(self, array: np.ndarray) -> np.ndarray:
        """Returns the encoded array."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        """Returns the array that was encoded, which `spec` describes."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class ArrayBytesCodec(Codec):
    """The codec from an array to bytes, of which a chain has exactly one."""

    __slots__ = ()

    def resolve(self, spec: ChunkSpec) -> int | None:
        """Returns the encoded size in bytes, `None` if it varies; raises `MetadataError` if it can't encode this."""
        return None

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        """Returns the encoded array."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        """Returns the array that was encoded, which `spec` describes."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class BytesBytesCodec(Codec):
    """A codec from bytes to bytes, at the tail of a chain."""

    __slots__ = ()

    def resolve(self, nbytes: int | None) -> int | None:
        """Returns the encoded size of `nbytes` bytes, `None` if it varies; raises `MetadataError` if it can't."""
        return None

    def encode(self, data: Data) -> bytes:
        """Returns the encoded bytes."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, data: Data) -> bytes:
        """Returns the bytes that were encoded."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class BoundedCodec(BytesBytesCodec):
    """A bytes -> bytes codec whose `decode` takes a limit, and makes nothing that is larger.

    Deriving from it says that the encoded form of n bytes is never much larger than n: a chain then has limits for the
    codecs before it too.
    """

    __slots__ = ()

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        """Returns the bytes that were encoded; raises if they are more than `limit` (None: no matter how many)."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class NativeCodec(BoundedCodec):
    """A bytes -> bytes codec whose work is done by its `compiled` codec."""

    __slots__ = ()

    @property
    def compiled(self) -> "CompiledCodec":
        raise NotImplementedError(f"codec {self.name} has no compiled codec")

    def encode(self, data: Data) -> bytes:
        return self.compiled.encode(data)

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        return self.compiled.decode(data, limit)


#: The array -> array codecs of a chain, its array -> bytes codec and its bytes -> bytes codecs.
SplitChain = tuple[tuple[ArrayArrayCodec, ...], ArrayBytesCodec, tuple[BytesBytesCodec, ...]]


def split_chain(codecs: Sequence[Codec], where: str) -> SplitChain:
    """Returns a chain's array -> array codecs, its array -> bytes codec and its bytes -> bytes codecs."""
    heads: list[ArrayArrayCodec] = []
    middle: ArrayBytesCodec | None = None
    tails: list[BytesBytesCodec] = []
    for i, codec in enumerate(codecs):
        if not isinstance(codec, (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec)):
            raise TypeError(f"{where}[{i}]: {codec!r} is not a codec")
        if isinstance(codec, BytesBytesCodec):
            if middle is None:
                raise MetadataError(f"{where}[{i}]: {codec.name} takes bytes, but no array -> bytes codec precedes it")
            tails.append(codec)
        elif middle is not None:
            raise MetadataError(f"{where}[{i}]: {codec.name} takes an array, but {middle.name} before it makes bytes")
        elif isinstance(codec, ArrayArrayCodec):
            heads.append(codec)
        else:
            middle = codec
    if middle is None:
        raise MetadataError(f'{where}: no array -> bytes codec; one is needed, for example "bytes"')
    return tuple(heads), middle, tuple(tails)


def resolve_chain(codecs: Sequence[Codec], spec: ChunkSpec, where: str) -> tuple[list[ChunkSpec], int | None]:
    """Returns what each array stage looks like, `spec` first, and the encoded size in bytes (`None` if it varies)."""
    heads, middle, tails = split_chain(codecs, where)
    stages = [spec]
    i = 0
    try:
        for codec in heads:
            spec = codec.resolve(spec)
            stages.append(spec)
            i += 1
        nbytes = middle.resolve(spec)
        for tail in tails:
            i += 1
            nbytes = tail.resolve(nbytes)
    except (MetadataError, UnsupportedError) as error:
        hint = _divides_before(middle, stages[0], spec) if i == len(heads) else ""
        raise _placed(error, f"{where}[{i}]", hint) from None
    return stages, nbytes


def _divides_before(middle: ArrayBytesCodec, chunk: ChunkSpec, given: ChunkSpec) -> str:
    """Return what is to be said of inner chunks that divide a shard only before its axes are transposed."""
    first, last, parts = chunk.shape, given.shape, getattr(middle, "chunk_shape", ())
    fits = len(parts) == len(first) and all(
        part and length % part == 0 for length, part in zip(first, parts, strict=True)
    )
    if not fits or first == last or sorted(first) != sorted(last):
        return ""
    return (
        f"; it divides {first}, the shape before the axes are transposed to {last}. zarr-python takes this, but stores "
        "a part of such shards alone, which it can't read itself"
    )


def fit_chain(codecs: Sequence[Codec], spec: ChunkSpec, where: str) -> tuple[Codec, ...]:
    """Returns the chain with every codec fitted to what it gets, as it is to be stored in metadata."""
    heads, middle, tails = split_chain(codecs, where)
    fitted: list[Codec] = []
    chunk = spec
    try:
        for codec in heads:
            head = codec.fit(spec)
            fitted.append(head)
            spec = head.resolve(spec)  # type: ignore[attr-defined]
        for rest in (middle, *tails):
            fitted.append(rest.fit(spec))
    except (MetadataError, UnsupportedError) as error:
        hint = _divides_before(middle, chunk, spec) if len(fitted) == len(heads) else ""
        raise _placed(error, f"{where}[{len(fitted)}]", hint) from None
    return tuple(fitted)


def _placed(error: MetadataError | UnsupportedError, where: str, hint: str = "") -> MetadataError | UnsupportedError:
    message = str(error) + hint
    return type(error)(f"{where}{'.' if message.startswith('configuration') else ': '}{message}")
