"""What says nothing of the data (no memory, interrupts) is never reported as a fault of the data."""

import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import ArrayArrayCodec, BytesBytesCodec
from simplezarr.utils import check
from tests.support.helpers import python

FAULT: dict = {}


def maybe_raise(verb):
    if verb in FAULT:
        raise FAULT[verb]


@sz.register_codec
@dataclass(frozen=True)
class RaisingBytes(BytesBytesCodec):
    """Bytes as they are, unless something is to be raised."""

    name: ClassVar[str] = "test.raising_bytes"

    def encode(self, data):
        maybe_raise("encode")
        return data

    def decode(self, data):
        maybe_raise("decode")
        return data


@sz.register_codec
@dataclass(frozen=True)
class RaisingArrays(ArrayArrayCodec):
    """Arrays as they are, unless something is to be raised."""

    name: ClassVar[str] = "test.raising_arrays"

    def encode(self, array):
        maybe_raise("encode")
        return array

    def decode(self, array, spec):
        maybe_raise("decode")
        return array


ERRORS = [MemoryError("all used"), RecursionError("too deep"), KeyboardInterrupt(), SystemExit(3)]
CHAINS = {
    "bytes": (["bytes", {"name": "test.raising_bytes"}], {}),
    "arrays": ([{"name": "test.raising_arrays"}, "bytes"], {}),
    "in shards": (["bytes", {"name": "test.raising_bytes"}], {"shards": 4}),
}
TEXTS = {
    name: ([codec if codec != "bytes" else "vlen-utf8" for codec in codecs], k) for name, (codecs, k) in CHAINS.items()
}


@pytest.fixture(autouse=True)
def sound():
    FAULT.clear()
    yield
    FAULT.clear()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("dtype", ["u4", "T"])
@pytest.mark.parametrize("verb", ["decode", "encode", "change"])
def test_what_a_codec_raises(verb, dtype, name, error):
    codecs, units = (CHAINS if dtype == "u4" else TEXTS)[name]
    store = sz.MemoryStore()
    a = sz.create_array(store, data=np.arange(8).astype(dtype), chunks=2, codecs=codecs, **units)
    before = dict(store.values)
    FAULT["decode" if verb == "change" else verb] = error
    do = {"decode": lambda: a[...], "encode": lambda: a.write(np.s_[:4], "7"), "change": lambda: a.write(1, "7")}
    with pytest.raises(type(error)) as caught:
        do[verb]()
    assert caught.value is error
    assert store.values == before
    FAULT.clear()
    assert a[...].tolist() == np.arange(8).astype(dtype).tolist()


def test_what_does_say_something_of_the_data():
    a = sz.create_array({}, data=np.arange(8), chunks=2, codecs=CHAINS["bytes"][0])
    FAULT["decode"] = ZeroDivisionError("odd")
    with pytest.raises(sz.ChunkError, match=r"test\.raising_bytes: odd"):
        a[...]


def test_a_check_tells_no_memory_from_damage():
    store = sz.MemoryStore()
    sz.create_array(store, data=np.arange(8), chunks=2, codecs=CHAINS["bytes"][0])
    FAULT["decode"] = MemoryError("all used")
    assert {problem.kind for problem in check(store).problems} == {"unreadable"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
def test_no_memory_for_text(tmp_path):
    code = """
import resource
import numpy as np
import simplezarr as sz
stores = []
for codecs in (["vlen-utf8", "zstd"], ["vlen-utf8", "gzip"], ["vlen-utf8", "numcodecs.bz2"], ["vlen-utf8", "blosc"]):
    stores.append(sz.create_array({}, data=np.array(["x" * (60 << 20)] * 2, "T"), chunks=2, codecs=codecs))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), resource.RLIM_INFINITY))
for a in stores:
    try:
        a[...]
    except MemoryError:
        print("no memory")
"""
    assert python(code, seconds=60, directory=tmp_path).split("\n")[:4] == ["no memory"] * 4
