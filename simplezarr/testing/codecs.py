"""Check codecs for conformance."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.runtime.executor import parallel_for
from simplezarr.schema.leniency import collect
from simplezarr.testing.common import cut, fail, failing

__all__ = ["check_codec"]

SHAPES = ((), (7,), (4, 6), (5, 1), (2, 3, 5), (2, 1, 3, 2))
DTYPES = ("bool", "uint8", "int16", "uint32", "float32", "float64", "complex64", "r24")
SIZES = (0, 1, 7, 64, 1000, 70_000)


def check_codec(codec: Codec, specs: Sequence[ChunkSpec] | None = None, *, exact: bool = True) -> None:
    """Check that a codec keeps the contract of its kind; raise an AssertionError if it does not.

    specs: the chunks to try it with, for a codec of arrays; by default a variety of shapes and data types. What its
    `resolve` refuses is skipped.
    exact: whether decoding returns exactly what was encoded; otherwise only shape and data type are compared.

    >>> from simplezarr.codecs.bytes import Bytes
    >>> check_codec(Bytes("big"))
    """
    with failing(codec):
        if isinstance(codec, BytesBytesCodec):
            fitted: Any = codec.fit(_spec((500,), "uint16"))
            _check_configuration(fitted)
            tried = [_check_bytes(fitted, size, exact) for size in SIZES]
        elif isinstance(codec, ArrayArrayCodec | ArrayBytesCodec):
            specs = specs or [_spec(shape, name) for shape in SHAPES for name in DTYPES]
            tried = [_check_array(codec, spec, exact) for spec in specs]
        else:
            fail(codec, "is not an ArrayArrayCodec, ArrayBytesCodec or BytesBytesCodec; derive it from one of them")
    if not any(tried):
        fail(codec, "resolve refuses everything that it was tried with; pass `specs` that it accepts")


def _spec(shape: tuple[int, ...], name: str) -> ChunkSpec:
    dtype = parse_dtype(name)
    return ChunkSpec(shape, dtype, dtype.default_fill)


def _check_configuration(codec: Codec) -> None:
    document = json.loads(json.dumps(codec.to_json(), allow_nan=False))
    if document.get("name") != codec.name or not document.keys() <= {"name", "configuration"}:
        fail(codec, f"to_json() returned {document} instead of its name and configuration")
    configuration = document.get("configuration")
    again = type(codec).from_configuration(configuration, "codecs[0]")
    if again != codec:
        fail(codec, f"from_configuration({configuration}) returned another codec, {again!r}")
    try:
        with collect():
            strange = type(codec).from_configuration({**(configuration or {}), "no such member": 1}, "codecs[0]")
    except MetadataError:
        return
    if not strange.decodes_only:
        fail(codec, "from_configuration accepts an unknown member; raise a MetadataError")


def _check_bytes(codec: BytesBytesCodec, size: int, exact: bool) -> bool:
    try:
        resolved = codec.resolve(size)
    except (MetadataError, UnsupportedError):
        return False
    random = np.random.default_rng(size)
    for data in (bytes(size), random.bytes(size), (b"0123456789" * (size // 10 + 1))[:size]):
        encoded = _encode(codec, codec.encode, data, resolved)
        for given in (encoded, bytearray(encoded), memoryview(encoded)):
            decoded = codec.decode(given)
            if type(decoded) is not bytes or (exact and decoded != data):
                fail(codec, f"decode returned {cut(decoded)} instead of {cut(data)}")
        for damaged in _damaged(encoded):
            _survive(codec, damaged)
    return True


def _check_array(codec: Any, spec: ChunkSpec, exact: bool) -> bool:
    try:
        codec = codec.fit(spec)
        resolved: Any = codec.resolve(spec)
    except (MetadataError, UnsupportedError):
        return False
    _check_configuration(codec)
    array = _sample(spec)
    if isinstance(codec, ArrayArrayCodec):
        encoded = codec.encode(array)
        _expect_array(codec, encoded, resolved, "encode")
        decoded = codec.decode(encoded, spec)
    else:
        data = _encode(codec, lambda given: codec.encode(given, spec), array, resolved)
        strided = np.asfortranarray(np.repeat(array, 2, axis=-1))[..., ::2] if array.ndim else array
        if codec.encode(strided, spec) != data:
            fail(codec, "encode returned other bytes for an array with strides than for its contiguous copy")
        for damaged in _damaged(data):
            _survive(codec, damaged, spec)
        decoded = codec.decode(memoryview(data), spec)
    _expect_array(codec, decoded, spec, "decode")
    if exact and not _equal(np.asarray(decoded, spec.dtype.numpy), array, spec):
        fail(codec, f"decode returned other elements than were encoded, for {spec}")
    if not _equal(array, _sample(spec), spec):
        fail(codec, "encode or decode changed the array that was passed")
    return True


def _encode(codec: Codec, encode: Callable[[Any], bytes], given: Any, resolved: int | None) -> bytes:
    """Return the encoded bytes. Check that they are the same in every thread, and as many as `resolve` says."""
    results: list[bytes] = [b""] * 8

    def task(i: int) -> None:
        results[i] = encode(given)

    parallel_for(task, len(results))
    if type(results[0]) is not bytes:
        fail(codec, f"encode returned {type(results[0]).__name__} instead of bytes")
    if results.count(results[0]) != len(results):
        fail(codec, "encode returned different bytes for the same data")
    if resolved is not None and resolved != len(results[0]):
        fail(codec, f"resolve says {resolved} bytes, but encode returned {len(results[0])}")
    return results[0]


def _sample(spec: ChunkSpec) -> np.ndarray:
    if spec.dtype.is_variable:
        array = np.empty(spec.size, spec.dtype.numpy)
        for i in range(spec.size):
            array[i] = spec.dtype.scalar(b"\0z\xc3\xa9" * (i % 5))
        return array.reshape(spec.shape)
    bits = np.random.default_rng(spec.nbytes).bytes(spec.nbytes)
    if spec.dtype.numpy.kind == "U":
        bits = (np.frombuffer(bits, np.uint32) % 0xD800).tobytes()  # code points below the surrogates
    return spec.dtype.checked(np.frombuffer(bits, spec.dtype.numpy)).reshape(spec.shape)


def _equal(a: np.ndarray, b: np.ndarray, spec: ChunkSpec) -> bool:
    return a.tolist() == b.tolist() if spec.dtype.is_variable else a.tobytes() == b.tobytes()


def _expect_array(codec: Codec, result: Any, spec: ChunkSpec, method: str) -> None:
    """Check shape and data type. Any byte order is right, because the array is copied anyway."""
    shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
    if shape != spec.shape or dtype is None or _native(dtype) != spec.dtype.numpy:
        fail(codec, f"{method} returned {cut(result)} instead of an array of {spec.dtype.name} {spec.shape}")


def _native(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "T" else dtype.newbyteorder("=")


def _damaged(encoded: bytes) -> Iterator[bytes]:
    n = len(encoded)
    for end in {0, 1, n // 2, n - 1} - {n, -1}:
        yield encoded[:end]
    yield encoded + b"\0"
    for i in {*range(min(n, 24)), *range(max(n - 12, 0), n), n // 2} - {n}:
        yield encoded[:i] + bytes([encoded[i] ^ 0x81]) + encoded[i + 1 :]


def _survive(codec: Any, damaged: bytes, spec: ChunkSpec | None = None) -> None:
    """Check that damaged data raise an exception, or decode to a result of the right kind."""
    try:
        result = codec.decode(damaged, spec) if spec else codec.decode(damaged)
    except Exception:
        return
    if spec:
        _expect_array(codec, result, spec, "decode")
    elif type(result) is not bytes:
        fail(codec, f"decode returned {cut(result)} for damaged data; raise an exception instead")
