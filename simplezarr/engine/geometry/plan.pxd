cdef enum:
    MAX_NDIM = 64

# The elements start, start + step, … (count of them, step >= 1) of one axis, over chunks of `size` elements.
cdef struct AxisSlice:
    Py_ssize_t start
    Py_ssize_t step
    Py_ssize_t count
    Py_ssize_t size
    Py_ssize_t first  # number of the first chunk that holds one of them
    Py_ssize_t nchunks  # number of chunks that hold at least one of them

# The part of an axis slice in one chunk: its elements src, src + step, … are elements dst, dst + 1, … of the result.
cdef struct ChunkProjection:
    Py_ssize_t chunk
    Py_ssize_t src
    Py_ssize_t dst
    Py_ssize_t count


cdef inline void slice_set(AxisSlice *axis_slice, Py_ssize_t start, Py_ssize_t step, Py_ssize_t count,
                           Py_ssize_t size) noexcept nogil:
    axis_slice.start = start
    axis_slice.step = step
    axis_slice.count = count
    axis_slice.size = size
    axis_slice.first = start // size
    if count == 0:
        axis_slice.nchunks = 0
    elif step > size:  # each element is in another chunk
        axis_slice.nchunks = count
    else:              # no chunk between the first and the last is skipped
        axis_slice.nchunks = (start + (count - 1) * step) // size - axis_slice.first + 1


cdef inline void slice_project(const AxisSlice *axis_slice, Py_ssize_t r, ChunkProjection *projection) noexcept nogil:
    if axis_slice.step > axis_slice.size:
        projection.dst = r
        projection.src = axis_slice.start + r * axis_slice.step
        projection.chunk = projection.src // axis_slice.size
        projection.src -= projection.chunk * axis_slice.size
        projection.count = 1
        return
    projection.chunk = axis_slice.first + r
    projection.dst = 0
    if r > 0:  # the first element in the chunk
        projection.dst = (projection.chunk * axis_slice.size - axis_slice.start + axis_slice.step - 1) // axis_slice.step
    projection.src = axis_slice.start + projection.dst * axis_slice.step - projection.chunk * axis_slice.size
    projection.count = min((axis_slice.size - 1 - projection.src) // axis_slice.step + 1, axis_slice.count - projection.dst)


cdef Py_ssize_t product(Py_ssize_t a, Py_ssize_t b) noexcept


cdef class Plan:
    cdef int ndim
    cdef AxisSlice slices[MAX_NDIM]
    cdef int axes[MAX_NDIM]      # the axis of the result for each axis of the array; -1 if an integer dropped it
    cdef bint flipped[MAX_NDIM]  # the step was negative: the elements ascend, and the result is flipped
    cdef readonly Py_ssize_t n   # number of stored objects touched
    cdef readonly tuple shape    # of the result
    cdef readonly bint scalar    # the key has only integers, one for each axis: NumPy returns a scalar
    cdef tuple expand(self, object key)
    cdef int take(self, tuple items, tuple shape, tuple chunks) except -1
    cdef int take_integer(self, int axis, object item, Py_ssize_t length, Py_ssize_t size) except -1
    cdef Py_ssize_t take_slice(self, int axis, slice item, Py_ssize_t length, Py_ssize_t size) except -1
    cdef char *bind(self, object out, Py_ssize_t *strides) except NULL
