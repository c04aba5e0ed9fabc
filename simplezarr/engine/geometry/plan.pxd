cdef enum:
    MAX_NDIM = 64

# The elements start, start + step, … (count of them, step >= 1) of one axis, over chunks of `size` elements.
cdef struct Span:
    Py_ssize_t start
    Py_ssize_t step
    Py_ssize_t count
    Py_ssize_t size
    Py_ssize_t first  # number of the first chunk that holds one of them
    Py_ssize_t rows   # how many chunks hold at least one of them

# What one chunk holds of a span: elements src, src + step, … of the chunk are elements dst, dst + 1, … of the result.
cdef struct Row:
    Py_ssize_t chunk
    Py_ssize_t src
    Py_ssize_t dst
    Py_ssize_t count


cdef inline void span_set(Span *span, Py_ssize_t start, Py_ssize_t step, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    span.start = start
    span.step = step
    span.count = count
    span.size = size
    span.first = start // size
    if count == 0:
        span.rows = 0
    elif step > size:  # every element lies in a chunk of its own
        span.rows = count
    else:              # no chunk between the first and the last is skipped
        span.rows = (start + (count - 1) * step) // size - span.first + 1


cdef inline void span_row(const Span *span, Py_ssize_t r, Row *row) noexcept nogil:
    if span.step > span.size:
        row.dst = r
        row.src = span.start + r * span.step
        row.chunk = row.src // span.size
        row.src -= row.chunk * span.size
        row.count = 1
        return
    row.chunk = span.first + r
    row.dst = 0
    if r > 0:  # the first element at or behind the chunk's border
        row.dst = (row.chunk * span.size - span.start + span.step - 1) // span.step
    row.src = span.start + row.dst * span.step - row.chunk * span.size
    row.count = min((span.size - 1 - row.src) // span.step + 1, span.count - row.dst)


cdef Py_ssize_t product(Py_ssize_t a, Py_ssize_t b) noexcept


cdef class Plan:
    cdef int ndim
    cdef Span spans[MAX_NDIM]
    cdef int axes[MAX_NDIM]      # the result's axis that an axis of the array becomes; -1 where an integer dropped it
    cdef bint flipped[MAX_NDIM]  # a negative step: the same elements upwards, over a flipped result
    cdef readonly Py_ssize_t n   # stored chunks touched
    cdef readonly tuple shape    # of the result
    cdef readonly bint scalar    # integers on every axis and nothing else: NumPy gives a scalar
    cdef tuple expand(self, object key)
    cdef int take_integer(self, int axis, object item, Py_ssize_t length, Py_ssize_t size) except -1
    cdef Py_ssize_t take_slice(self, int axis, slice item, Py_ssize_t length, Py_ssize_t size) except -1
    cdef char *bind(self, object out, Py_ssize_t *strides) except NULL
