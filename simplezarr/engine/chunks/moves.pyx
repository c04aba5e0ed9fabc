"""Elements copied in pieces, with pauses between them: values into a chunk, and elements at listed places."""

cimport numpy as cnp
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF

import numpy as np

from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS, sz_all_equal, sz_copy, sz_gather, sz_gather_fill, sz_points
from simplezarr.engine.chunks.pipeline cimport in_pieces, region_copy_in
from simplezarr.engine.kernels.context cimport PIECE_BYTES, pause, raised

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyArray_Descr:
        pass
    PyTypeObject PyArray_Type
    object PyArray_NewFromDescr(PyTypeObject *subtype, PyArray_Descr *descr, int ndim, const Py_ssize_t *shape,
                                const Py_ssize_t *strides, void *data, int flags, PyObject *owner)


cdef enum:
    MOVED = 1 << 20  # elements at listed places that are moved between two pauses


# ---------------------------------------------------------------- values

cdef object view(object dtype, int ndim, const Py_ssize_t *shape, const Py_ssize_t *strides, char *data):
    Py_INCREF(dtype)
    return PyArray_NewFromDescr(&PyArray_Type, <PyArray_Descr *>dtype, ndim, shape, strides, data,
                                cnp.NPY_ARRAY_WRITEABLE, NULL)


# A chunk whose elements must be cast, and transformed then.
cdef struct Cast:
    const Values *values
    char *chunk
    int transform


cdef int cast(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
              const Py_ssize_t *strides) noexcept with gil:
    """Cast a region as NumPy's assignment does."""
    try:
        source = view(<object>values.dtype, pipeline.ndim, region.count, region.strides, region.data)
        target = view(<object>values.native, pipeline.ndim, region.count, strides, dst)
        with np.errstate(**<dict>values.errors):
            np.copyto(target, source, casting="unsafe")
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef int cast_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const Cast *work = <const Cast *>what
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef char *dst = work.chunk
    cdef int i, status
    for i in range(pipeline.ndim):
        dst += region.start[i] * pipeline.strides[i]
        strides[i] = region.step[i] * pipeline.strides[i]
    status = cast(context, pipeline, region, work.values, dst, strides)
    if status == SZ_OK and work.transform != SZ_AS_IS:
        sz_copy(pipeline.ndim, region.count, dst, strides, dst, strides, pipeline.itemsize, work.transform)
    return status


cdef int copy_values(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                     int transform) noexcept nogil:
    """Copy a region (in stored order) into the chunk at dst, transformed.

    The result is the stored form or, for SZ_AS_IS, the native form.
    """
    cdef Cast work
    if values.dtype == NULL:
        return region_copy_in(context, pipeline, region, dst, transform ^ values.swap)  # to swap twice is not to swap
    work.values, work.chunk, work.transform = values, dst, transform
    return in_pieces(context, pipeline, region, cast_piece, &work)


cdef int has_other_elements(Context *context, const Pipeline *pipeline, const char *data, const char *value,
                            bint *others) noexcept nogil:
    """Set *others to whether a chunk has elements that differ from `value`."""
    cdef size_t piece = max(<size_t>1, PIECE_BYTES // pipeline.itemsize) * pipeline.itemsize, first = 0
    cdef int status = SZ_OK
    others[0] = False
    while <size_t>pipeline.nbytes - first > piece and status == SZ_OK and not others[0]:
        others[0] = not sz_all_equal(data + first, piece, value, pipeline.itemsize)
        first += piece
        status = pause(context)
    if status == SZ_OK and not others[0]:
        others[0] = not sz_all_equal(data + first, pipeline.nbytes - first, value, pipeline.itemsize)
    return status


# ---------------------------------------------------------------- points

cdef int move_points(Context *context, int nlists, const sz_points *lists, const Move *move) noexcept nogil:
    """Copy or fill the elements, with pauses.

    The longest list is cut into runs. They are done in order, so the last of several values for one place wins.
    """
    cdef sz_points part[MAX_NDIM]
    cdef Py_ssize_t n = 1, step, first = 0, longest
    cdef int i, cut = 0, status = SZ_OK
    for i in range(nlists):
        part[i] = lists[i]
        n *= lists[i].n
        if lists[i].n > lists[cut].n:
            cut = i
    for i in range(move.ndim):
        n *= move.shape[i]
    longest = lists[cut].n if nlists else 1
    step = max(1, MOVED // max(1, n // max(1, longest)))
    while first < longest and status == SZ_OK:
        if nlists:
            part[cut].n = min(step, longest - first)
            part[cut].src, part[cut].dst = lists[cut].src + first, lists[cut].dst + first
        if move.value != NULL:
            sz_gather_fill(nlists, part, move.ndim, move.shape, move.dst, move.dst_strides, move.value, move.itemsize)
        else:
            sz_gather(nlists, part, move.ndim, move.shape, move.dst, move.dst_strides, move.src, move.strides,
                      move.itemsize)
        first += step
        if first < longest:
            status = pause(context)
    return status
