"""The conformance suites find what is wrong, and say what."""

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from simplezarr import codecs
from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec
from simplezarr.dtypes import parse_dtype
from simplezarr.engine.files.reader import Snapshot
from simplezarr.engine.files.replace import remove_file
from simplezarr.errors import UnsupportedError
from simplezarr.stores import LocalStore, MemoryStore, Store, WrapperStore, byte_view
from simplezarr.testing import check_codec, check_store

pytestmark = pytest.mark.usefixtures("pool")

BROKEN_STORES = []


def broken(message):
    """Register a class that `check_store` must refuse with such a message."""

    def register(cls):
        BROKEN_STORES.append(pytest.param(cls, message, id=cls.__name__))
        return cls

    return register


@broken(r"get\('missing'\) raised KeyError")
class RaisesForMissing(MemoryStore):
    def get(self, key):
        super().get(key)
        return self.values[key]


@broken(r"get\('missing'\) returned b'' instead of None")
class EmptyForMissing(MemoryStore):
    def get(self, key):
        return super().get(key) or b""


@broken(r"get\('a/value'\) returned None instead of b''")
class NoneForEmpty(MemoryStore):
    def get(self, key):
        return super().get(key) or None


@broken(r"get\('a/value'\) returned '.*instead of b'")
class GivesText(MemoryStore):
    def get(self, key):
        value = super().get(key)
        return value if value is None or not key.endswith("value") else value.decode("latin-1")


@broken(r"get\('a/value'\) returned array.*instead of b'")
class GivesEverySecondByte(MemoryStore):
    """Another buffer than bytes will do, but not one that is not contiguous."""

    def get(self, key):
        value = super().get(key)
        return None if value is None else np.frombuffer(value, "u1").repeat(2)[::2]


@broken(r"get\('a/value'\) returned bytearray|instead of b'before'|gave <memory")
class KeepsTheBuffer(MemoryStore):
    def get(self, key):
        super().get(key)
        value = self.values.get(key)
        return None if value is None else value if type(value) is bytes else bytes(value)

    def set(self, key, value):
        super().set(key, value)
        self.values[key] = value


@broken(r"set\(.*raised")
class TakesBytesOnly(MemoryStore):
    def set(self, key, value):
        super().set(key, value + b"")


@broken(r"delete\('missing'\) raised KeyError")
class DeletesOnce(MemoryStore):
    def delete(self, key):
        super().delete(key) if key in self.values or not key.isalpha() else self.values.pop(key)


@broken("size")
class WrongSize(MemoryStore):
    def size(self, key):
        size = super().size(key)
        return size and size + 1


@broken("exists")
class AlwaysExists(MemoryStore):
    def exists(self, key):
        return True


@broken(r"get_range\('a/value', -1, 1\)")
class NoNegativeStart(MemoryStore):
    def get_range(self, key, start, length):
        value = self.get(key)
        return None if value is None else value[start : start + length]


@broken("get_range.*raised")
class NoRangePastTheEnd(MemoryStore):
    def get_range(self, key, start, length):
        part = super().get_range(key, start, length)
        if part is not None and len(part) < length:
            raise ValueError("range not satisfiable")
        return part


@broken("get_ranges returned other bytes")
class SortsRanges(MemoryStore):
    def get_ranges(self, key, ranges):
        return super().get_ranges(key, sorted(ranges))


@broken("get_ranges returned other bytes")
class JoinsEqualRanges(MemoryStore):
    def get_ranges(self, key, ranges):
        return super().get_ranges(key, dict.fromkeys(ranges))


class _LooseTwins(Snapshot):
    """Its twins read what is stored when they are asked."""

    def __init__(self, store, key):
        super().__init__(store.get(key))
        self.store, self.key = store, key

    def twin(self):
        return _Latest(self.store, self.key)


class _Latest(_LooseTwins):
    def get_ranges(self, ranges):
        return Snapshot(self.store.get(self.key)).get_ranges(ranges)


@broken("another version than its first answer")
class LooseTwins(MemoryStore):
    def reader(self, key):
        return _LooseTwins(self, key)


class _SecretTwins(Snapshot):
    has_twins = False


@broken("`has_twins` is False")
class SecretTwins(MemoryStore):
    def reader(self, key):
        return _SecretTwins(self.get(key))


@broken("instead of raising a ValueError|instead of a ValueError")
class TakesAnyKey(MemoryStore):
    def get(self, key):
        return self.values.get(key)


@broken("ReadOnlyError")
class IgnoresReadOnly(MemoryStore):
    def check_writable(self, key):
        pass


@broken("instead of b'short'|instead of b''")
class WritesOver(MemoryStore):
    def set(self, key, value):
        old = self.values.get(key, b"")
        super().set(key, value)
        self.values[key] += old[len(self.values[key]) :]


@broken(r"get\('UPPER/lower'\) returned None|list\(''\) returned|instead of b'")
class LowersKeys(MemoryStore):
    def set(self, key, value):
        super().set(key.lower(), value)


@broken(r"list_dir\('a'\)")
class ListsWithSlashes(MemoryStore):
    def list_dir(self, prefix=""):
        names = super().list_dir(prefix)
        deep = [key.rpartition("/")[0].rpartition("/")[2] for key in self.values]
        return [f"{name}/" if name in deep and prefix else name for name in names]


@broken(r"list_dir\('a'\)|list_dir\(''\)")
class ListsUnsorted(MemoryStore):
    def list_dir(self, prefix=""):
        return super().list_dir(prefix)[::-1]


@broken(r"list\('a'\)")
class PrefixOfAString(MemoryStore):
    """Takes "a" for the start of "ab/h"."""

    def list(self, prefix=""):
        super().list(prefix)
        return iter([key for key in self.values if key.startswith(prefix)])


@broken("list returned keys that were never set")
class ListsRelatively(MemoryStore):
    def list(self, prefix=""):
        skip = len(prefix.rstrip("/")) + 1 if prefix else 0
        return (key[skip:] for key in super().list(prefix))


@broken("raised RuntimeError")
class ListsLive(MemoryStore):
    """Its listing breaks when keys are deleted meanwhile."""

    def list(self, prefix=""):
        super().list(prefix)
        prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        return (key for key in self.values if key.startswith(prefix))


@broken(r"set\('a/b', b'a/b'\) raised IsADirectoryError")
class LeavesDirectories(LocalStore):
    def __init__(self):
        from tempfile import mkdtemp

        super().__init__(mkdtemp())

    def delete(self, key):
        remove_file(self._path(key), self._path(key), False)  # as if all above it were the root


@broken(r"list\(''\) returned|list\('a'\)")
class DeletesTooMuch(MemoryStore):
    def delete_prefix(self, prefix):
        for key in self.list(""):
            if key.startswith(prefix):
                self.delete(key)


@broken("neither the value before a set nor the value after it|partly written")
class WritesInParts(MemoryStore):
    def set(self, key, value):
        data = bytes(byte_view(value))
        if len(data) > 50_000 and not self.read_only:
            super().set(key, data[:1000])
            time.sleep(0.002)
        super().set(key, data)


@broken("keys that were never set")
class ListsPartials(MemoryStore):
    def set(self, key, value):
        if "own" in key:
            super().set(f"a/own/{key.replace('/', '.')}.partial", b"")
            time.sleep(0.002)
        super().set(key, value)
        super().delete(f"a/own/{key.replace('/', '.')}.partial")


@broken("20 of 20 threads that called `create` with the same key succeeded")
class CreatesAnew(MemoryStore):
    def create(self, key, value):
        self.set(key, value)
        return True


@broken("lost 1?[0-9] of the 20 changes made inside `lock`")
class LocksNothing(MemoryStore):
    def lock(self, key):
        return contextlib.nullcontext()

    def set(self, key, value):
        if len(value) < 9:
            time.sleep(0.002)
        super().set(key, value)


@broken("`set` inside `lock` raised RuntimeError")
class WaitsForItself(MemoryStore):
    def set(self, key, value):
        with self.lock(key):
            super().set(key, value)


@broken("instead of|raised")
class MixesUpThreads(MemoryStore):
    def set(self, key, value):
        super().set(key, value)
        if threading.current_thread().name.startswith("simplezarr") and key.startswith("a/own"):
            super().set(key, b"something else")


@pytest.mark.parametrize(("store", "message"), BROKEN_STORES)
def test_check_store_finds(store, message):
    with pytest.raises(AssertionError, match=message) as caught:
        check_store(store())
    assert store.__name__ in str(caught.value)


def test_a_store_must_be_empty():
    with pytest.raises(AssertionError, match=r"list\(''\) returned \['forgotten'\] instead of \[\]"):
        check_store(MemoryStore({"forgotten": b""}))


def test_a_store_need_not_list():
    class Unlistable(WrapperStore):
        def list(self, prefix=""):
            raise UnsupportedError("no listing here")

        delete_prefix = Store.delete_prefix

    inner = MemoryStore()
    with pytest.raises(AssertionError, match="delete_prefix"):  # which has to say that it is read-only first
        check_store(Unlistable(inner))

    class Guarded(Unlistable):
        def delete_prefix(self, prefix):
            self.check_writable(prefix)
            super().delete_prefix(prefix)

    inner = MemoryStore()
    check_store(Guarded(inner))
    assert not inner.values


# ---------------------------------------------------------------- codecs


@pytest.mark.parametrize(
    "codec",
    [
        codecs.Bytes("little"),
        codecs.Bytes("big"),
        codecs.Transpose((1, 0)),
        codecs.Transpose((1, 2, 0)),
        codecs.Zstd(1, True),
        codecs.Gzip(1),
        codecs.Blosc("lz4"),
        codecs.Crc32c(),
    ],
    ids=lambda codec: codec.name,
)
def test_own_codecs(codec):
    check_codec(codec)


@dataclass(frozen=True, slots=True)
class Xor(BytesBytesCodec):
    """A codec as a user would write one."""

    name: ClassVar[str] = "xor"
    mask: int = 1

    def resolve(self, nbytes):
        return nbytes

    def encode(self, data):
        return bytes(byte ^ self.mask for byte in data)

    decode = encode


@dataclass(frozen=True, slots=True)
class Negate(ArrayArrayCodec):
    name: ClassVar[str] = "negate"

    def resolve(self, spec):
        return spec

    def encode(self, array):
        return (array.view("V1").view("u1").reshape(-1) ^ 255).view(array.dtype).reshape(array.shape)

    def decode(self, array, spec):
        return self.encode(array)


@dataclass(frozen=True, slots=True)
class Text(ArrayBytesCodec):
    """Numbers as text."""

    name: ClassVar[str] = "text"
    separator: str = " "

    def resolve(self, spec):
        if spec.dtype.name not in ("uint8", "int16", "uint32"):
            raise UnsupportedError(f"{spec.dtype.name} can't be text")

    def encode(self, array, spec):
        return self.separator.join(map(str, array.reshape(-1).tolist())).encode()

    def decode(self, data, spec):
        numbers = bytes(data).decode("ascii").split(self.separator)
        return np.array(numbers if numbers != [""] else [], spec.dtype.numpy).reshape(spec.shape)


@pytest.mark.parametrize("codec", [Xor(85), Text()], ids=lambda codec: codec.name)
def test_codecs_in_python(codec):
    check_codec(codec)


def test_specs_may_be_chosen():
    dtype = parse_dtype("uint8")
    spec = ChunkSpec((3, 4), dtype, dtype.default_fill)
    check_codec(Negate(), [spec])
    with pytest.raises(AssertionError, match="resolve refuses everything"):
        check_codec(codecs.Transpose((2, 1, 0)), [spec])


BROKEN_CODECS = {
    "other bytes": (Xor, {"decode": lambda self, data: self.encode(data)[:-1] + b"?" if data else b""}, "decode"),
    "not bytes": (Xor, {"encode": lambda self, data: bytearray(data)}, "encode returned bytearray"),
    "decodes to a view": (Xor, {"decode": lambda self, data: memoryview(bytes(data))}, "decode returned <memory"),
    "size": (Xor, {"resolve": lambda self, nbytes: nbytes + 4}, "resolve says 4 bytes, but encode returned 0"),
    "random": (Xor, {"encode": lambda self, data: np.random.bytes(5), "resolve": lambda self, nbytes: 5}, "different"),
    "name": (Xor, {"to_json": lambda self: {"name": "or"}}, "to_json"),
    "configuration": (Xor, {"to_json": lambda self: {"name": "xor"}}, "returned another codec"),
    "members": (Xor, {"from_configuration": classmethod(lambda cls, members, where: cls(members["mask"]))}, "member"),
    "shape": (Text, {"decode": lambda self, data, spec: np.zeros(3, spec.dtype.numpy)}, "instead of an array"),
    "type": (Text, {"decode": lambda self, data, spec: np.zeros(spec.shape)}, "instead of an array"),
    "elements": (Text, {"decode": lambda self, data, spec: np.zeros(spec.shape, spec.dtype.numpy)}, "other elements"),
    "strides": (Text, {"encode": lambda self, array, spec: Text().encode(array.ravel("K"), spec)}, "strides"),
    "raises": (Text, {"encode": lambda self, array, spec: array.tobytes()}, "raised"),
    "spec": (Negate, {"resolve": lambda self, spec: ChunkSpec((*spec.shape, 1), spec.dtype, spec.fill)}, "encode ret"),
}  # fmt: skip


@pytest.mark.parametrize(("base", "methods", "message"), BROKEN_CODECS.values(), ids=BROKEN_CODECS)
def test_check_codec_finds(base, methods, message):
    codec = dataclass(frozen=True)(type("Broken", (base,), {"__annotations__": {}, **methods}))(*[85] * (base is Xor))
    with pytest.raises(AssertionError, match=message) as caught:
        check_codec(codec)
    assert "Broken" in str(caught.value)


def test_a_codec_has_a_kind():
    with pytest.raises(AssertionError, match="is not an ArrayArrayCodec"):
        check_codec(object())


def test_inexact_codecs():
    class Rounding(Text):
        def encode(self, array, spec):
            return Text.encode(self, array // 10 * 10, spec)

    with pytest.raises(AssertionError, match="other elements"):
        check_codec(Rounding())
    check_codec(Rounding(), exact=False)
