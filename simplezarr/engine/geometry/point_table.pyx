"""Points on some axes of an array: index arrays that belong together become a table of chunks.

The cost follows the number of points, plus a sort unless they are sorted. It depends neither on the number of chunks nor
on the box around the points. Like the plan of a basic selection, this module has only integers.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals

import numpy as np

cnp.import_array()

cdef enum:
    RUN = 1 << 22  # points between two looks for Ctrl-C

cdef Py_ssize_t LARGEST = 0x3fffffffffffffff


cdef Py_ssize_t *integers(object array) noexcept:
    return <Py_ssize_t *>cnp.PyArray_DATA(array)


cdef void add_units(const Py_ssize_t *index, Py_ssize_t n, Py_ssize_t size, Py_ssize_t per, Py_ssize_t lowest,
                    Py_ssize_t objects, Py_ssize_t stride, Py_ssize_t *number, Py_ssize_t *inner,
                    Py_ssize_t *src) noexcept nogil:
    """Add one axis to each point's number of stored object, number of unit in it, and offset in the unit."""
    cdef Py_ssize_t p, unit, obj
    for p in range(n):
        unit = index[p] // size
        src[p] += (index[p] - unit * size) * stride
        if per > 1:
            obj = unit // per
            inner[p] = inner[p] * per + unit - obj * per
            unit = obj
        number[p] = number[p] * objects + unit - lowest


cdef bint is_sorted(const Py_ssize_t *numbers, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(1, n):
        if numbers[p] < numbers[p - 1]:
            return False
    return True


cdef void count_numbers(const Py_ssize_t *number, Py_ssize_t n, Py_ssize_t lowest, Py_ssize_t *count) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        count[number[p] - lowest] += 1


cdef Py_ssize_t add_up(Py_ssize_t *counts, Py_ssize_t n, Py_ssize_t total) noexcept nogil:
    """Replace each count by `total` plus the counts before it; return `total` plus all counts."""
    cdef Py_ssize_t i, count
    for i in range(n):
        count = counts[i]
        counts[i] = total
        total += count
    return total


cdef void put_in_order(const Py_ssize_t *number, Py_ssize_t first, Py_ssize_t last, Py_ssize_t lowest, Py_ssize_t *place,
                       Py_ssize_t *order) noexcept nogil:
    cdef Py_ssize_t p, i
    for p in range(first, last):
        i = number[p] - lowest
        order[place[i]] = p
        place[i] += 1


def taken(array, order):
    """Return array.take(order); look for Ctrl-C between runs."""
    cdef Py_ssize_t first, n = len(order)
    if n <= RUN:
        return array.take(order)
    result = np.empty(n, array.dtype)
    for first in range(0, n, RUN):
        result[first : first + RUN] = array.take(order[first : first + RUN])
        PyErr_CheckSignals()
    return result


cdef object sorting(object numbers, Py_ssize_t n):
    """Return the stable order that sorts the numbers. Dense numbers are sorted by counting."""
    cdef Py_ssize_t lowest = numbers.min(), extent = <Py_ssize_t>numbers.max() - lowest
    cdef Py_ssize_t p, total = 0
    cdef const Py_ssize_t *number = integers(numbers)
    cdef Py_ssize_t *first
    cdef Py_ssize_t *order
    if extent > 4 * n:
        return np.argsort(numbers, kind="stable")
    firsts, result = np.zeros(extent + 1, np.intp), np.empty(n, np.intp)
    first, order = integers(firsts), integers(result)
    for p in range(0, n, RUN):
        count_numbers(number + p, min(n - p, <Py_ssize_t>RUN), lowest, first)
        PyErr_CheckSignals()
    for p in range(0, extent + 1, RUN):
        total = add_up(first + p, min(extent + 1 - p, <Py_ssize_t>RUN), total)
        PyErr_CheckSignals()
    for p in range(0, n, RUN):
        put_in_order(number, p, min(n, p + RUN), lowest, first, order)
        PyErr_CheckSignals()
    return result


def rank(numbers):
    """Return the rank of each number among the different numbers."""
    return np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.intp, copy=False)


def changes(numbers):
    """Return the positions at which runs of equal numbers begin."""
    return np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))


cdef class PointTable:
    """Points of an array, given by index arrays for some of its axes, and the chunks that hold them.

    axes: axes of the array, in the order of `indices`
    indices: for each axis a one-dimensional intp array of length n; negative numbers count from the end
    shape: of the array
    stored, units: shapes of stored objects and of the units of reading in them
    strides: of a unit's native form, in bytes

    Raises IndexError for a point outside the array.

    >>> points = PointTable((0,), [np.array([7, -1, 2, 8])], 4, (10,), (6,), (3,), (4,))
    >>> points.table()  # stored object, unit in it, offsets in the unit, positions among the given points
    [((0,), (0,), [8], [2]), ((1,), (0,), [4, 8], [0, 3]), ((1,), (1,), [0], [1])]
    """

    def __init__(self, tuple axes, list indices, Py_ssize_t n, tuple shape, tuple stored, tuple units, tuple strides):
        cdef int k
        self.groups.naxes, self.groups.npoints, self.per_object = <int>len(axes), n, 1
        for k in range(self.groups.naxes):
            axis = axes[k]
            self.groups.axes[k] = axis
            self.lengths[k], self.sizes[k], self.strides[k] = shape[axis], units[axis], strides[axis]
            self.per[k] = <Py_ssize_t>stored[axis] // self.sizes[k]
            self.per_object *= self.per[k]
        indices = [self.wrap(index, k) for k, index in enumerate(indices)]
        self.group(indices, self.number(indices) if n else np.empty(0, np.intp))

    cdef object wrap(self, object index, int k):
        """Return the index array with negative numbers replaced. Raise IndexError if one is out of bounds."""
        cdef Py_ssize_t length = self.lengths[k], low, high
        if index.size == 0:
            return index
        low, high = index.min(), index.max()
        PyErr_CheckSignals()
        if low < -length or high >= length:
            wrong = index[(index < -length) | (index >= length)][0]
            raise IndexError(f"index {wrong} is out of bounds for axis {self.groups.axes[k]} with size {length}")
        return np.where(index < 0, index + length, index) if low < 0 else np.ascontiguousarray(index)

    cdef object number(self, list indices):
        """Sort the points by stored object and unit; return both as one number for each point, ascending."""
        cdef Py_ssize_t n = self.groups.npoints, total = 1, lowest, count, size, p
        cdef int k
        numbers, inner, src = np.zeros(n, np.intp), np.zeros(n, np.intp), np.zeros(n, np.intp)
        for k in range(self.groups.naxes):
            size = self.sizes[k] * self.per[k]
            lowest = <Py_ssize_t>indices[k].min() // size
            count = <Py_ssize_t>indices[k].max() // size - lowest + 1
            fits = count <= LARGEST // self.per_object // total
            places = numbers if fits else np.zeros(n, np.intp)
            for p in range(0, n, RUN):
                add_units(integers(indices[k]) + p, min(n - p, <Py_ssize_t>RUN), self.sizes[k], self.per[k], lowest, count,
                          self.strides[k], integers(places) + p, integers(inner) + p, integers(src) + p)
                PyErr_CheckSignals()
            if fits:
                total *= count
            else:  # ranks of the places, because numbers in the grid do not fit
                numbers, total = rank(rank(numbers) * n + rank(places)), n
        if self.per_object > 1:
            numbers = numbers * self.per_object + inner
        self.order = None
        if not is_sorted(integers(numbers), n):
            self.order = sorting(numbers, n)
            numbers, src = taken(numbers, self.order), taken(src, self.order)
        self.groups.src, self.kept = integers(src), (src,)
        return numbers

    cdef int group(self, list indices, object numbers) except -1:
        """Make the tables of groups, which begin at changes of the numbers."""
        cdef PointGroups *groups = &self.groups
        cdef int k
        starts = changes(numbers)
        PyErr_CheckSignals()
        object_first = changes(numbers[starts] // self.per_object)
        firsts = starts if self.order is None else self.order[starts]
        groups.nunits, groups.nobjects = len(starts), len(object_first)
        objects = np.empty((groups.nobjects, groups.naxes), np.intp)
        units = np.empty((groups.nunits, groups.naxes), np.intp)
        for k in range(groups.naxes):
            places = indices[k][firsts] // self.sizes[k]
            units[:, k] = places % self.per[k]
            objects[:, k] = places[object_first] // self.per[k]
        object_first, starts = np.append(object_first, groups.nunits), np.append(starts, groups.npoints)
        groups.objects, groups.object_first = integers(objects), integers(object_first)
        groups.units, groups.unit_first = integers(units), integers(starts)
        self.kept = (self.kept, objects, object_first, units, starts)
        return 0

    def table(self):
        """Return [(stored object, unit in it, offsets of points in the unit, their positions among the given points)]."""
        cdef const PointGroups *groups = &self.groups
        cdef Py_ssize_t i, u, p
        result = []
        for i in range(groups.nobjects):
            for u in range(groups.object_first[i], groups.object_first[i + 1]):
                points = range(groups.unit_first[u], groups.unit_first[u + 1])
                result.append((
                    tuple([groups.objects[i * groups.naxes + k] for k in range(groups.naxes)]),
                    tuple([groups.units[u * groups.naxes + k] for k in range(groups.naxes)]),
                    [groups.src[p] for p in points],
                    [p if self.order is None else int(self.order[p]) for p in points]))
        return result
