from simplezarr.engine.geometry.plan cimport MAX_NDIM

# Points on some axes of an array, grouped by stored object and then by unit of reading. Group and point numbers ascend,
# so a range of either is given by two neighbours in an array of "firsts".
cdef struct PointGroups:
    int naxes
    int axes[MAX_NDIM]
    Py_ssize_t nobjects
    Py_ssize_t nunits
    Py_ssize_t npoints
    const Py_ssize_t *objects      # nobjects x naxes: numbers in the grid of stored objects
    const Py_ssize_t *object_first  # nobjects + 1: the first unit of each
    const Py_ssize_t *units        # nunits x naxes: numbers in the grid of units within the object
    const Py_ssize_t *unit_first   # nunits + 1: the first point of each
    const Py_ssize_t *src          # npoints: offsets into the unit's native form, in bytes

cdef class PointTable:
    cdef PointGroups groups
    cdef Py_ssize_t lengths[MAX_NDIM]
    cdef Py_ssize_t sizes[MAX_NDIM]      # of the unit of reading
    cdef Py_ssize_t per[MAX_NDIM]        # units in a stored object
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Py_ssize_t per_object           # product of per
    cdef readonly object order           # the position of each point among the given ones, or None if they were sorted
    cdef tuple kept
    cdef object wrap(self, object index, int k)
    cdef object number(self, list indices)
    cdef int group(self, list indices, object numbers) except -1
