"""Copy or cast elements in pieces, with pauses between them: into a chunk, out of one, or at listed places."""

cimport numpy as cnp
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy, memset

import numpy as np

from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.array cimport (
    SZ_AS_IS, dst_at, src_at, sz_all_equal, sz_box, sz_copy, sz_dst, sz_gather, sz_gather_fill, sz_points, sz_src)
from simplezarr.engine.chunks.pipeline cimport in_pieces, place_in_chunk, region_box, region_copy_in
from simplezarr.engine.geometry.plan cimport MAX_NDIM
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
    CAST = 1 << 16   # the same of elements that are cast, which takes memory for them


# ---------------------------------------------------------------- casts

cdef tuple set_cast(Cast *cast, object source, object target, object fields=None):
    """Set a cast from one data type, or some of its fields, to another. Return the objects that it refers to."""
    errors = np.geterr()  # of the calling thread
    cast.source, cast.target, cast.errors = <PyObject *>source, <PyObject *>target, <PyObject *>errors
    cast.fields = <PyObject *>fields if fields is not None else NULL
    return source, target, errors, fields


cdef int cast_array(const Cast *cast, object target, object source) except -1:
    """Do `target[...] = source`, or the same for the fields that are cast."""
    if cast.fields != NULL:
        source = source[<object>cast.fields]
    with np.errstate(**<dict>cast.errors):
        return cnp.PyArray_CopyInto(target, source)


cdef object view(object dtype, const sz_box *box, sz_dst place):
    Py_INCREF(dtype)
    return PyArray_NewFromDescr(&PyArray_Type, <PyArray_Descr *>dtype, box.ndim, box.shape, place.strides, place.data,
                                cnp.NPY_ARRAY_WRITEABLE, NULL)


cdef int cast_elements(Context *context, const Cast *cast, const sz_box *box, sz_dst dst, sz_src src) noexcept nogil:
    """Cast a box of elements as NumPy's assignment does. Their sizes are those of the data types."""
    with gil:
        try:
            source = view(<object>cast.source, box, dst_at(<char *>src.data, src.strides))
            target = view(<object>cast.target, box, dst)
            cast_array(cast, target, source)
            return SZ_OK
        except BaseException as error:
            return raised(context, error)


# A chunk whose elements are cast, and transformed then.
cdef struct CastWork:
    const Cast *cast
    char *chunk
    int transform


cdef int cast_piece_in(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const CastWork *work = <const CastWork *>what
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef char *dst = place_in_chunk(pipeline, region, work.chunk, strides)
    cdef sz_box box = region_box(pipeline, region)
    cdef int status = cast_elements(
        context, work.cast, &box, dst_at(dst, strides), src_at(region.data, region.strides))
    if status == SZ_OK and work.transform != SZ_AS_IS:
        sz_copy(&box, dst_at(dst, strides), src_at(dst, strides), work.transform)
    return status


cdef int cast_piece_out(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const CastWork *work = <const CastWork *>what
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef sz_box box = region_box(pipeline, region)
    cdef const char *src = pipeline.fill
    if work.chunk != NULL:
        src = place_in_chunk(pipeline, region, work.chunk, strides)
    else:
        memset(strides, 0, sizeof(strides))
    return cast_elements(context, work.cast, &box, dst_at(region.data, region.strides), src_at(src, strides))


cdef int region_cast_out(Context *context, const Pipeline *pipeline, const Region *region, const char *native,
                         const Cast *cast) noexcept nogil:
    """Cast a region (in stored order) from a chunk's native form, or the fill value if `native` is NULL."""
    cdef CastWork work
    work.cast, work.chunk, work.transform = cast, <char *>native, SZ_AS_IS
    return in_pieces(context, pipeline, region, cast_piece_out, &work)


# ---------------------------------------------------------------- values


cdef int copy_values(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                     int transform) noexcept nogil:
    """Copy a region (in stored order) into the chunk at dst, transformed.

    The result is the stored form or, for SZ_AS_IS, the native form.
    """
    cdef CastWork work
    if values.cast.source == NULL:
        return region_copy_in(context, pipeline, region, dst, transform ^ values.swap)  # to swap twice is not to swap
    work.cast, work.chunk, work.transform = &values.cast, dst, transform
    return in_pieces(context, pipeline, region, cast_piece_in, &work)


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

cdef object list_offsets(int nlists, const sz_points *lists, cnp.ndarray array, sz_points *listed, bint into):
    """List the offsets of the points in an array that has an axis for each list. Return the arrays of offsets."""
    cdef cnp.ndarray offsets
    cdef int i
    held = []
    for i in range(nlists):
        offsets = np.arange(lists[i].n) * cnp.PyArray_STRIDE(array, i)
        held.append(offsets)
        listed[i] = lists[i]
        if into:
            listed[i].dst = <const Py_ssize_t *>cnp.PyArray_DATA(offsets)
        else:
            listed[i].src = <const Py_ssize_t *>cnp.PyArray_DATA(offsets)
    return held


cdef sz_dst place_in(cnp.ndarray array, int nlists):
    """Return where the box lies in an array that has an axis for each list before those of the box."""
    return dst_at(<char *>cnp.PyArray_DATA(array), <const Py_ssize_t *>cnp.PyArray_STRIDES(array) + nlists)


cdef int cast_points(Context *context, int nlists, const sz_points *lists, const Move *move) noexcept with gil:
    """Cast the elements by way of contiguous arrays."""
    cdef sz_points listed[MAX_NDIM]
    cdef sz_box box = move.box
    cdef cnp.ndarray source, target
    cdef sz_dst place
    cdef int i
    try:
        shape = () if move.value != NULL else (
            *[lists[i].n for i in range(nlists)], *[box.shape[i] for i in range(box.ndim)])
        source, target = np.empty(shape, <object>move.cast.source), np.empty(shape, <object>move.cast.target)
        if move.value != NULL:
            memcpy(cnp.PyArray_DATA(source), move.value, box.itemsize)
        else:
            held = list_offsets(nlists, lists, source, listed, True)
            sz_gather(nlists, listed, &box, place_in(source, nlists), move.src)
        cast_array(move.cast, target, source)
        box.itemsize = cnp.PyArray_ITEMSIZE(target)
        place = place_in(target, nlists)
        if move.value != NULL:
            sz_gather_fill(nlists, lists, &box, move.dst, place.data)
        else:
            held = list_offsets(nlists, lists, target, listed, False)
            sz_gather(nlists, listed, &box, move.dst, src_at(place.data, place.strides))
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef int move_points(Context *context, int nlists, const sz_points *lists, const Move *move) noexcept nogil:
    """Copy, fill or cast the elements, with pauses.

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
    for i in range(move.box.ndim):
        n *= move.box.shape[i]
    longest = lists[cut].n if nlists else 1
    step = max(1, (MOVED if move.cast == NULL else CAST) // max(1, n // max(1, longest)))
    while first < longest and status == SZ_OK:
        if nlists:
            part[cut].n = min(step, longest - first)
            part[cut].src, part[cut].dst = lists[cut].src + first, lists[cut].dst + first
        if move.cast != NULL:
            status = cast_points(context, nlists, part, move)
        elif move.value != NULL:
            sz_gather_fill(nlists, part, &move.box, move.dst, move.value)
        else:
            sz_gather(nlists, part, &move.box, move.dst, move.src)
        first += step
        if first < longest and status == SZ_OK:
            status = pause(context)
    return status
