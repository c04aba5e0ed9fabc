"""Find the requested regions of each chunk by arithmetic, from the number of a stored object.

There are three kinds of requests:

- A basic selection has one region in each chunk that it touches.
- Lists of points on some axes, times a basic selection of the others, have several.
- A batch of basic selections has several too. Its entries, each the part of one selection in one chunk, are its points.

Each chunk is fetched and decoded once. The size of a table follows the number of points or entries, whatever the distance
between them.
"""

cimport numpy as cnp
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc

import numpy as np

from simplezarr.csrc.array cimport SZ_AS_IS
from simplezarr.engine.chunks.moves cimport set_cast, set_conversion
from simplezarr.engine.chunks.pipeline cimport pipeline_is_shard
from simplezarr.engine.geometry.plan cimport product, slice_project, slice_set
from simplezarr.engine.geometry.point_table import taken

cnp.import_array()

# ---------------------------------------------------------------- what is touched

cdef inline void set_axis(const RequestLayout *layout, int d, const ChunkProjection *projection,
                          TouchedChunk *chunk) noexcept nogil:
    """Set the chunk's region on an axis without points, from a projection."""
    cdef int axis = layout.order[d]
    chunk.region.start[axis], chunk.region.count[axis] = projection.src, projection.count
    chunk.region.step[axis], chunk.region.strides[axis] = layout.slices[d].step, layout.dst_strides[d]
    chunk.region.data += projection.dst * layout.dst_strides[d]
    if d == layout.converted:
        chunk.region.along += projection.dst


cdef Py_ssize_t set_points(const TouchedObject *object, Py_ssize_t k, TouchedChunk *chunk) noexcept nogil:
    """Set the points of each list that are in the k-th chunk of the object. Return the rest of k."""
    cdef const RequestLayout *layout = object.layout
    cdef const PointGroups *groups
    cdef Py_ssize_t u
    cdef int d, j
    for j in range(layout.nlists):
        groups = layout.lists[j]
        u = object.first[j] + k % object.count[j]
        k //= object.count[j]
        chunk.lists[j].n = groups.unit_first[u + 1] - groups.unit_first[u]
        chunk.lists[j].src = groups.src + groups.unit_first[u]
        chunk.lists[j].dst = layout.places[j] + groups.unit_first[u]
        chunk.regions *= chunk.lists[j].n
        for d in range(groups.naxes):
            chunk.number += groups.units[u * groups.naxes + d] * layout.scale[groups.axes[d]]
    return k


cdef void batch_region(const RequestLayout *layout, Py_ssize_t entry, Region *region) noexcept nogil:
    """Find the region of a batch's entry."""
    cdef const BatchSelection *selection = &layout.batch[layout.entries[2 * entry]]
    cdef Py_ssize_t number = layout.entries[2 * entry + 1]
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef int d, axis
    region.data, region.along = selection.data, 0
    for d in range(layout.ndim - 1, -1, -1):
        axis_slice = &selection.slices[d]
        slice_project(axis_slice, number % axis_slice.nchunks, &projection)
        number //= axis_slice.nchunks
        axis = layout.order[d]
        region.start[axis], region.step[axis], region.count[axis] = projection.src, axis_slice.step, projection.count
        region.strides[axis] = selection.strides[d]
        region.data += projection.dst * region.strides[axis]
        if d == layout.converted:
            region.along = projection.dst


cdef void set_first_region(const RequestLayout *layout, TouchedChunk *chunk) noexcept nogil:
    """Add the first point of each list to the chunk's region. Set where the box of the other axes begins."""
    cdef Region *region = &chunk.region
    cdef Py_ssize_t src
    cdef int d, j, axis
    chunk.src, chunk.data = 0, region.data
    for d in range(layout.ndim):
        if layout.list_of[d] < 0:
            chunk.src += region.start[layout.order[d]] * layout.strides[d]
    if layout.batch != NULL:
        batch_region(layout, chunk.lists[0].dst[0], region)
        return
    for j in range(layout.nlists):
        region.data += chunk.lists[j].dst[0]
        for d in range(layout.lists[j].naxes):
            axis = layout.lists[j].axes[d]
            src = chunk.lists[j].src[0] // layout.strides[axis] % layout.shape[axis]
            axis = layout.order[axis]
            region.start[axis], region.step[axis], region.count[axis], region.strides[axis] = src, 1, 1, 0


cdef Py_ssize_t find_points(const RequestLayout *layout, Py_ssize_t i, TouchedObject *object) noexcept nogil:
    """Find the points of each list in stored object number i. Return the rest of i."""
    cdef const PointGroups *groups
    cdef Py_ssize_t g
    cdef int d, k
    for k in range(layout.nlists):
        groups = layout.lists[k]
        g = i % groups.nobjects
        i //= groups.nobjects
        object.first[k] = groups.object_first[g]
        object.count[k] = groups.object_first[g + 1] - object.first[k]
        object.n *= object.count[k]
        for d in range(groups.naxes):
            object.index[groups.axes[d]] = groups.objects[g * groups.naxes + d]
    return i


cdef void find_object(const RequestLayout *layout, Py_ssize_t i, TouchedObject *object) noexcept nogil:
    """Find the i-th of the touched stored objects. Unless it is a shard, find its chunk too."""
    cdef TouchedChunk *chunk = &object.chunk
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef int d
    object.layout, object.n = layout, 1
    if layout.nlists:
        i = find_points(layout, i, object)
    if not layout.whole_objects:
        find_shard(layout, i, object)
        return
    chunk.number, chunk.regions, chunk.region.data, chunk.region.along = 0, 1, layout.data, 0
    for d in range(layout.ndim - 1, -1, -1):
        if layout.list_of[d] < 0:
            axis_slice = &layout.slices[d]
            slice_project(axis_slice, i % axis_slice.nchunks, &projection)
            i //= axis_slice.nchunks
            object.index[d] = projection.chunk
            set_axis(layout, d, &projection, chunk)
    if layout.nlists:
        set_points(object, 0, chunk)
        set_first_region(layout, chunk)


cdef void find_shard(const RequestLayout *layout, Py_ssize_t i, TouchedObject *object) noexcept nogil:
    """Find the place of a shard on the axes without points, and its chunks there."""
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef int d
    object.data, object.along = layout.data, 0
    for d in range(layout.ndim - 1, -1, -1):
        if layout.list_of[d] < 0:
            axis_slice = &layout.slices[d]
            slice_project(axis_slice, i % axis_slice.nchunks, &projection)
            i //= axis_slice.nchunks
            object.index[d] = projection.chunk
            object.data += projection.dst * layout.dst_strides[d]
            if d == layout.converted:
                object.along = projection.dst
            slice_set(&object.slices[d], projection.src, axis_slice.step, projection.count, layout.shape[d])
            object.n *= object.slices[d].nchunks


cdef const TouchedChunk *find_chunk(const TouchedObject *object, Py_ssize_t k, TouchedChunk *memory) noexcept nogil:
    """Return the k-th of the object's touched chunks. `memory` holds it if the object is a shard."""
    cdef const RequestLayout *layout = object.layout
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef int d
    if layout.whole_objects:
        return &object.chunk
    memory.number, memory.regions, memory.region.data, memory.region.along = 0, 1, object.data, object.along
    if layout.nlists:
        k = set_points(object, k, memory)
    for d in range(layout.ndim - 1, -1, -1):
        if layout.list_of[d] < 0:
            axis_slice = &object.slices[d]
            slice_project(axis_slice, k % axis_slice.nchunks, &projection)
            k //= axis_slice.nchunks
            memory.number += projection.chunk * layout.scale[d]
            set_axis(layout, d, &projection, memory)
    if layout.nlists:
        set_first_region(layout, memory)
    return memory


cdef void shard_region(const TouchedObject *object, Region *region) noexcept nogil:
    """Find the region of a basic selection in a whole shard."""
    cdef int d
    region.data = object.data
    for d in range(object.layout.ndim):
        region.start[d], region.step[d] = object.slices[d].start, object.slices[d].step
        region.count[d], region.strides[d] = object.slices[d].count, object.layout.dst_strides[d]


cdef bint covers_chunk(int ndim, const TouchedChunk *chunk, const Py_ssize_t *inside) noexcept nogil:
    """Return whether a single region covers the part of a chunk inside the array, whose lengths are `inside`.

    A region that has as many elements as that part has no gaps.
    """
    cdef int d
    for d in range(ndim):
        if chunk.region.count[d] != inside[d]:
            return False
    return chunk.regions == 1


cdef bint covers_object(const TouchedObject *object, const Py_ssize_t *inside) noexcept nogil:
    """Return the same for a stored object. Lists of points never cover a shard."""
    cdef int d
    if object.layout.whole_objects:
        return covers_chunk(object.layout.ndim, &object.chunk, inside)
    for d in range(object.layout.ndim if object.layout.nlists == 0 else 0):
        if object.slices[d].count != inside[d]:
            return False
    return object.layout.nlists == 0


# ---------------------------------------------------------------- making a table

cdef Py_ssize_t *integers(object array) noexcept:
    return <Py_ssize_t *>cnp.PyArray_DATA(array)


cdef object list_places(object out, tuple axes, object order):
    """Return the bytes from out's first element to that of each point; the points are along `axes` of out."""
    places = np.zeros(1, np.intp)
    for axis in axes:
        places = np.add.outer(places, np.arange(out.shape[axis]) * out.strides[axis]).ravel()
    return places if order is None else taken(places, order)


cdef Py_ssize_t count_rows(const AxisSlice *axis_slice, Py_ssize_t size) noexcept nogil:
    """Return how many chunks of `size` elements hold an element of the slice."""
    cdef AxisSlice finer
    slice_set(&finer, axis_slice.start, axis_slice.step, axis_slice.count, size)
    return finer.nchunks


cdef class RegionTable:
    """The regions of an array's chunks that one request reads or writes."""

    def __cinit__(self, ChunkSource source):
        cdef const Pipeline *pipeline = &source.pipeline.compiled
        cdef RequestLayout *layout = &self.layout
        cdef int d, axis
        cdef bint shard = pipeline_is_shard(pipeline)
        cdef Py_ssize_t scale = 1
        self.source, self.nobjects, self.nchunks = source, 1, 1
        layout.ndim, layout.whole_objects = pipeline.ndim, not shard
        layout.pipeline, layout.straight, layout.converted = pipeline.inner if shard else pipeline, 1, -1
        layout.transform = SZ_AS_IS
        for d in range(pipeline.ndim - 1, -1, -1):
            axis = pipeline.order[layout.pipeline.order[d]] if shard else pipeline.order[d]
            layout.shape[axis], layout.strides[axis] = layout.pipeline.shape[d], layout.pipeline.strides[d]
            axis = pipeline.order[d] if shard else d
            layout.order[axis], layout.scale[axis], layout.list_of[d] = d, scale, -1
            scale *= pipeline.grid[d] if shard else 1

    def __dealloc__(self):
        free(self.layout.lists)
        free(self.layout.places)

    cdef int bind_plan(self, Plan plan, object out) except -1:
        """Add the axes without points: a plan over stored objects, and the axes of `out` in its order."""
        self.layout.data = plan.bind(out, self.layout.dst_strides)
        return self.bind_slices(plan)

    cdef int bind_slices(self, Plan plan) except -1:
        """Add the axes without points, of a plan over stored objects."""
        cdef RequestLayout *layout = &self.layout
        cdef int d
        layout.slices = plan.slices
        for d in range(layout.ndim):
            if layout.list_of[d] < 0:
                self.nobjects = product(self.nobjects, plan.slices[d].nchunks)
                self.nchunks = product(self.nchunks, count_rows(&plan.slices[d], layout.shape[d]))
        self.plan = plan
        return 0

    cdef int bind_points(self, list tables, list places) except -1:
        """Add tables of points, and for each the places of its points in the result."""
        cdef RequestLayout *layout = &self.layout
        cdef int k, d
        layout.nlists = <int>len(tables)
        layout.lists = <const PointGroups **>malloc((layout.nlists + 1) * sizeof(PointGroups *))
        layout.places = <const Py_ssize_t **>malloc((layout.nlists + 1) * sizeof(Py_ssize_t *))
        if layout.lists == NULL or layout.places == NULL:
            raise MemoryError("no memory for a selection")
        for k in range(layout.nlists):
            layout.lists[k], layout.places[k] = &(<PointTable>tables[k]).groups, integers(places[k])
            self.nobjects = product(self.nobjects, layout.lists[k].nobjects)
            self.nchunks = product(self.nchunks, layout.lists[k].nunits)
            for d in range(layout.lists[k].naxes):
                layout.list_of[layout.lists[k].axes[d]] = k
        self.kept = [tables, places]
        return 0

    cdef bint cast_for(self, object out, object fields) except -1:
        """Let elements be cast if `out` has another data type than the pipeline, or only some fields; return whether."""
        dtype, native = <object><PyObject *>cnp.PyArray_DESCR(out), self.source.pipeline.dtype
        if fields is None and (dtype is native or dtype == native):
            return False
        self.cast_objects = set_cast(&self.cast, native, dtype, fields)
        self.layout.straight, self.layout.cast = 0, &self.cast
        return True

    cdef int convert_for(self, object out, object scale, object offset, int axis) except -1:
        """Let numbers be converted to the data type of `out`, with factors along an axis, or one of each if that is -1."""
        cdef int stored = -1, i
        for i in range(self.layout.ndim if axis >= 0 else 0):
            if self.layout.pipeline.order[i] == self.layout.order[axis]:
                stored = i
        set_conversion(&self.cast, self.source.pipeline.dtype, out.dtype, scale, offset, stored)
        self.cast_objects = scale, offset
        self.layout.straight, self.layout.cast, self.layout.converted = 0, &self.cast, axis
        return 0

    cdef PointTable points(self, tuple shape, tuple axes, list indices, Py_ssize_t n):
        cdef RequestLayout *layout = &self.layout
        units = tuple([layout.shape[d] for d in range(layout.ndim)])
        strides = tuple([layout.strides[d] for d in range(layout.ndim)])
        return PointTable(axes, indices, n, shape, self.source.pipeline.shape, units, strides)


cdef RegionTable regions_of(ChunkSource source, object selected, object out):
    """Return the regions of a `Plan` over stored objects, or of a `ListedSelection`; `out` holds their elements."""
    cdef RegionTable table = RegionTable.__new__(RegionTable, source)
    if isinstance(selected, Plan):
        table.bind_plan(selected, out)
        return table
    basic, tables, places = [slice(None)] * out.ndim, [], []
    for axes, indices, n, along in selected.lists():
        points = table.points(selected.of, axes, indices, n)
        tables.append(points)
        places.append(list_places(out, along, points.order))
        for axis in along:
            basic[axis] = 0
    table.bind_points(tables, places)
    if out.size == 0:
        table.nobjects = 0
    else:
        table.bind_plan(selected.plan, out[(*basic, ...)])
    return table
