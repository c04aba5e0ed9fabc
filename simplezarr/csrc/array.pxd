cdef extern from "array/box.h" nogil:
    ctypedef struct sz_box:
        int ndim
        const Py_ssize_t *shape
        size_t itemsize
    ctypedef struct sz_selection:
        int ndim
        const Py_ssize_t *chunk_shape
        const Py_ssize_t *start
        const Py_ssize_t *step
        const Py_ssize_t *count
        size_t itemsize
    ctypedef struct sz_dst:
        char *data
        const Py_ssize_t *strides
    ctypedef struct sz_src:
        const char *data
        const Py_ssize_t *strides

# Cython would copy arrays that are given to a structure's own constructor. As arguments of functions they are pointers.

cdef inline sz_box box_of(int ndim, const Py_ssize_t *shape, size_t itemsize) noexcept nogil:
    return sz_box(ndim, shape, itemsize)

cdef inline sz_selection selection_of(int ndim, const Py_ssize_t *chunk_shape, const Py_ssize_t *start,
                                      const Py_ssize_t *step, const Py_ssize_t *count, size_t itemsize) noexcept nogil:
    return sz_selection(ndim, chunk_shape, start, step, count, itemsize)

cdef inline sz_dst dst_at(char *data, const Py_ssize_t *strides) noexcept nogil:
    return sz_dst(data, strides)

cdef inline sz_src src_at(const char *data, const Py_ssize_t *strides) noexcept nogil:
    return sz_src(data, strides)

cdef extern from "array/copy.h" nogil:
    enum:
        SZ_AS_IS, SZ_NONTEMPORAL
    void sz_copy(const sz_box *box, sz_dst dst, sz_src src, int transform)
    void sz_copy_contiguous(char *dst, const char *src, Py_ssize_t n, size_t itemsize, int transform)
    void sz_fill(const sz_box *box, sz_dst dst, const char *value)
    void sz_copy_run(const sz_selection *selection, sz_dst dst, Py_ssize_t first, Py_ssize_t n, const char *src,
                     int transform)

cdef extern from "array/gather.h" nogil:
    ctypedef struct sz_points:
        Py_ssize_t n
        const Py_ssize_t *src
        const Py_ssize_t *dst
    void sz_gather(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src, int transform)
    void sz_gather_fill(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, const char *value)

cdef extern from "array/equal.h" nogil:
    int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize)

cdef extern from "array/convert.h" nogil:
    ctypedef enum sz_number:
        SZ_U8, SZ_I8, SZ_U16, SZ_I16, SZ_U32, SZ_I32, SZ_U64, SZ_I64, SZ_F16, SZ_BF16, SZ_F32, SZ_F64, SZ_NUMBERS
    ctypedef struct sz_conversion:
        sz_number source "from"
        sz_number target "to"
        int axis
        const double *scale
        const double *offset
    void sz_convert(const sz_box *box, sz_dst dst, sz_src src, const sz_conversion *conversion)
    void sz_convert_points(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src,
                           const sz_conversion *conversion)

cdef extern from "array/shrink.h" nogil:
    ctypedef enum sz_summary:
        SZ_MEAN, SZ_MODE
    ctypedef struct sz_shrinking:
        sz_summary summary
        sz_number number
        const int *factors
    void sz_shrink(const sz_box *box, sz_dst dst, sz_src src, const sz_shrinking *shrinking)
