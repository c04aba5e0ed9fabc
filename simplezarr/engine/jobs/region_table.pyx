"""Selections that want several regions of one unit of reading, so that each unit is fetched and decoded once.

Two kinds: lists of points on some axes times a basic selection of the others (`Scatter.select`), and a batch of basic
selections (`Scatter.crop`), whose entries, each a crop's part of one unit, are points too. The tables are as long as there
are points or entries; what lies between two of them costs nothing.
"""

cimport numpy as cnp
from libc.stdlib cimport free, malloc

import numpy as np

from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS, sz_points
from simplezarr.engine.chunks.moves cimport Move, move_points
from simplezarr.engine.chunks.pipeline cimport (
    CodecPipeline, pipeline_is_shard, region_extent, region_fill, region_offset, region_permute, region_copy_out)
from simplezarr.engine.geometry.plan cimport product, slice_project, slice_set
from simplezarr.engine.geometry.point_table cimport PointTable
from simplezarr.engine.geometry.point_table import taken
from simplezarr.engine.kernels.context cimport pause

cnp.import_array()


# ---------------------------------------------------------------- what is touched

cdef void scatter_object(const Layout *layout, Py_ssize_t i, Touched *object) noexcept nogil:
    """Stored object number i of those that are touched."""
    cdef const PointGroups *groups
    cdef ChunkProjection projection
    cdef Py_ssize_t g
    cdef int d, k
    object.layout, object.n, object.data = layout, 1, layout.data
    for k in range(layout.nlists):
        groups = layout.lists[k]
        g = i % groups.nobjects
        i //= groups.nobjects
        object.first[k] = groups.object_first[g]
        object.count[k] = groups.object_first[g + 1] - object.first[k]
        object.n *= object.count[k]
        for d in range(groups.naxes):
            object.index[groups.axes[d]] = groups.objects[g * groups.naxes + d]
    for d in range(layout.ndim - 1, -1, -1):
        if layout.list_of[d] < 0:
            slice_project(&layout.slices[d], i % layout.slices[d].nchunks, &projection)
            i //= layout.slices[d].nchunks
            object.index[d] = projection.chunk
            object.data += projection.dst * layout.dst_strides[d]
            slice_set(&object.slices[d], projection.src, layout.slices[d].step, projection.count, layout.units[d])
            object.n *= object.slices[d].nchunks


cdef void scatter_unit(const Touched *object, Py_ssize_t k, Unit *unit) noexcept nogil:
    """Unit number k of those of the object that are touched."""
    cdef const Layout *layout = object.layout
    cdef const PointGroups *groups
    cdef Py_ssize_t u
    cdef int d, j
    unit.number, unit.regions, unit.src, unit.data = 0, 1, 0, object.data
    for j in range(layout.nlists):
        groups = layout.lists[j]
        u = object.first[j] + k % object.count[j]
        k //= object.count[j]
        unit.first[j] = groups.unit_first[u]
        unit.lists[j].n = groups.unit_first[u + 1] - unit.first[j]
        unit.lists[j].src = groups.src + unit.first[j]
        unit.lists[j].dst = layout.places[j] + unit.first[j]
        unit.regions *= unit.lists[j].n
        for d in range(groups.naxes):
            unit.number += groups.units[u * groups.naxes + d] * layout.scale[groups.axes[d]]
    for d in range(layout.ndim - 1, -1, -1):
        if layout.list_of[d] < 0:
            slice_project(&object.slices[d], k % object.slices[d].nchunks, &unit.projections[d])
            k //= object.slices[d].nchunks
            unit.number += unit.projections[d].chunk * layout.scale[d]
            unit.src += unit.projections[d].src * layout.strides[d]
            unit.data += unit.projections[d].dst * layout.dst_strides[d]


cdef void crop_region(const Layout *layout, Py_ssize_t entry, Region *region) noexcept nogil:
    """What a crop wants of the unit that the entry stands for."""
    cdef const Crop *crop = &layout.crops[layout.entries[2 * entry]]
    cdef Py_ssize_t number = layout.entries[2 * entry + 1]
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef int d, axis
    region.data = crop.data
    for d in range(layout.ndim - 1, -1, -1):
        axis_slice = &crop.slices[d]
        slice_project(axis_slice, number % axis_slice.nchunks, &projection)
        number //= axis_slice.nchunks
        axis = layout.order[d]
        region.start[axis], region.step[axis], region.count[axis] = projection.src, axis_slice.step, projection.count
        region.strides[axis] = crop.strides[d]
        region.data += projection.dst * region.strides[axis]


cdef void scatter_region(const Layout *layout, const Unit *unit, Py_ssize_t number, Region *region) noexcept nogil:
    """Region number `number` of a unit, in the order of axes that the unit's chain takes."""
    cdef Py_ssize_t p, src = unit.src
    cdef int d, j, axis
    if layout.crops != NULL:
        crop_region(layout, unit.lists[0].dst[number], region)
        return
    region.data = unit.data
    for d in range(layout.ndim):
        if layout.list_of[d] < 0:
            axis = layout.order[d]
            region.start[axis], region.step[axis] = unit.projections[d].src, layout.slices[d].step
            region.count[axis], region.strides[axis] = unit.projections[d].count, layout.dst_strides[d]
    for j in range(layout.nlists - 1, -1, -1):
        p = number % unit.lists[j].n
        number //= unit.lists[j].n
        region.data += unit.lists[j].dst[p]
        for d in range(layout.lists[j].naxes):
            axis = layout.lists[j].axes[d]
            src = unit.lists[j].src[p] // layout.strides[axis] % layout.units[axis]
            axis = layout.order[axis]
            region.start[axis], region.step[axis], region.count[axis], region.strides[axis] = src, 1, 1, 0


cdef void scatter_window(const Layout *layout, const Pipeline *chain, const Unit *unit, Py_ssize_t number,
                         Window *window) noexcept nogil:
    """The bytes of the unit's native form from the first to the last element of a region.

    All regions are of one size but for crops: for them `window` must be that of a region before, unless number is 0.
    """
    cdef Region region, stored
    cdef int j
    if layout.crops != NULL or number == 0:
        scatter_region(layout, unit, number, &region)
        region_permute(chain, &region, &stored)
        window.n = region_extent(chain, &stored)
        window.start = region_offset(chain, &stored)
        return
    window.start = unit.src
    for j in range(layout.nlists - 1, -1, -1):
        window.start += unit.lists[j].src[number % unit.lists[j].n]
        number //= unit.lists[j].n


# ---------------------------------------------------------------- what is moved

cdef int unit_box(const Layout *layout, const Unit *unit, Py_ssize_t *shape, Py_ssize_t *strides,
                  Py_ssize_t *dst_strides) noexcept nogil:
    """The box that the slices select, without axes of one element; returns how many axes are left."""
    cdef int d, ndim = 0
    for d in range(layout.ndim):
        if layout.list_of[d] < 0 and unit.projections[d].count > 1:
            shape[ndim] = unit.projections[d].count
            strides[ndim] = layout.strides[d] * layout.slices[d].step
            dst_strides[ndim] = layout.dst_strides[d]
            ndim += 1
    return ndim


cdef int place_crops(Context *context, const Layout *layout, const Pipeline *chain, const Unit *unit,
                     const char *native) noexcept nogil:
    cdef Region region, stored
    cdef Py_ssize_t i
    cdef int status = SZ_OK
    for i in range(unit.regions):
        scatter_region(layout, unit, i, &region)
        if native == NULL:
            status = region_fill(context, chain, &region)
        else:
            region_permute(chain, &region, &stored)
            status = region_copy_out(context, chain, &stored, native, SZ_AS_IS)
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            break
    return status


cdef int scatter_place(Context *context, const Layout *layout, const Pipeline *chain, const Unit *unit,
                       const char *native) noexcept nogil:
    """Copies all regions of a unit, which is at `native` in native form, to their places."""
    cdef Move move
    if layout.crops != NULL:
        return place_crops(context, layout, chain, unit, native)
    move.ndim = unit_box(layout, unit, move.shape, move.strides, move.dst_strides)
    move.dst, move.src, move.value, move.itemsize = unit.data, native + unit.src, NULL, layout.itemsize
    return move_points(context, layout.nlists, unit.lists, &move)


cdef int scatter_take(Context *context, const Layout *layout, const Unit *unit, char *native) noexcept nogil:
    """The way back: what is at the places of all regions, in the order of the points, into the unit at `native`.

    Not for crops, which are only read.
    """
    cdef Move move
    cdef sz_points lists[MAX_NDIM]
    cdef int j
    for j in range(layout.nlists):
        lists[j].n, lists[j].src, lists[j].dst = unit.lists[j].n, unit.lists[j].dst, unit.lists[j].src
    move.ndim = unit_box(layout, unit, move.shape, move.dst_strides, move.strides)
    move.dst, move.src, move.value, move.itemsize = native + unit.src, unit.data, NULL, layout.itemsize
    return move_points(context, layout.nlists, lists, &move)


cdef int scatter_fill(Context *context, const Layout *layout, const Pipeline *chain, const Unit *unit) noexcept nogil:
    """Fills the places of all regions of a unit that is not stored."""
    cdef Move move
    if layout.crops != NULL:
        return place_crops(context, layout, chain, unit, NULL)
    move.ndim = unit_box(layout, unit, move.shape, move.strides, move.dst_strides)
    move.dst, move.src, move.value, move.itemsize = unit.data, NULL, chain.fill, layout.itemsize
    return move_points(context, layout.nlists, unit.lists, &move)


# ---------------------------------------------------------------- making one

cdef Py_ssize_t *integers(object array) noexcept:
    return <Py_ssize_t *>cnp.PyArray_DATA(array)


cdef object list_places(object out, tuple axes, object order):
    """Bytes from out's first element to each point's place; `axes` are those of out that the points lie along."""
    places = np.zeros(1, np.intp)
    for axis in axes:
        places = np.add.outer(places, np.arange(out.shape[axis]) * out.strides[axis]).ravel()
    return places if order is None else taken(places, order)


cdef class Scatter:
    """Which regions of which units a selection wants, of an array of `shape` that is stored through `pipeline`.

    `select` or `crop` says what is wanted.
    """

    def __init__(self, CodecPipeline pipeline, tuple shape):
        cdef const Pipeline *chain = &pipeline.compiled
        cdef Layout *layout = &self.layout
        cdef int d, axis
        cdef bint shard = pipeline_is_shard(chain)
        cdef const Pipeline *unit = chain.inner if shard else chain
        cdef Py_ssize_t scale = 1
        layout.ndim, layout.itemsize, layout.whole_objects = chain.ndim, chain.itemsize, not shard
        for d in range(chain.ndim - 1, -1, -1):
            axis = chain.order[unit.order[d]] if shard else chain.order[d]
            layout.units[axis], layout.strides[axis] = unit.shape[d], unit.strides[d]
            layout.order[d] = d
        for d in range(chain.ndim - 1, -1, -1):
            if shard:
                layout.order[chain.order[d]] = d
                layout.scale[chain.order[d]] = scale
                scale *= chain.grid[d]
        self.kept = [pipeline, shape]

    def __dealloc__(self):
        free(self.layout.lists)
        free(self.layout.places)

    cdef int attach(self, list tables, list places) except -1:
        """PointTable the layout to its tables."""
        cdef Layout *layout = &self.layout
        cdef int k, d
        layout.nlists = <int>len(tables)
        layout.lists = <const PointGroups **>malloc((layout.nlists + 1) * sizeof(PointGroups *))
        layout.places = <const Py_ssize_t **>malloc((layout.nlists + 1) * sizeof(Py_ssize_t *))
        if layout.lists == NULL or layout.places == NULL:
            raise MemoryError("no memory for a selection")
        for d in range(layout.ndim):
            layout.list_of[d] = -1
        for k in range(layout.nlists):
            layout.lists[k], layout.places[k] = &(<PointTable>tables[k]).groups, integers(places[k])
            for d in range(layout.lists[k].naxes):
                layout.list_of[layout.lists[k].axes[d]] = k
        self.kept += [tables, places]
        return 0

    cdef PointTable points(self, tuple axes, list indices, Py_ssize_t n):
        cdef Layout *layout = &self.layout
        pipeline, shape = self.kept[:2]
        units = tuple([layout.units[d] for d in range(layout.ndim)])
        strides = tuple([layout.strides[d] for d in range(layout.ndim)])
        return PointTable(axes, indices, n, shape, pipeline.shape, units, strides)

    def select(self, Plan plan, list lists, out):
        """Lists of points times a basic selection, into `out`.

        plan: of the axes without points, over stored objects; its axes of points are placeholders. lists: for each list the
        array's axes, an intp array for each of them, the number of points, and the axes of `out` that they go along; the
        other axes of `out` are the plan's, in its order.
        """
        cdef Layout *layout = &self.layout
        cdef int d
        cdef object held = [False] * out.ndim
        tables, places = [], []
        for axes, indices, n, along in lists:
            points = self.points(axes, indices, n)
            tables.append(points)
            places.append(list_places(out, along, points.order))
            for axis in along:
                held[axis] = True
        self.attach(tables, places)
        self.n = self.nunits = 0
        if out.size == 0:
            return
        basic = out[(*[0 if h else slice(None) for h in held], ...)]
        layout.data = plan.bind(basic, layout.dst_strides)
        self.n = self.nunits = 1
        for d in range(layout.ndim):
            if layout.list_of[d] < 0:
                layout.slices[d] = plan.slices[d]
                self.n *= plan.slices[d].nchunks
                self.nunits *= unit_rows(&plan.slices[d], layout.units[d])
        for points in tables:
            self.n *= (<PointTable>points).groups.nobjects
            self.nunits *= (<PointTable>points).groups.nunits

    def crop(self, list plans, list outs):
        """A batch of basic selections, and the array that each goes into."""
        cdef Layout *layout = &self.layout
        cdef Py_ssize_t n = 0, i, k = 0, nchunks, ncrops = len(plans)
        cdef int ndim = layout.ndim, d
        cdef Crop *crop
        cdef Plan plan
        crops, slices = np.empty((ncrops, sizeof(Crop)), np.uint8), np.empty((ncrops * ndim, sizeof(AxisSlice)), np.uint8)
        strides = np.empty(ncrops * ndim, np.intp)
        crop = <Crop *>cnp.PyArray_DATA(crops)
        for i in range(ncrops):
            plan = plans[i]
            crop[i].slices, crop[i].strides = <AxisSlice *>cnp.PyArray_DATA(slices) + i * ndim, integers(strides) + i * ndim
            crop[i].data, crop[i].n = plan.bind(outs[i], <Py_ssize_t *>crop[i].strides), 1
            for d in range(ndim):
                slice_set(<AxisSlice *>&crop[i].slices[d], plan.slices[d].start, plan.slices[d].step, plan.slices[d].count,
                          layout.units[d])
                crop[i].n = product(crop[i].n, crop[i].slices[d].nchunks)
            n += crop[i].n
        entries, indices = np.empty((n, 2), np.intp), [np.empty(n, np.intp) for _ in range(ndim)]
        for i in range(ncrops):
            crop_entries(i, crop[i].n, integers(entries) + 2 * k)
            nchunks = crop[i].n
            for d in range(ndim if nchunks else 0):
                nchunks //= crop[i].slices[d].nchunks
                crop_starts(&crop[i].slices[d], nchunks, crop[i].n, integers(indices[d]) + k)
            k += crop[i].n
        layout.crops, layout.entries = crop, integers(entries)
        points = self.points(tuple(range(ndim)), indices, n)
        order = np.arange(n) if points.order is None else points.order
        self.kept += [crops, slices, strides, entries, outs]
        self.attach([points], [order])
        self.n, self.nunits = (<PointTable>points).groups.nobjects, (<PointTable>points).groups.nunits


cdef Py_ssize_t unit_rows(const AxisSlice *axis_slice, Py_ssize_t size) noexcept nogil:
    cdef AxisSlice finer
    slice_set(&finer, axis_slice.start, axis_slice.step, axis_slice.count, size)
    return finer.nchunks


cdef void crop_entries(Py_ssize_t crop, Py_ssize_t n, Py_ssize_t *entries) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        entries[2 * i], entries[2 * i + 1] = crop, i


cdef void crop_starts(const AxisSlice *axis_slice, Py_ssize_t inner, Py_ssize_t n, Py_ssize_t *index) noexcept nogil:
    """Along one axis, an element that each entry of a crop wants: it stands for the entry where units are told apart."""
    cdef ChunkProjection projection
    cdef Py_ssize_t i
    for i in range(n):
        slice_project(axis_slice, i // inner % axis_slice.nchunks, &projection)
        index[i] = projection.chunk * axis_slice.size + projection.src
