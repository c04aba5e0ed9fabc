"""What a codec is, and the rules for a chain of them.

A codec is a frozen dataclass whose fields are its JSON configuration. `__post_init__` checks them: it raises
MetadataError, which names the wrong one. A chain is a list of codecs: any number of array -> array codecs, one
array -> bytes codec, any number of bytes -> bytes codecs.

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
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from simplezarr.codecs.configuration import make
from simplezarr.dtypes import DataType
from simplezarr.engine.files.reader import Data
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

_PLAIN = (str, int, float, bool, tuple, list)
#: The types of values that `as_json` replaces in fields.
_JSON_LIKE = (str, float, dict, np.generic, np.ndarray)


def _is_named_dtype(value: object, field: Field[Any]) -> bool:
    """Return whether a value is a NumPy dtype, or a type that stands for one, and the field takes its name."""
    is_dtype = isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic))
    return is_dtype and "str" in str(field.type)


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """What a codec knows of a chunk.

    - shape: the number of elements along each axis.
    - dtype: the data type.
    - fill: the array's fill value, as the bytes of one element in the machine's byte order.
    """

    shape: tuple[int, ...]
    dtype: DataType
    fill: bytes

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize


@lru_cache(256)
def _fields_of(cls: type) -> tuple[Field[Any], ...]:
    return fields(cls)


class Codec:
    """Base of all codecs; derive a codec from one of its three kinds.

    - name: the codec's name in the metadata.
    - required: members that a stored configuration must have, although they have defaults in Python.
    - encoder_only: the fields that decoding does not need, each with a value that replaces one that can't be used.
    - words: the fields that are words in small letters; capitals are read too.
    - self_describing: whether decoding needs no field; then it does not need unknown members either.
    """

    __slots__ = ()
    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]] = ()
    encoder_only: ClassVar[dict[str, object]] = {}
    self_describing: ClassVar[bool] = False
    words: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **arguments: object) -> None:
        """Make plain Python values of the fields before the `__post_init__` of a class checks them."""
        super().__init_subclass__(**arguments)
        check = cls.__dict__.get("__post_init__")
        # A dataclass with slots is a second class, made from the first one, whose method is wrapped already.
        if check is not None and getattr(check, "__name__", "") != "make_plain_and_check":

            def make_plain_and_check(self: Codec) -> None:
                Codec.__post_init__(self)
                check(self)

            cls.__post_init__ = make_plain_and_check  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        """Replace a caller's Python values, such as NumPy's scalars, by values that JSON has."""
        for field in _fields_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if type(value) not in _PLAIN and (isinstance(value, _JSON_LIKE) or _is_named_dtype(value, field)):
                plain = as_json(value)
                object.__setattr__(self, field.name, tuple(plain) if type(plain) is list else plain)

    @classmethod
    def from_configuration(cls, configuration: JsonObject | None, where: str) -> Self:
        """Return the codec of a stored configuration; raise MetadataError, which begins with `where`, if it is bad."""
        return make(cls, cls.adapt(configuration or {}, where), f"{where}.configuration")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        """Return a stored configuration as the fields take it; departures from the specification are accepted here."""
        return configuration

    def to_json(self) -> JsonObject:
        """Return the codec as the metadata store it; fields that are None are left out."""
        configuration = {}
        for field in _fields_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None:
                configuration[field.name] = as_json(value)
        return {"name": self.name, "configuration": configuration} if configuration else {"name": self.name}

    @property
    def compiled(self) -> "CompiledCodec | None":
        """The compiled codec that encodes and decodes; None for a codec in plain Python."""
        return None

    @property
    def unfitted(self) -> bool:
        """Whether the codec needs `fit` before it can work or be stored."""
        return False

    @property
    def decodes_only(self) -> bool:
        """Whether chunks can be read but not written, because `encode` is missing."""
        bases = (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec)
        return any(isinstance(self, base) and type(self).encode is base.encode for base in bases)

    def fit(self, spec: ChunkSpec) -> "Codec":
        """Return the codec with its open settings chosen.

        spec: the array that the codec gets; for a bytes -> bytes codec the array that became bytes.
        """
        return self


class ArrayArrayCodec(Codec):
    """A codec from arrays to arrays, at the head of a chain."""

    __slots__ = ()

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        """Return what `encode` makes of a chunk; raise MetadataError if it can't encode such chunks.

        A message that begins with `configuration` is taken as the path of the wrong member.
        """
        return spec

    def encode(self, array: np.ndarray) -> np.ndarray:
        """Return the encoded array."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        """Return the array that was encoded, which `spec` describes; raise ValueError if the data are damaged."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class ArrayBytesCodec(Codec):
    """The codec from an array to bytes, of which a chain has exactly one."""

    __slots__ = ()

    def resolve(self, spec: ChunkSpec) -> int | None:
        """Return the encoded size in bytes, None if it varies; raise MetadataError if it can't encode such chunks."""
        return None

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        """Return the encoded array."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        """Return the array that was encoded, which `spec` describes; raise ValueError if the data are damaged."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class BytesBytesCodec(Codec):
    """A codec from bytes to bytes, at the tail of a chain."""

    __slots__ = ()

    def resolve(self, nbytes: int | None) -> int | None:
        """Return the encoded size of `nbytes` bytes, None if it varies; raise MetadataError if it can't encode them."""
        return None

    def encode(self, data: Data) -> bytes:
        """Return the encoded bytes."""
        raise NotImplementedError(f"codec {self.name} does not encode")

    def decode(self, data: Data) -> bytes:
        """Return the bytes that were encoded; raise ValueError if the data are damaged."""
        raise NotImplementedError(f"codec {self.name} does not decode")


class BoundedCodec(BytesBytesCodec):
    """A bytes -> bytes codec whose `decode` takes a limit, and never makes more bytes.

    The encoded form of n bytes must never be much larger than n. From this follow limits for the codecs before it.
    """

    __slots__ = ()

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        """Return the bytes that were encoded; raise ValueError for damaged data, and for more than `limit` bytes.

        limit: None allows any number.
        """
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


class SplitChain(NamedTuple):
    """A chain by kinds of codecs: array -> array, array -> bytes, bytes -> bytes, by the names of zarr-python."""

    filters: tuple[ArrayArrayCodec, ...]
    serializer: ArrayBytesCodec
    compressors: tuple[BytesBytesCodec, ...]


def split_chain(codecs: Sequence[Codec], where: str = "codecs") -> SplitChain:
    """Return a chain of codecs by their kinds: `filters`, `serializer` and `compressors`, as zarr-python has them.

    where: the beginning of messages. Raise MetadataError if their order is wrong or the serializer is missing, and
    TypeError for what is not a codec.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, shape=(4, 6), dtype="i2", codecs=[sz.codecs.Transpose((1, 0)), "gzip", "crc32c"])
    >>> parts = split_chain(a.codecs)
    >>> parts.filters, parts.serializer.name, [codec.to_json()["name"] for codec in parts.compressors]
    ((Transpose(order=(1, 0)),), 'bytes', ['gzip', 'crc32c'])
    """
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
        raise MetadataError(f'{where}: no array -> bytes codec; add one, for example "bytes"')
    return SplitChain(tuple(heads), middle, tuple(tails))


def resolve_chain(codecs: Sequence[Codec], spec: ChunkSpec, where: str) -> tuple[list[ChunkSpec], int | None]:
    """Return the chunk and what each array -> array codec makes of it, and the encoded size in bytes (None: it varies).

    Raise MetadataError or UnsupportedError, which name the codec, for a chain that can't encode chunks of `spec`.
    """
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
    """Return the part of a message about inner chunks that divide a shard only before its axes are transposed."""
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
    """Return the chain as metadata store it, every codec fitted to the array that it gets; raise as `resolve_chain`."""
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
