"""Text and bytes of any length between chunks of `vlen-utf8` and `vlen-bytes` and arrays of NumPy.

A chunk is checked as a whole before an array is allocated for it, so no size in it is trusted. NumPy guards an array's
strings by a lock. Other threads may wait for that lock with the GIL held, so its holder must not wait for the GIL.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

import numpy as np

from simplezarr.csrc cimport SZ_CORRUPT, SZ_NO_MEMORY, SZ_OK, SZ_TRAILING
from simplezarr.csrc.codecs cimport sz_is_utf8, sz_vlen_begin, sz_vlen_item, sz_vlen_put, sz_vlen_skip
from simplezarr.engine.kernels.context cimport PIECE_BYTES

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    ctypedef struct npy_string_allocator:
        pass
    ctypedef struct npy_packed_static_string:
        pass
    ctypedef struct npy_static_string:
        size_t size
        const char *buf
    ctypedef struct PyArray_StringDTypeObject:
        pass
    npy_string_allocator *NpyString_acquire_allocator(const PyArray_StringDTypeObject *descr) nogil
    void NpyString_release_allocator(npy_string_allocator *allocator) nogil
    int NpyString_load(npy_string_allocator *allocator, const npy_packed_static_string *packed,
                       npy_static_string *unpacked) nogil
    int NpyString_pack(npy_string_allocator *allocator, npy_packed_static_string *packed, const char *buf,
                       size_t size) nogil
    cnp.PyArray_Descr *PyArray_DESCR(cnp.ndarray array)

cdef enum:
    MAX_SIZE = 0xffffffff  # of an item, and the number of items
    RUN = 1 << 17          # items between two looks for Ctrl-C


cdef int check(const char *data, size_t n, size_t count) except -1:
    """Raise ValueError unless the n bytes are a chunk of `count` items."""
    cdef size_t at = 4, done = 0, step
    cdef int status
    if count > MAX_SIZE:
        raise ValueError(f"{count} items; a chunk has room for {MAX_SIZE}")
    status = sz_vlen_begin(data, n, count)
    while done < count and status == SZ_OK:
        step = min(count - done, <size_t>RUN)
        with nogil:
            status = sz_vlen_skip(data, n, step, &at)
        done += step
        PyErr_CheckSignals()
    if status == SZ_OK and at == n:
        return 0
    if status == SZ_OK:
        status = SZ_TRAILING
    if status == SZ_CORRUPT:
        raise ValueError(f"not the {count} items that the chunk should have")
    raise ValueError("other bytes follow the last item" if status == SZ_TRAILING
                     else f"the last of {count} items ends beyond the {n} bytes that are stored")


cdef int unpack_run(PyArray_StringDTypeObject *dtype, char *place, Py_ssize_t *i, Py_ssize_t end, const char **at,
                    size_t *size) noexcept nogil:
    """Decode strings from number i on, up to `end` or PIECE_BYTES. After a failure i and size are those of the string."""
    cdef npy_string_allocator *allocator = NpyString_acquire_allocator(dtype)
    cdef const char *begin = at[0]
    cdef const char *item
    cdef int status = SZ_OK
    while i[0] < end and at[0] - begin < PIECE_BYTES:
        at[0] = sz_vlen_item(at[0], &item, size)
        if not sz_is_utf8(item, size[0]):
            status = SZ_CORRUPT
            break
        if NpyString_pack(allocator, <npy_packed_static_string *>(place + 16 * i[0]), item, size[0]) < 0:
            status = SZ_NO_MEMORY
            break
        i[0] += 1
    NpyString_release_allocator(allocator)
    return status


def decode_text(const uint8_t[::1] data, Py_ssize_t count) -> np.ndarray:
    """Return the `count` strings of a vlen-utf8 chunk as a StringDType array. Raise ValueError if it is corrupt."""
    cdef size_t n = data.shape[0], size = 0
    cdef const char *at = <const char *>&data[0] if n else NULL
    cdef char *place
    cdef PyArray_StringDTypeObject *dtype
    cdef Py_ssize_t i = 0
    cdef int status = SZ_OK
    check(at, n, count)
    strings = np.empty(count, np.dtypes.StringDType())
    place = <char *>cnp.PyArray_DATA(strings)
    dtype = <PyArray_StringDTypeObject *>PyArray_DESCR(strings)
    at += 4
    while i < count and status == SZ_OK:
        with nogil:
            status = unpack_run(dtype, place, &i, min(count, i + RUN), &at, &size)
        PyErr_CheckSignals()
    if status == SZ_CORRUPT:
        raise ValueError(f"item {i} is not UTF-8")
    if status != SZ_OK:
        raise MemoryError(f"no room for item {i}, of {size} bytes")
    return strings


cdef Py_ssize_t text_size(PyArray_StringDTypeObject *dtype, const char *place, Py_ssize_t count) noexcept nogil:
    """Return the size of the encoded strings, without their number; -1 if one is missing, -2 if one is too long."""
    cdef npy_static_string text
    cdef Py_ssize_t i, total = 0
    cdef npy_string_allocator *allocator = NpyString_acquire_allocator(dtype)
    for i in range(count):
        if NpyString_load(allocator, <const npy_packed_static_string *>(place + 16 * i), &text):
            total = -1
            break
        if text.size > MAX_SIZE:
            total = -2
            break
        total += 4 + text.size
    NpyString_release_allocator(allocator)
    return total


cdef bint pack_run(PyArray_StringDTypeObject *dtype, const char *place, Py_ssize_t *i, Py_ssize_t end, char **at,
                   Py_ssize_t *room) noexcept nogil:
    """Encode strings from number i on, up to `end` or to PIECE_BYTES; False if they don't fit into the room."""
    cdef npy_static_string text
    cdef bint fits = True
    cdef const char *begin = at[0]
    cdef npy_string_allocator *allocator = NpyString_acquire_allocator(dtype)
    while i[0] < end and at[0] - begin < PIECE_BYTES:
        fits = not NpyString_load(allocator, <const npy_packed_static_string *>(place + 16 * i[0]), &text)
        if fits:
            room[0] -= 4 + text.size
            fits = room[0] >= 0
        if not fits:
            break
        at[0] = sz_vlen_put(at[0], <uint32_t>text.size)
        memcpy(at[0], text.buf, text.size)
        at[0] += text.size
        i[0] += 1
    NpyString_release_allocator(allocator)
    return fits


cdef Py_ssize_t encoded_size(PyArray_StringDTypeObject *dtype, const char *place, Py_ssize_t count) except -1:
    """Return the size of the chunk of these strings. Raise ValueError for missing or too long ones."""
    cdef Py_ssize_t i, size, total = 4
    for i in range(0, count, RUN):
        with nogil:
            size = text_size(dtype, place + 16 * i, min(count - i, <Py_ssize_t>RUN))
        if size < 0:
            raise ValueError("a string is missing" if size == -1 else f"a string has more than {MAX_SIZE} bytes")
        total += size
        PyErr_CheckSignals()
    return total


def encode_text(cnp.ndarray strings) -> bytes:
    """Return a contiguous StringDType array as a vlen-utf8 chunk. Raise ValueError for missing or too long strings."""
    cdef Py_ssize_t count = cnp.PyArray_SIZE(strings), room, i = 0
    cdef const char *place = <const char *>cnp.PyArray_DATA(strings)
    cdef PyArray_StringDTypeObject *dtype = <PyArray_StringDTypeObject *>PyArray_DESCR(strings)
    cdef char *at
    cdef bint fits = True
    if strings.dtype.kind != "T" or not cnp.PyArray_IS_C_CONTIGUOUS(strings):
        raise TypeError(f"{strings.dtype} is not a contiguous array of StringDType")
    if count > MAX_SIZE:
        raise ValueError(f"{count} strings; a chunk has room for {MAX_SIZE}")
    room = encoded_size(dtype, place, count)
    encoded = PyBytes_FromStringAndSize(NULL, room)
    at = sz_vlen_put(PyBytes_AS_STRING(encoded), <uint32_t>count)
    room -= 4
    while i < count and fits:
        with nogil:
            fits = pack_run(dtype, place, &i, min(count, i + RUN), &at, &room)
        PyErr_CheckSignals()
    if not fits or room != 0:
        raise ValueError("the strings were changed while they were encoded")
    return encoded


def decode_bytes(const uint8_t[::1] data, Py_ssize_t count) -> np.ndarray:
    """Return the `count` items of a vlen-bytes chunk as an object array of bytes. Raise ValueError if it is corrupt."""
    cdef size_t n = data.shape[0], size
    cdef const char *at = <const char *>&data[0] if n else NULL
    cdef const char *item
    cdef Py_ssize_t i
    check(at, n, count)
    items = [None] * count
    at += 4
    for i in range(count):
        at = sz_vlen_item(at, &item, &size)
        items[i] = PyBytes_FromStringAndSize(item, size)
        if i % RUN == RUN - 1:
            PyErr_CheckSignals()
    array = np.empty(count, object)
    array[:] = items
    return array


def encode_bytes(list items) -> bytes:
    """Return a list of bytes as a vlen-bytes chunk. Raise TypeError for other items, ValueError for too many."""
    cdef Py_ssize_t count = len(items), i
    cdef size_t total = 4
    cdef char *at
    for i in range(count):
        item = items[i]
        if not isinstance(item, bytes):
            raise TypeError(f"item {i} is {type(item).__name__}, not bytes; for text use numpy.dtypes.StringDType()")
        if PyBytes_GET_SIZE(item) > MAX_SIZE:
            raise ValueError(f"item {i} has more than {MAX_SIZE} bytes")
        total += 4 + PyBytes_GET_SIZE(item)
    if count > MAX_SIZE:
        raise ValueError(f"{count} items; a chunk has room for {MAX_SIZE}")
    encoded = PyBytes_FromStringAndSize(NULL, total)
    at = sz_vlen_put(PyBytes_AS_STRING(encoded), <uint32_t>count)
    for i in range(count):
        item = items[i]
        at = sz_vlen_put(at, <uint32_t>PyBytes_GET_SIZE(item))
        memcpy(at, PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item))
        at += PyBytes_GET_SIZE(item)
        if i % RUN == RUN - 1:
            PyErr_CheckSignals()
    return encoded
