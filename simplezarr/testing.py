"""Conformance suites for authors of stores and codecs: each raises an AssertionError at the first thing that is wrong.

>>> from simplezarr.stores import MemoryStore
>>> check_store(MemoryStore())
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import MetadataError, ReadOnlyError, UnsupportedError
from simplezarr.executor import run
from simplezarr.stores.base import Store

__all__ = ["check_codec", "check_store"]

KEYS = (
    "zarr.json",
    "a/zarr.json",
    "a/c/0/1",
    "a/c.0.1",
    "__hidden/.zattrs",
    "UPPER/lower",
    "with space/100%25 #1+1&2@3~",
    "ünï/日本/☃",
    "d/e/e/p/l/y/nested",
    "long/" + 200 * "x",
)
NO_KEYS = ("", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\\b", "a\0b")
VALUE = bytes(range(256)) * 40


def check_store(store: Store) -> None:
    """Check that a store keeps the contract of `simplezarr.Store`.

    store: an empty one that can be written; it is empty again in the end, if all is well. What needs a listing is left
    out for a store that has none.
    """
    checks = [_check_missing, _check_values, _check_keys, _check_ranges, _check_replacing, _check_read_only]
    for check in [*checks, _check_threads]:
        check(store)
        if _can_list(store):
            _expect_listed(store, (), "")
    if _can_list(store):
        _check_listing(store)
        _check_delete_prefix(store)


def _fail(tested: object, message: str, cause: Exception | None = None) -> NoReturn:
    raise AssertionError(f"{tested!r}: {message}") from cause


def _call(store: Store, method: str, *args: Any) -> Any:
    try:
        return getattr(store, method)(*args)
    except Exception as error:
        _fail(store, f"{_show(method, args)} raised {error!r}", error)


def _expect(store: Store, wanted: object, method: str, *args: Any) -> None:
    result = _call(store, method, *args)
    if type(result) is not type(wanted) or result != wanted:
        _fail(store, f"{_show(method, args)} gave {_cut(result)} instead of {_cut(wanted)}")


def _expect_error(store: Store, kind: type[Exception], method: str, *args: Any) -> None:
    try:
        result = getattr(store, method)(*args)
    except kind:
        return
    except Exception as error:
        _fail(store, f"{_show(method, args)} raised {error!r} instead of a {kind.__name__}", error)
    _fail(store, f"{_show(method, args)} gave {_cut(result)} instead of raising a {kind.__name__}")


def _expect_listed(store: Store, wanted: Sequence[str], prefix: str) -> None:
    result = sorted(_call(store, "list", prefix))
    if result != sorted(wanted):
        _fail(store, f"list({prefix!r}) gave {result} instead of {sorted(wanted)}")


def _expect_names(store: Store, wanted: Sequence[str], prefix: str) -> None:
    result = [*_call(store, "list_dir", prefix)]
    if result != wanted:
        _fail(store, f"list_dir({prefix!r}) gave {result} instead of {wanted}")


def _show(method: str, args: Sequence[Any]) -> str:
    return f"{method}({', '.join(map(_cut, args))})"


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _can_list(store: Store) -> bool:
    try:
        store.list()
    except UnsupportedError:
        return False
    return True


def _fill(store: Store, *keys: str) -> None:
    for key in keys:
        _call(store, "set", key, key.encode())


def _clear(store: Store, *keys: str) -> None:
    for key in keys:
        _call(store, "delete", key)
        _expect(store, None, "get", key)


def _check_missing(store: Store) -> None:
    _fill(store, "there/key")
    for key in ("missing", "there", "there/other", "no/such/key"):
        for method, answer in (("get", None), ("exists", False), ("size", None), ("delete", None)):
            _expect(store, answer, method, key)
        _expect(store, None, "get_range", key, 0, 1)
        _expect(store, None, "get_range", key, -1, 1)
        _expect(store, None, "get_ranges", key, [(0, 1), (-1, 1)])
    _clear(store, "there/key")


def _check_values(store: Store) -> None:
    for value in (b"\0", b"value", VALUE, bytes(3_000_000), b""):
        for given in (value, bytearray(value), memoryview(value), np.frombuffer(value, np.uint8)):
            _call(store, "set", "a/value", given)
            _expect(store, value, "get", "a/value")
        _expect(store, True, "exists", "a/value")
        _expect(store, len(value), "size", "a/value")
    buffer = bytearray(b"before")
    _call(store, "set", "a/value", buffer)
    buffer[:] = b"after!"
    _expect(store, b"before", "get", "a/value")  # or the store keeps the caller's buffer
    _clear(store, "a/value")


def _check_keys(store: Store) -> None:
    _fill(store, *KEYS)
    for key in KEYS:
        _expect(store, key.encode(), "get", key)
    if _can_list(store):
        _expect_listed(store, KEYS, "")
    for key in NO_KEYS:  # `simplezarr.stores.check_key` refuses them
        _expect_error(store, ValueError, "get", key)
        _expect_error(store, ValueError, "set", key, b"")
        _expect_error(store, ValueError, "delete", key)
    _clear(store, *KEYS)


def _check_ranges(store: Store) -> None:
    n = len(VALUE)
    _call(store, "set", "a/value", VALUE)
    ranges = [(0, n), (0, 1), (5, 10), (n - 1, 1), (-1, 1), (-10, 4), (-n, n), (3, 0), (5, 10)]
    past_the_end = [(n - 3, 10), (n, 1), (n + 9, 5), (0, n + 1), (-3, 10), (-n - 9, n + 9), (-n - 9, 10)]
    for start, length in ranges + past_the_end:
        begin = start + n if start < 0 else start
        _expect(store, VALUE[max(begin, 0) : max(begin + length, 0)], "get_range", "a/value", start, length)
    parts = _call(store, "get_ranges", "a/value", ranges)
    if [*parts] != [VALUE[start % n : start % n + length] for start, length in ranges]:
        _fail(store, f"get_ranges gave other bytes than the ranges {ranges}, in this order")
    _call(store, "set", "a/value", b"")
    _expect(store, b"", "get_range", "a/value", 0, 1)
    _expect(store, b"", "get_range", "a/value", -1, 1)
    _clear(store, "a/value")


def _check_replacing(store: Store) -> None:
    for value in (b"first", 1000 * b"longer", b"short", b""):
        _call(store, "set", "a/b/c", value)
        _expect(store, value, "get", "a/b/c")
        _expect(store, len(value), "size", "a/b/c")
    _clear(store, "a/b/c", "a/b/c")
    _expect(store, False, "exists", "a/b/c")
    _expect(store, None, "get_range", "a/b/c", 0, 1)
    _fill(store, "a/b")  # where there was a prefix there may now be a key
    _expect(store, b"a/b", "get", "a/b")
    _clear(store, "a/b")


def _check_read_only(store: Store) -> None:
    _fill(store, "a/key")
    store.read_only = True
    try:
        _expect_error(store, ReadOnlyError, "set", "a/key", b"new")
        _expect_error(store, ReadOnlyError, "delete", "a/key")
        _expect_error(store, ReadOnlyError, "delete_prefix", "a/")
        _expect(store, b"a/key", "get", "a/key")
    finally:
        store.read_only = False
    _clear(store, "a/key")


def _check_listing(store: Store) -> None:
    keys = ("a/b", "a/c", "a/d/e", "a/f/g", "ab/h", "e/f/g", "e/f/g2", "top")
    _fill(store, *keys)
    _expect_listed(store, keys, "")
    _expect_names(store, ["a", "ab", "e", "top"], "")
    for prefix in ("a", "a/"):
        _expect_listed(store, keys[:4], prefix)
        _expect_names(store, ["b", "c", "d", "f"], prefix)
    _expect_listed(store, ["e/f/g", "e/f/g2"], "e/")
    for prefix in ("b/", "a/b/", "a/d/e/", "top/", "e/f/g/", "E/"):
        _expect_listed(store, (), prefix)
        _expect_names(store, [], prefix)
    for key in _call(store, "list", "a/"):  # while it is being listed
        _call(store, "delete", key)
    _expect_names(store, ["ab", "e", "top"], "")  # or an empty prefix is left over
    _clear(store, *keys[4:])
    _expect_names(store, [], "")


def _check_delete_prefix(store: Store) -> None:
    keys = ("a/b", "a/c/d", "a/c/e/f", "ab/c", "b")
    _fill(store, *keys)
    for prefix in ("missing/", "a/b/", "b", "a/c/d"):
        _call(store, "delete_prefix", prefix)
        _expect_listed(store, keys, "")
    _call(store, "delete_prefix", "a/c/")
    _expect_listed(store, ["a/b", "ab/c", "b"], "")
    _call(store, "delete_prefix", "a")
    _expect_listed(store, ["ab/c", "b"], "")
    _expect_names(store, ["ab", "b"], "")
    _call(store, "delete_prefix", "")
    _expect_listed(store, (), "")
    _expect_names(store, [], "")


def _check_threads(store: Store) -> None:
    """Readers see the old value or the new one; writers of different keys are not in each other's way."""
    values = (60_000 * b"old", 90_000 * b"new!")
    can_list = _can_list(store)
    _call(store, "set", "a/shared", values[0])

    def task(i: int) -> None:
        _call(store, "set", "a/shared", values[i % 2])
        if _call(store, "get", "a/shared") not in values:
            _fail(store, "get gave neither the value before a set nor the one after it")
        if _call(store, "size", "a/shared") not in map(len, values):
            _fail(store, "size gave that of a value that was only partly written")
        _fill(store, f"a/own/{i % 7}/{i}")
        _expect(store, f"a/own/{i % 7}/{i}".encode(), "get", f"a/own/{i % 7}/{i}")
        foreign = {key for key in _call(store, "list", "a") if key.count("/") not in (1, 3)} if can_list else ()
        _call(store, "delete", f"a/own/{i % 7}/{i}")
        if foreign:
            _fail(store, f"list gave keys that nobody has set, while others were set: {foreign}")

    run(task, 100)
    _clear(store, "a/shared")


# ---------------------------------------------------------------- codecs

SHAPES = ((), (7,), (4, 6), (5, 1), (2, 3, 5), (2, 1, 3, 2))
DTYPES = ("bool", "uint8", "int16", "uint32", "float32", "float64", "complex64", "r24")
SIZES = (0, 1, 7, 64, 1000, 70_000)


def check_codec(codec: Codec, specs: Sequence[ChunkSpec] | None = None, *, exact: bool = True) -> None:
    """Check that a codec keeps the contract of its kind.

    specs: the chunks to try it with, for a codec of arrays; without, a variety of shapes and data types. Those that its
    `resolve` refuses are left out, as are, for a codec of bytes, sizes that it refuses. exact: whether decoding gives
    back what was encoded; otherwise only shape and data type, or nothing, are compared.

    >>> from simplezarr.codecs.bytes import Bytes
    >>> check_codec(Bytes("big"))
    """
    if isinstance(codec, BytesBytesCodec):
        fitted: Any = codec.fit(_spec((500,), "uint16"))
        _check_configuration(fitted)
        tried = [_check_bytes(fitted, size, exact) for size in SIZES]
    elif isinstance(codec, ArrayArrayCodec | ArrayBytesCodec):
        specs = specs or [_spec(shape, name) for shape in SHAPES for name in DTYPES]
        tried = [_check_array(codec, spec, exact) for spec in specs]
    else:
        raise AssertionError(f"{codec!r} derives from none of ArrayArrayCodec, ArrayBytesCodec and BytesBytesCodec")
    if not any(tried):
        _fail(codec, "resolve refuses all that it was tried with; give `specs` that suit it")


def _spec(shape: tuple[int, ...], name: str) -> ChunkSpec:
    dtype = parse_dtype(name)
    return ChunkSpec(shape, dtype, dtype.default_fill)


def _check_configuration(codec: Codec) -> None:
    document = json.loads(json.dumps(codec.to_json(), allow_nan=False))
    if document.get("name") != codec.name or not document.keys() <= {"name", "configuration"}:
        _fail(codec, f"to_json() gave {document}, not its name and configuration")
    configuration = document.get("configuration")
    again = type(codec).from_configuration(configuration, "codecs[0]")
    if again != codec:
        _fail(codec, f"its configuration {configuration} makes another codec, {again!r}")
    try:
        type(codec).from_configuration({**(configuration or {}), "no such member": 1}, "codecs[0]")
    except MetadataError:
        return
    _fail(codec, "from_configuration takes a member that does not exist, without a MetadataError")


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
                _fail(codec, f"decode gave {_cut(decoded)} for what was {_cut(data)}")
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
        strided = np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array
        if codec.encode(strided, spec) != data:
            _fail(codec, "encode gave other bytes for an array with strides than for its copy")
        for damaged in _damaged(data):
            _survive(codec, damaged, spec)
        decoded = codec.decode(memoryview(data), spec)
    _expect_array(codec, decoded, spec, "decode")
    if exact and np.asarray(decoded, spec.dtype.numpy).tobytes() != array.tobytes():
        _fail(codec, f"decode gave other elements than were encoded, for {spec}")
    if array.tobytes() != _sample(spec).tobytes():
        _fail(codec, "encode or decode changed the array it was given")
    return True


def _encode(codec: Codec, encode: Callable[[Any], bytes], given: Any, resolved: int | None) -> bytes:
    """The encoded bytes, after checks that they are the same from every thread and of the size that was promised."""
    results: list[bytes] = [b""] * 8

    def task(i: int) -> None:
        results[i] = encode(given)

    run(task, len(results))
    if type(results[0]) is not bytes:
        _fail(codec, f"encode gave a {type(results[0]).__name__} instead of bytes")
    if results.count(results[0]) != len(results):
        _fail(codec, "encode gave different bytes for the same data")
    if resolved is not None and resolved != len(results[0]):
        _fail(codec, f"resolve promised {resolved} bytes, encode gave {len(results[0])}")
    return results[0]


def _sample(spec: ChunkSpec) -> np.ndarray:
    bits = np.random.default_rng(spec.nbytes).bytes(spec.nbytes)
    if spec.dtype.name == "bool":
        bits = bytes(byte & 1 for byte in bits)
    return np.frombuffer(bits, spec.dtype.numpy).reshape(spec.shape)


def _expect_array(codec: Codec, result: Any, spec: ChunkSpec, method: str) -> None:
    """Any byte order will do: the array is copied to its place in any case."""
    shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
    if shape != spec.shape or dtype is None or dtype.newbyteorder("=") != spec.dtype.numpy:
        _fail(codec, f"{method} gave {_cut(result)} instead of an array of {spec.dtype.name} {spec.shape}")


def _damaged(encoded: bytes) -> Iterator[bytes]:
    n = len(encoded)
    for end in {0, 1, n // 2, n - 1} - {n, -1}:
        yield encoded[:end]
    yield encoded + b"\0"
    for i in {*range(min(n, 24)), *range(max(n - 12, 0), n), n // 2} - {n}:
        yield encoded[:i] + bytes([encoded[i] ^ 0x81]) + encoded[i + 1 :]


def _survive(codec: Any, damaged: bytes, spec: ChunkSpec | None = None) -> None:
    """Damaged data raise an exception, or decode to something of the right kind."""
    try:
        result = codec.decode(damaged, spec) if spec else codec.decode(damaged)
    except Exception:
        return
    if spec:
        _expect_array(codec, result, spec, "decode")
    elif type(result) is not bytes:
        _fail(codec, f"decode gave {_cut(result)} for damaged data; raise an exception instead")
