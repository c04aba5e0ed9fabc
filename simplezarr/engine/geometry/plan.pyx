"""The indexing engine: a selection becomes a start, a count and a step per axis, split at chunk borders on the fly.

A basic selection is a product of arithmetic progressions, one for each axis. The part of a progression in a chunk follows
from the chunk's number (`slice_project`), so a plan over any number of chunks is a few integers for each axis. Nothing is
listed, and chunk number i of the product is found by dividing. This module has only integers, no array, store or codec.
"""

cimport numpy as cnp

cnp.import_array()

cdef extern from "Python.h":
    int PySlice_Unpack(object, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t *step) except -1
    Py_ssize_t PySlice_AdjustIndices(Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t step)
    Py_ssize_t PyNumber_AsSsize_t(object, object) except? -1
    bint PyIndex_Check(object)
    enum:
        PY_SSIZE_T_MAX

cdef slice ALL = slice(None)


class NotBasic(IndexError):
    """The key has items other than integers, slices, an ellipsis and None, so it is not a basic selection.

    It is made of the item, which may be long. The message is made when it is shown, because most such keys are served.
    """

    def __str__(self):
        item = self.args[0]
        return ("only integers, slices (`:`), ellipsis (`...`) and numpy.newaxis (`None`) are valid indices of a basic "
                f"selection, not {item!r} ({type(item).__name__})")


cdef int check_integer(object item) except -1:
    """Raise NotBasic unless the item is an integer. Booleans and arrays are refused, except 0-d integer arrays."""
    if isinstance(item, (bool, list)) or not PyIndex_Check(item) or (
            cnp.PyArray_Check(item) and (cnp.PyArray_NDIM(item) or not cnp.PyArray_ISINTEGER(item))):
        raise NotBasic(item)
    return 0


cdef Py_ssize_t product(Py_ssize_t a, Py_ssize_t b) noexcept:
    """Return a * b, or the largest number if that overflows, which is more chunks than any result can have."""
    return a * b if a == 0 or b <= PY_SSIZE_T_MAX // a else PY_SSIZE_T_MAX


cdef class Plan:
    """The basic selection `key` of an array of `shape`, divided into `chunks`.

    Raises NotBasic for index arrays, masks and all else that a basic selection does not have. Raises IndexError and
    ValueError as NumPy does.

    >>> plan = Plan((slice(10, 90, 2), -1), (100, 50), (30, 50))
    >>> plan.shape, plan.n
    ((40,), 3)
    >>> plan.projections(0)
    [(0, 10, 0, 10), (1, 0, 10, 15), (2, 0, 25, 15)]
    """

    def __init__(self, key, tuple shape, tuple chunks):
        self.ndim = <int>len(shape)
        self.scalar = True
        self.n = 1
        cdef tuple items = self.expand(key)
        try:
            self.take(items, shape, chunks)
        except ValueError:  # a step is 0; NumPy says first if an integer has more than 64 bits
            for item in items:
                if item is not None and type(item) is not slice:
                    PyNumber_AsSsize_t(item, IndexError)
            raise

    cdef int take(self, tuple items, tuple shape, tuple chunks) except -1:
        cdef int axis = 0
        cdef list result = []
        for item in items:
            if item is None:
                result.append(1)
                self.scalar = False
                continue
            if type(item) is slice:
                self.axes[axis] = <int>len(result)
                result.append(self.take_slice(axis, item, shape[axis], chunks[axis]))
                self.scalar = False
            else:
                self.axes[axis] = -1
                self.take_integer(axis, item, shape[axis], chunks[axis])
            self.n = product(self.n, self.slices[axis].nchunks)
            axis += 1
        if len(result) > MAX_NDIM:
            raise IndexError(
                f"number of dimensions must be within [0, {MAX_NDIM}], indexing result would have {len(result)}")
        self.shape = tuple(result)
        return 0

    cdef tuple expand(self, object key):
        """Return the key as a tuple with one integer or slice for each axis. None keeps its place."""
        cdef Py_ssize_t used = 0, dots = 0
        key = tuple(key) if isinstance(key, tuple) else (key,)
        for item in key:
            if item is Ellipsis:
                dots += 1
            elif item is not None:
                if type(item) is not slice and type(item) is not int:
                    check_integer(item)
                used += 1
        if dots > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        if used > self.ndim:
            raise IndexError(f"too many indices for array: array is {self.ndim}-dimensional, but {used} were indexed")
        if dots:
            self.scalar = False
            at = [i for i, item in enumerate(key) if item is Ellipsis][0]
            return key[:at] + (ALL,) * (self.ndim - used) + key[at + 1:]
        return key + (ALL,) * (self.ndim - used) if used < self.ndim else key

    cdef int take_integer(self, int axis, object item, Py_ssize_t length, Py_ssize_t size) except -1:
        cdef Py_ssize_t start = PyNumber_AsSsize_t(item, IndexError)
        if start < -length or start >= length:
            raise IndexError(f"index {item} is out of bounds for axis {axis} with size {length}")
        self.flipped[axis] = False
        slice_set(&self.slices[axis], start + length if start < 0 else start, 1, 1, size)
        return 0

    cdef Py_ssize_t take_slice(self, int axis, slice item, Py_ssize_t length, Py_ssize_t size) except -1:
        cdef Py_ssize_t start, stop, step, count
        if item is ALL:
            start, step, count = 0, 1, length
        else:
            PySlice_Unpack(item, &start, &stop, &step)
            count = PySlice_AdjustIndices(length, &start, &stop, step)
        if count <= 1:
            start, step = (start if count else 0), 1
        self.flipped[axis] = step < 0
        if step < 0:
            start += (count - 1) * step
            step = -step
        slice_set(&self.slices[axis], start, step, count, size)
        return count

    cdef char *bind(self, object out, Py_ssize_t *strides) except NULL:
        """Return the address of the result's element for the first element of each axis; set the stride along each axis."""
        cdef char *data = <char *>cnp.PyArray_DATA(out)
        cdef cnp.npy_intp *steps = cnp.PyArray_STRIDES(out)
        cdef int axis
        for axis in range(self.ndim):
            strides[axis] = steps[self.axes[axis]] if self.axes[axis] >= 0 else 0
            if self.flipped[axis]:
                data += (self.slices[axis].count - 1) * strides[axis]
                strides[axis] = -strides[axis]
        return data

    def projections(self, int axis):
        """Return [(chunk, first element in the chunk, first element of the result, count)] along one axis."""
        cdef ChunkProjection projection
        cdef Py_ssize_t r
        result = []
        for r in range(self.slices[axis].nchunks):
            slice_project(&self.slices[axis], r, &projection)
            result.append((projection.chunk, projection.src, projection.dst, projection.count))
        return result

    def ranges(self):
        """Return, for each axis of the array, the range of selected elements and the axis of the result, or -1.

        >>> Plan((slice(None, None, -10), -1), (40, 50), (30, 50)).ranges()
        [(range(39, -1, -10), 0), (range(49, 50), -1)]
        """
        cdef AxisSlice *axis_slice
        cdef int axis
        result = []
        for axis in range(self.ndim):
            axis_slice = &self.slices[axis]
            along = range(axis_slice.start, axis_slice.start + axis_slice.count * axis_slice.step, axis_slice.step)
            result.append((along[::-1] if self.flipped[axis] else along, self.axes[axis]))
        return result

    def view(self, out):
        """Return a view of the result with the axes of the array, along which the elements ascend."""
        cdef int axis
        cdef list kept = [0] * len(self.shape), spread = []
        for axis in range(self.ndim):
            spread.append(None if self.axes[axis] < 0 else ALL)
            if self.axes[axis] >= 0:
                kept[self.axes[axis]] = slice(None, None, -1) if self.flipped[axis] else ALL
        return out[(*kept, ...)][(*spread, ...)]

    def block(self, Py_ssize_t i):
        """Return the index of the i-th chunk, the selection of its elements, and that of their places in `view`.

        Both selections end with an ellipsis, so they select arrays, not elements, also without axes.

        >>> Plan((slice(10, 90, 2), -1), (100, 50), (30, 50)).block(1)
        ((1, 0), (slice(0, 29, 2), slice(49, 50, 1), Ellipsis), (slice(10, 25, None), slice(0, 1, None), Ellipsis))
        """
        cdef ChunkProjection projection
        cdef int axis
        cdef Py_ssize_t step
        cdef list index = [0] * self.ndim, source = [ALL] * self.ndim, place = [ALL] * self.ndim
        for axis in range(self.ndim - 1, -1, -1):
            slice_project(&self.slices[axis], i % self.slices[axis].nchunks, &projection)
            i //= self.slices[axis].nchunks
            step = self.slices[axis].step
            index[axis] = projection.chunk
            source[axis] = slice(projection.src, projection.src + (projection.count - 1) * step + 1, step)
            place[axis] = slice(projection.dst, projection.dst + projection.count)
        return tuple(index), (*source, ...), (*place, ...)


def chunk_plan(index, tuple shape, tuple chunks, tuple stored):
    """Return the plan of one whole chunk, also of one that extends beyond the array.

    The array has `shape` and is read in `chunks`, which are in stored objects of shape `stored` (shards, or the chunks
    themselves). Raise IndexError if the chunk does not exist. A chunk index is a name, so negative numbers are refused.
    """
    cdef Plan plan = Plan.__new__(Plan)
    cdef int axis
    cdef Py_ssize_t number, size, length
    if type(index) is not tuple:
        index = tuple(index)
    if len(index) != len(shape):
        raise IndexError(f"chunk index {index} has {len(index)} numbers, but the array has {len(shape)} dimensions")
    plan.ndim = <int>len(shape)
    plan.n = 1
    plan.shape = chunks
    for axis in range(plan.ndim):
        if type(index[axis]) is not int:
            check_integer(index[axis])
        number, size, length = PyNumber_AsSsize_t(index[axis], IndexError), chunks[axis], shape[axis]
        if number < 0 or length == 0 or number > (length - 1) // size:
            raise IndexError(f"there is no chunk {index}: the array has shape {shape} and chunks {chunks}")
        slice_set(&plan.slices[axis], number * size, 1, size, stored[axis])
        plan.slices[axis].nchunks = 1
        plan.axes[axis] = axis
    return plan
