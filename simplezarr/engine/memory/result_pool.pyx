"""Allocate arrays to read into, at addresses where files are read at full speed."""

cimport numpy as cnp
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memcpy

import numpy as np

from simplezarr.csrc.memory cimport SZ_RESULT_POOL, sz_result_free, sz_result_new, sz_result_new_zeroed, sz_result_resize
from simplezarr.engine.geometry.plan cimport product

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    PyObject *PyDataMem_DefaultHandler

cdef enum:
    WORTH_IT = 128 << 10  # bytes: less comes from the heap, where few places are bad; and changing handlers takes 0.5 us

cdef cnp.PyDataMem_Handler functions
memcpy(functions.name, b"simplezarr", 11)
functions.version = 1
functions.allocator.ctx = NULL
functions.allocator.malloc = &sz_result_new
functions.allocator.calloc = &sz_result_new_zeroed
functions.allocator.realloc = &sz_result_resize
functions.allocator.free = &sz_result_free
cdef object new = np.empty
cdef object handler = PyCapsule_New(&functions, "mem_handler", NULL)


def empty(tuple shape not None, cnp.dtype dtype not None):
    """Return a C-contiguous array as `numpy.empty` does. It owns its memory. A handler set by the application is used."""
    cdef Py_ssize_t length, n = dtype.itemsize
    cdef object before
    for length in shape:
        n = product(n, length)
        if n >= WORTH_IT or n == 0:
            break
    if not SZ_RESULT_POOL or n < WORTH_IT:
        return new(shape, dtype)
    before = cnp.PyDataMem_GetHandler()
    if <PyObject *>before != PyDataMem_DefaultHandler:
        return new(shape, dtype)
    cnp.PyDataMem_SetHandler(handler)
    try:
        return new(shape, dtype)
    finally:
        cnp.PyDataMem_SetHandler(before)
