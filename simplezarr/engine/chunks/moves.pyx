"""Copy or cast elements in pieces, with pauses between them: into a chunk, out of one, or at listed places."""

cimport numpy as cnp
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy, memset

import numpy as np

from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.array cimport (
    SZ_AS_IS, SZ_BF16, SZ_F16, SZ_F32, SZ_F64, SZ_I8, SZ_I16, SZ_I32, SZ_I64, SZ_U8, SZ_U16, SZ_U32, SZ_U64, dst_at, src_at,
    sz_all_equal, sz_box, sz_conversion, sz_convert, sz_convert_points, sz_copy, sz_dst, sz_gather, sz_gather_fill,
    sz_number, sz_points, sz_src)
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


cdef Py_ssize_t NO_STRIDES[MAX_NDIM]  # zeros
cdef double ONE = 1, NOTHING = -0.0   # which changes no number, -0.0 neither

#: The types of numbers that the kernel converts to. Those of NUMBERS are converted from.
cdef dict TARGETS = {"float16": SZ_F16, "bfloat16": SZ_BF16, "float32": SZ_F32, "float64": SZ_F64}
cdef dict NUMBERS = {
    "bool": SZ_U8, "uint8": SZ_U8, "uint16": SZ_U16, "uint32": SZ_U32, "uint64": SZ_U64,
    "int8": SZ_I8, "int16": SZ_I16, "int32": SZ_I32, "int64": SZ_I64, **TARGETS}


# ---------------------------------------------------------------- casts

cdef bint is_exact(object source, object target):
    """Return whether the kernel casts as NumPy does: the same bits, and no floating point error to report.

    So it is for integers that become a number of which the largest of them is far.
    """
    if source.kind not in "ui" or not (source.isnative and target.isnative) or target.name not in TARGETS:
        return False
    return source.itemsize == 1 or (source.itemsize <= 4 and target.itemsize >= 4)


cdef tuple set_cast(Cast *cast, object source, object target, object fields=None):
    """Set a cast from one data type, or some of its fields, to another. Return the objects that it refers to."""
    errors = np.geterr()  # of the calling thread
    cast.source, cast.target, cast.errors = <PyObject *>source, <PyObject *>target, <PyObject *>errors
    cast.fields = <PyObject *>fields if fields is not None else NULL
    cast.conversion.scale = NULL
    if fields is None and is_exact(source, target):
        set_factors(cast, source, target, &ONE, &NOTHING, -1)
    return source, target, errors, fields


cdef int set_factors(Cast *cast, object source, object target, const double *scale, const double *offset,
                     int axis) except -1:
    cast.conversion.source = <sz_number><int>NUMBERS[source.name]
    cast.conversion.target = <sz_number><int>NUMBERS[target.name]
    cast.conversion.scale, cast.conversion.offset, cast.conversion.axis = scale, offset, axis
    return 0


cdef int set_conversion(Cast *cast, object source, object target, object scale, object offset, int axis) except -1:
    """Let the kernel convert numbers, with factors along an axis of the stored form, or one of each if that is -1.

    scale, offset: contiguous arrays of doubles, which the caller keeps. The data types are among those of `converts`.
    """
    return set_factors(cast, source, target, <const double *>cnp.PyArray_DATA(scale),
                       <const double *>cnp.PyArray_DATA(offset), axis)


def converts(source, target):
    """Return whether the kernel converts numbers of one data type to another.

    >>> converts(np.dtype("u1"), np.dtype("f2")), converts(np.dtype("u1"), np.dtype("i4"))
    (True, False)
    """
    return bool(source.isnative and target.isnative and source.name in NUMBERS and target.name in TARGETS)


def convert(values, out, scale, offset, int axis):
    """Convert an array of numbers into another of its shape: values * scale + offset, rounded once.

    scale, offset: contiguous arrays of doubles: for each element along an axis, or one of each if that is -1.

    >>> out = np.empty(3, "f4")
    >>> convert(np.array([0, 1, 255], "u1"), out, np.array([2.0]), np.array([-1.0]), -1)
    >>> out
    array([ -1.,   1., 509.], dtype=float32)
    """
    cdef Cast cast
    cdef sz_box box
    set_conversion(&cast, values.dtype, out.dtype, scale, offset, axis)
    box.ndim, box.shape, box.itemsize = cnp.PyArray_NDIM(values), <const Py_ssize_t *>cnp.PyArray_DIMS(values), 0
    cdef sz_dst dst = dst_at(<char *>cnp.PyArray_DATA(out), <const Py_ssize_t *>cnp.PyArray_STRIDES(out))
    cdef sz_src src = src_at(
        <const char *>cnp.PyArray_DATA(values), <const Py_ssize_t *>cnp.PyArray_STRIDES(values))
    with nogil:
        sz_convert(&box, dst, src, &cast.conversion)


cdef Py_ssize_t place_along(const Cast *cast, const Region *whole, const Region *piece) noexcept nogil:
    """Return the number of a piece's first element along the axis of the conversion. Both regions are in stored order."""
    cdef int axis = cast.conversion.axis
    if cast.conversion.scale == NULL or axis < 0:
        return 0
    return whole.along + (piece.start[axis] - whole.start[axis]) // whole.step[axis]


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


cdef int cast_elements(Context *context, const Cast *cast, Py_ssize_t along, const sz_box *box, sz_dst dst,
                       sz_src src) noexcept nogil:
    """Cast a box of elements. Their sizes are those of the data types.

    along: the number of the first along the axis of a conversion.
    """
    cdef sz_conversion conversion = cast.conversion
    if conversion.scale != NULL:
        conversion.scale += along
        conversion.offset += along
        sz_convert(box, dst, src, &conversion)
        return SZ_OK
    return cast_by_numpy(context, cast, box, dst, src)  # a function of its own: one with the GIL in it always takes it


cdef int cast_by_numpy(Context *context, const Cast *cast, const sz_box *box, sz_dst dst, sz_src src) noexcept with gil:
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
    const Region *whole  # of which the pieces are parts, in stored order
    char *chunk
    int transform


cdef int cast_piece_in(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const CastWork *work = <const CastWork *>what
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef char *dst = place_in_chunk(pipeline, region, work.chunk, strides)
    cdef sz_box box = region_box(pipeline, region)
    cdef int status = cast_elements(
        context, work.cast, 0, &box, dst_at(dst, strides), src_at(region.data, region.strides))
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
    return cast_elements(context, work.cast, place_along(work.cast, work.whole, region), &box,
                         dst_at(region.data, region.strides), src_at(src, strides))


cdef int region_cast_out(Context *context, const Pipeline *pipeline, const Region *region, const char *native,
                         const Cast *cast) noexcept nogil:
    """Cast a region (in stored order) from a chunk's native form, or the fill value if `native` is NULL."""
    cdef CastWork work
    work.cast, work.whole, work.chunk, work.transform = cast, region, <char *>native, SZ_AS_IS
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
    work.cast, work.whole, work.chunk, work.transform = &values.cast, region, dst, transform
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
            sz_gather(nlists, listed, &box, place_in(source, nlists), move.src, SZ_AS_IS)
        cast_array(move.cast, target, source)
        box.itemsize = cnp.PyArray_ITEMSIZE(target)
        place = place_in(target, nlists)
        if move.value != NULL:
            sz_gather_fill(nlists, lists, &box, move.dst, place.data)
        else:
            held = list_offsets(nlists, lists, target, listed, False)
            sz_gather(nlists, listed, &box, move.dst, src_at(place.data, place.strides), SZ_AS_IS)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef void convert_points(int nlists, const sz_points *lists, const Move *move) noexcept nogil:
    """Convert the elements by the kernel."""
    cdef sz_points listed[MAX_NDIM]
    cdef int i
    if move.value == NULL:
        sz_convert_points(nlists, lists, &move.box, move.dst, move.src, &move.conversion)
        return
    for i in range(nlists):
        listed[i].n, listed[i].src, listed[i].dst = lists[i].n, NULL, lists[i].dst
    sz_convert_points(nlists, listed, &move.box, move.dst, src_at(move.value, NO_STRIDES), &move.conversion)


cdef int move_points(Context *context, int nlists, const sz_points *lists, const Move *move) noexcept nogil:
    """Copy, fill or cast the elements, with pauses.

    The longest list is cut into runs. They are done in order, so the last of several values for one place wins.
    """
    cdef sz_points part[MAX_NDIM]
    cdef bint by_numpy = move.cast != NULL and move.cast.conversion.scale == NULL
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
    step = max(1, (CAST if by_numpy else MOVED) // max(1, n // max(1, longest)))
    while first < longest and status == SZ_OK:
        if nlists:
            part[cut].n = min(step, longest - first)
            part[cut].src, part[cut].dst = lists[cut].src + first, lists[cut].dst + first
        if by_numpy:
            status = cast_points(context, nlists, part, move)
        elif move.cast != NULL:
            convert_points(nlists, part, move)
        elif move.value != NULL:
            sz_gather_fill(nlists, part, &move.box, move.dst, move.value)
        else:
            sz_gather(nlists, part, &move.box, move.dst, move.src, move.transform)
        first += step
        if first < longest and status == SZ_OK:
            status = pause(context)
    return status
