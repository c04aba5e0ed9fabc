from simplezarr.csrc.array cimport sz_points
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport MAX_NDIM, Plan, ChunkProjection, AxisSlice
from simplezarr.engine.geometry.point_table cimport PointGroups, PointTable
from simplezarr.engine.kernels.context cimport Context

# One basic selection of a batch.
cdef struct Crop:
    Py_ssize_t n                 # units of reading that it touches
    const AxisSlice *slices            # over units of reading, of each axis
    const Py_ssize_t *strides
    char *data

# What a scatter knows, for code that runs without the GIL.
cdef struct Layout:
    int ndim
    int nlists
    bint whole_objects           # the unit of reading is the stored object
    AxisSlice slices[MAX_NDIM]         # over stored objects; of axes without points
    int list_of[MAX_NDIM]        # the list that has the points of an axis, or -1
    Py_ssize_t units[MAX_NDIM]   # shape of the unit of reading
    Py_ssize_t strides[MAX_NDIM]  # of its native form, in bytes
    Py_ssize_t scale[MAX_NDIM]   # of its number in the stored object
    Py_ssize_t dst_strides[MAX_NDIM]
    int order[MAX_NDIM]
    Py_ssize_t itemsize
    char *data
    const PointGroups **lists
    const Py_ssize_t **places    # of each list: bytes from `data` for every point; of a batch: numbers of entries
    # of a batch
    const Py_ssize_t *entries    # (crop, projection) of each
    const Crop *crops

# A stored object that is touched.
cdef struct Touched:
    const Layout *layout
    Py_ssize_t n                 # units of it that are touched
    Py_ssize_t index[MAX_NDIM]
    AxisSlice slices[MAX_NDIM]         # over its units; of axes without points
    Py_ssize_t first[MAX_NDIM]   # of each list: the first of the object's units
    Py_ssize_t count[MAX_NDIM]
    char *data

# A unit that is touched: the box of elements that the slices want, wanted at each choice of points.
cdef struct Unit:
    sz_points lists[MAX_NDIM]
    Py_ssize_t first[MAX_NDIM]   # of each list: its first point
    Py_ssize_t number            # in the stored object, in C order of the stored form
    Py_ssize_t regions           # choices of points
    ChunkProjection projections[MAX_NDIM]
    Py_ssize_t src               # bytes from the unit's first element to the box's
    char *data                   # place of the box's first element

# Bytes of a unit's native form.
cdef struct Window:
    Py_ssize_t start
    Py_ssize_t n

cdef void scatter_object(const Layout *layout, Py_ssize_t i, Touched *object) noexcept nogil
cdef void scatter_unit(const Touched *object, Py_ssize_t k, Unit *unit) noexcept nogil
cdef void scatter_region(const Layout *layout, const Unit *unit, Py_ssize_t number, Region *region) noexcept nogil
cdef void scatter_window(const Layout *layout, const Pipeline *chain, const Unit *unit, Py_ssize_t number,
                         Window *window) noexcept nogil
cdef int scatter_place(Context *context, const Layout *layout, const Pipeline *chain, const Unit *unit,
                       const char *native) noexcept nogil
cdef int scatter_take(Context *context, const Layout *layout, const Unit *unit, char *native) noexcept nogil
cdef int scatter_fill(Context *context, const Layout *layout, const Pipeline *chain, const Unit *unit) noexcept nogil

cdef class Scatter:
    cdef Layout layout
    cdef readonly Py_ssize_t n       # stored objects touched
    cdef readonly Py_ssize_t nunits  # units of reading touched
    cdef list kept
    cdef int attach(self, list tables, list places) except -1
    cdef PointTable points(self, tuple axes, list indices, Py_ssize_t n)
