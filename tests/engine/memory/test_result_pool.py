"""The memory that results lie in: NumPy's in all that can be seen of it, but well placed."""

import ctypes
import gc
import sys
import tracemalloc

import numpy as np
import pytest
from numpy._core.multiarray import get_handler_name

import simplezarr as sz
from simplezarr.engine.memory.result_pool import empty
from tests.support.helpers import python

LARGE = (300, 1000)
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is NumPy's own memory")


def placed_well(array):
    return array.ctypes.data % 64 == 0


@pytest.mark.parametrize("shape", [(), (0,), (5,), (1 << 15,), LARGE, (1 << 23,), (0, 1 << 40), (1 << 20, 0)])
@pytest.mark.parametrize("dtype", ["u1", "f8", "c16", "S3", [("a", "u1"), ("b", "f8")], "T", "O"])
def test_as_numpy(shape, dtype):
    dtype = np.dtype(dtype)
    array, expected = empty(shape, dtype), np.empty(shape, dtype)
    assert array.shape == expected.shape
    assert array.dtype == expected.dtype
    assert array.flags == expected.flags
    assert array.base is None


@linux
def test_placed_well():
    arrays = [empty((n,), np.dtype("u1")) for n in range(1 << 17, 1 << 19, 9973)]  # side by side, as malloc puts them
    assert all(map(placed_well, arrays))
    assert get_handler_name(arrays[0]) == "simplezarr"
    assert get_handler_name() == "default_allocator"  # for everybody else


@linux
def test_results_are_placed_well():
    a = sz.create_array({}, data=np.zeros(LARGE), chunks=(100, 100))
    results = [a[...], a[5:, ::2], a[np.arange(300)], a.read_future().result(), *a.read_many([np.s_[:200], np.s_[9:]])]
    assert all(map(placed_well, results))
    assert all(result.flags.owndata for result in results)


def test_grown_in_place():
    array = empty(LARGE, np.dtype("i4"))
    array[...] = 5
    array.resize((600, 1000), refcheck=False)
    assert (array[:300] == 5).all()
    assert (array[300:] == 0).all()


@pytest.mark.parametrize("shape", [(1 << 62,), (1 << 40, 1 << 40), (1 << 55,)])
def test_too_large(shape):
    with pytest.raises((ValueError, MemoryError)):
        np.empty(shape, "f8")
    with pytest.raises((ValueError, MemoryError)):
        empty(shape, np.dtype("f8"))
    assert get_handler_name() == "default_allocator"


def test_freed():
    tracemalloc.start()
    array = empty((1 << 24,), np.dtype("u1"))
    assert tracemalloc.get_traced_memory()[0] >= 1 << 24
    del array
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] < 1 << 20
    tracemalloc.stop()


@linux
def test_kept_for_the_next():
    """A loop fills the same memory again and again, and never two results at a time."""
    a = sz.create_array({}, data=np.zeros((1 << 20, 8), "u1"), chunks=(1 << 17, 8))
    first = a[...]
    place = first.ctypes.data
    first[...] = 9
    del first
    again = a[...]
    assert again.ctypes.data == place
    assert not again.any()
    assert a[...].ctypes.data != place


@linux
def test_kept_memory_is_the_systems(tmp_path):
    """It counts as resident, but is taken as soon as memory is short."""
    program = """if True:
        import numpy as np
        from simplezarr.engine.memory.result_pool import empty

        def lazily_free():
            with open("/proc/self/smaps_rollup") as lines:
                return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("LazyFree:"))

        n = 64 << 20
        array = empty((n,), np.dtype("u1"))
        array[...] = 1
        assert lazily_free() == 0
        del array
        assert lazily_free() > n - (1 << 20)
        array = empty((n,), np.dtype("u1"))
        array[...] = 2
        assert lazily_free() == 0
    """
    python(program, seconds=60, directory=tmp_path)


@linux
def test_other_handlers_are_respected():
    """If the application has set a handler, all arrays are made with it."""
    api = ctypes.pythonapi
    api.PyCapsule_New.restype, api.PyCapsule_New.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    numpy_api = api.PyCapsule_GetPointer(np._core._multiarray_umath._ARRAY_API, None)
    table = ctypes.cast(numpy_api, ctypes.POINTER(ctypes.c_void_p))
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[304])
    get_handler = ctypes.PYFUNCTYPE(ctypes.py_object)(table[305])
    copied = ctypes.create_string_buffer(ctypes.string_at(api.PyCapsule_GetPointer(get_handler(), b"mem_handler"), 200))
    copied[:6] = b"others"
    other = api.PyCapsule_New(ctypes.addressof(copied), ctypes.addressof(NAME), None)
    before = set_handler(other)
    try:
        array = empty(LARGE, np.dtype("u1"))
        assert get_handler_name(array).startswith("others")
        del array
    finally:
        set_handler(before)
    assert get_handler_name(empty(LARGE, np.dtype("u1"))) == "simplezarr"


NAME = ctypes.create_string_buffer(b"mem_handler")
