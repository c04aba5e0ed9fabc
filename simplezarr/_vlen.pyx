"""Text and bytes of any length between chunks of `vlen-utf8` and `vlen-bytes` and arrays of NumPy.

A chunk is checked as a whole before an array is made for it, so a size in it is never believed. An array's strings are
behind a lock of NumPy, for which others may wait with the GIL held: whoever holds it must not wait for the GIL.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

import numpy as np

from simplezarr._worker cimport SZ_CORRUPT, SZ_OK, SZ_TRAILING

cnp.import_array()

cdef extern from "vlen.h" nogil:
    int sz_vlen_check(const char *data, size_t n, size_t count)
    const char *sz_vlen_item(const char *at, const char **item, size_t *size)
    char *sz_vlen_put(char *at, uint32_t number)
    int sz_is_utf8(const char *data, size_t n)

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


cdef int check(const char *data, size_t n, size_t count) except -1:
    cdef int status
    if count > MAX_SIZE:
        raise ValueError(f"{count} items; a chunk has room for {MAX_SIZE}")
    with nogil:
        status = sz_vlen_check(data, n, count)
    if status == SZ_OK:
        return 0
    if status == SZ_CORRUPT:
        raise ValueError(f"not the {count} items that the chunk should have")
    raise ValueError("bytes are left over behind the last item" if status == SZ_TRAILING
                     else f"the last of {count} items ends behind the {n} bytes that are stored")


def decode_text(const uint8_t[::1] data, Py_ssize_t count) -> np.ndarray:
    """The `count` strings of a vlen-utf8 chunk, as a StringDType array. ValueError where that can't be."""
    cdef size_t n = data.shape[0], size
    cdef const char *at = <const char *>&data[0] if n else NULL
    cdef const char *item
    cdef char *place
    cdef PyArray_StringDTypeObject *dtype
    cdef npy_string_allocator *allocator
    cdef Py_ssize_t i
    cdef int failed = 0
    check(at, n, count)
    strings = np.empty(count, np.dtypes.StringDType())
    place = <char *>cnp.PyArray_DATA(strings)
    dtype = <PyArray_StringDTypeObject *>PyArray_DESCR(strings)
    with nogil:
        allocator = NpyString_acquire_allocator(dtype)
        at += 4
        for i in range(count):
            at = sz_vlen_item(at, &item, &size)
            if not sz_is_utf8(item, size):
                failed = 1
                break
            if NpyString_pack(allocator, <npy_packed_static_string *>(place + 16 * i), item, size) < 0:
                failed = 2
                break
        NpyString_release_allocator(allocator)
    if failed == 1:
        raise ValueError(f"item {i} is not UTF-8")
    if failed:
        raise MemoryError(f"no room for item {i}, of {size} bytes")
    return strings


cdef Py_ssize_t text_size(PyArray_StringDTypeObject *dtype, const char *place, Py_ssize_t count) noexcept nogil:
    """Bytes of the encoded strings; -1 where one is missing, -2 where one is too long."""
    cdef npy_static_string text
    cdef Py_ssize_t i, total = 4
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


cdef bint put_text(PyArray_StringDTypeObject *dtype, const char *place, Py_ssize_t count, char *at,
                   Py_ssize_t room) noexcept nogil:
    """Encodes the strings; False where they are not of the size any more that they were."""
    cdef npy_static_string text
    cdef Py_ssize_t i
    cdef npy_string_allocator *allocator = NpyString_acquire_allocator(dtype)
    at = sz_vlen_put(at, <uint32_t>count)
    room -= 4
    for i in range(count):
        if NpyString_load(allocator, <const npy_packed_static_string *>(place + 16 * i), &text):
            break
        room -= 4 + text.size
        if room < 0:
            break
        at = sz_vlen_put(at, <uint32_t>text.size)
        memcpy(at, text.buf, text.size)
        at += text.size
    NpyString_release_allocator(allocator)
    return room == 0


def encode_text(cnp.ndarray strings) -> bytes:
    """The vlen-utf8 chunk of a contiguous one-dimensional StringDType array. ValueError for missing or too long ones."""
    cdef Py_ssize_t count = cnp.PyArray_SIZE(strings), total
    cdef const char *place = <const char *>cnp.PyArray_DATA(strings)
    cdef PyArray_StringDTypeObject *dtype = <PyArray_StringDTypeObject *>PyArray_DESCR(strings)
    cdef char *at
    cdef bint done
    if strings.dtype.kind != "T" or not cnp.PyArray_IS_C_CONTIGUOUS(strings):
        raise TypeError(f"{strings.dtype} is not a contiguous array of StringDType")
    if count > MAX_SIZE:
        raise ValueError(f"{count} strings; a chunk has room for {MAX_SIZE}")
    with nogil:
        total = text_size(dtype, place, count)
    if total < 0:
        raise ValueError("a string is missing" if total == -1 else f"a string has more than {MAX_SIZE} bytes")
    encoded = PyBytes_FromStringAndSize(NULL, total)
    at = PyBytes_AS_STRING(encoded)
    with nogil:
        done = put_text(dtype, place, count, at, total)
    if not done:
        raise ValueError("the strings were changed while they were encoded")
    return encoded


def decode_bytes(const uint8_t[::1] data, Py_ssize_t count) -> np.ndarray:
    """The `count` items of a vlen-bytes chunk, as an object array of bytes. ValueError where that can't be."""
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
    array = np.empty(count, object)
    array[:] = items
    return array


def encode_bytes(list items) -> bytes:
    """The vlen-bytes chunk of a list of bytes. TypeError for what is not bytes, ValueError for too many."""
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
    return encoded
