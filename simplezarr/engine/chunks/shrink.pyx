"""Halve the resolution of arrays in memory, with the GIL released."""

from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from simplezarr.csrc.array cimport SZ_MEAN, SZ_MODE, box_of, dst_at, src_at, sz_box, sz_number, sz_shrink, sz_shrinking
from simplezarr.engine.chunks.moves cimport NUMBERS
from simplezarr.engine.geometry.plan cimport MAX_NDIM


def mean(values, out, tuple factors not None):
    """Write the means of pairs along the axes of factor 2 to `out`. Raise KeyError for what is not a number."""
    shrink(values, out, factors, <int>NUMBERS[values.dtype.name])


def mode(values, out, tuple factors not None):
    """Write the most frequent elements to `out`. They have 1, 2, 4 or 8 bytes."""
    shrink(values, out, factors, -1)


cdef int shrink(object values, object out, tuple factors, int number) except -1:
    """Halve the axes of factor 2, by the mean of numbers; by the mode if the type of number is -1."""
    cdef Py_buffer source, target
    cdef int halves[MAX_NDIM]
    cdef sz_shrinking how
    cdef sz_box box
    cdef str unsigned = f"u{values.itemsize}"  # a buffer of any type of elements
    PyObject_GetBuffer(values.view(unsigned), &source, PyBUF_STRIDES)
    try:
        PyObject_GetBuffer(out.view(unsigned), &target, PyBUF_STRIDES | PyBUF_WRITABLE)
        try:
            set_factors(&source, &target, factors, halves)
            how.summary, how.factors = SZ_MODE if number < 0 else SZ_MEAN, halves
            how.number = <sz_number>max(number, 0)
            box = box_of(source.ndim, source.shape, <size_t>source.itemsize)
            with nogil:
                sz_shrink(&box, dst_at(<char *>target.buf, target.strides),
                          src_at(<const char *>source.buf, source.strides), &how)
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&source)
    return 0


cdef int set_factors(const Py_buffer *source, const Py_buffer *target, tuple factors, int *halves) except -1:
    """Set the factors. Raise ValueError if the kernel would go astray."""
    cdef int axis, factor, last = source.ndim - 1, halved = 0
    cdef bint fits = source.ndim == target.ndim == len(factors) and 0 < source.ndim <= MAX_NDIM
    if fits:
        for axis in range(source.ndim):
            factor = halves[axis] = factors[axis]
            halved += factor == 2
            fits &= factor in (1, 2) and target.shape[axis] == (source.shape[axis] + factor - 1) // factor
        fits &= halved <= 3 and source.itemsize == target.itemsize
        fits &= source.shape[last] <= 1 or source.strides[last] == source.itemsize
        fits &= target.shape[last] <= 1 or target.strides[last] == source.itemsize
    if not fits:
        raise ValueError(f"factors {factors} do not lead from one array to the other, or their last axis has gaps")
    return 0
