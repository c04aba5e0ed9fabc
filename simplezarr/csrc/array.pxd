cdef extern from "array/copy.h" nogil:
    enum:
        SZ_AS_IS, SZ_NONTEMPORAL
    void sz_copy(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *src,
                 const Py_ssize_t *src_strides, size_t itemsize, int transform)
    void sz_fill(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *value,
                 size_t itemsize)
    void sz_copy_run(int ndim, const Py_ssize_t *chunk_shape, const Py_ssize_t *start, const Py_ssize_t *step,
                     const Py_ssize_t *count, char *dst, const Py_ssize_t *dst_strides, Py_ssize_t first, Py_ssize_t n,
                     const char *src, size_t itemsize, int transform)

cdef extern from "array/gather.h" nogil:
    ctypedef struct sz_points:
        Py_ssize_t n
        const Py_ssize_t *src
        const Py_ssize_t *dst
    void sz_gather(int nlists, const sz_points *lists, int ndim, const Py_ssize_t *shape, char *dst,
                   const Py_ssize_t *dst_strides, const char *src, const Py_ssize_t *src_strides, size_t itemsize)
    void sz_gather_fill(int nlists, const sz_points *lists, int ndim, const Py_ssize_t *shape, char *dst,
                        const Py_ssize_t *dst_strides, const char *value, size_t itemsize)

cdef extern from "array/equal.h" nogil:
    int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize)
