from cpython.object cimport PyObject

from simplezarr.csrc.array cimport sz_box, sz_conversion, sz_dst, sz_points, sz_src
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.kernels.context cimport Context


# How elements are cast, by a kernel or by NumPy, with references that are borrowed.
cdef struct Cast:
    PyObject *source  # data type that they have; NULL: they are not cast
    PyObject *target  # data type that they get
    PyObject *fields  # of records: a name, or a list of names, of what is cast; NULL: all of them
    PyObject *errors  # what NumPy does about floating point errors, as np.errstate takes it
    sz_conversion conversion  # by the kernel; its axis is one of the stored form. Without a scale (NULL) NumPy casts

# How the elements that a region points to become a chunk's.
cdef struct Values:
    bint keep_empty   # chunks that are all fill value are encoded like others
    int swap          # their numbers are byte-swapped in units of this size; 0: native
    Cast cast

# Elements at listed places that are copied or cast, or filled with a value.
cdef struct Move:
    const Cast *cast    # NULL: they are not cast
    sz_conversion conversion  # that of the cast, with the box's own axis
    sz_box box          # at each place; the itemsize is that of the source or value
    sz_dst dst
    sz_src src
    const char *value   # of all of them; NULL: they are copied
    int transform       # SZ_AS_IS, or-ed with SZ_NONTEMPORAL or not

cdef dict NUMBERS  # the types of numbers that the kernels know, by the names of NumPy's data types

cdef tuple set_cast(Cast *cast, object source, object target, object fields=*)
cdef int set_conversion(Cast *cast, object source, object target, object scale, object offset, int axis) except -1
cdef Py_ssize_t place_along(const Cast *cast, const Region *whole, const Region *piece) noexcept nogil
cdef int copy_values(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                     int transform) noexcept nogil
cdef int region_cast_out(Context *context, const Pipeline *pipeline, const Region *region, const char *native,
                         const Cast *cast) noexcept nogil
cdef int cast_elements(Context *context, const Cast *cast, Py_ssize_t along, const sz_box *box, sz_dst dst,
                       sz_src src) noexcept nogil
cdef int has_other_elements(Context *context, const Pipeline *pipeline, const char *data, const char *value,
                            bint *others) noexcept nogil
cdef int move_points(Context *context, int nlists, const sz_points *lists, const Move *move) noexcept nogil
