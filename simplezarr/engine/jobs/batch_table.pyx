"""Find the regions of many basic selections that each have a place of their own.

Each stored object is read once for all of them. An entry of a batch is the part of one selection in one chunk. The entries
are grouped by chunk as points are.

Boxes of one shape need no `Plan` each: their selections are made from an array of numbers.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals

import numpy as np

from simplezarr.engine.geometry.plan cimport (
    MAX_NDIM, AxisSlice, ChunkProjection, Plan, product, slice_project, slice_set)
from simplezarr.engine.geometry.point_table import taken
from simplezarr.engine.jobs.chunk_source cimport ChunkSource
from simplezarr.engine.jobs.region_table cimport BatchSelection, RegionTable, RequestLayout

cnp.import_array()

cdef enum:
    RUN = 1 << 18  # boxes between two looks for Ctrl-C


cdef Py_ssize_t *integers(object array) noexcept:
    return <Py_ssize_t *>cnp.PyArray_DATA(array)


cdef RegionTable batch_regions(ChunkSource source, tuple shape, list plans, list outs):
    """Return the regions of a batch of basic selections of an array of `shape`. Each has an array in `outs`."""
    cdef RegionTable table = RegionTable.__new__(RegionTable, source)
    cdef RequestLayout *layout = &table.layout
    cdef Py_ssize_t i, nplans = len(plans)
    cdef int ndim = layout.ndim
    memory = np.empty((nplans, sizeof(BatchSelection)), np.uint8)
    slices, strides = np.empty((nplans * ndim, sizeof(AxisSlice)), np.uint8), np.empty(nplans * ndim, np.intp)
    for i in range(nplans):
        bind_selection(layout, plans[i], outs[i], <BatchSelection *>cnp.PyArray_DATA(memory) + i,
                       <AxisSlice *>cnp.PyArray_DATA(slices) + i * ndim, integers(strides) + i * ndim)
    bind_batch(table, shape, memory)
    table.kept += [memory, slices, strides]
    return table


cdef int bind_selection(const RequestLayout *layout, Plan plan, object out, BatchSelection *selection, AxisSlice *slices,
                        Py_ssize_t *strides) except -1:
    cdef int d
    selection.n, selection.slices, selection.strides = 1, slices, strides
    selection.data = plan.bind(out, strides)
    for d in range(layout.ndim):
        slice_set(&slices[d], plan.slices[d].start, plan.slices[d].step, plan.slices[d].count, layout.shape[d])
        selection.n = product(selection.n, slices[d].nchunks)
    return 0


cdef int bind_batch(RegionTable table, tuple shape, object memory) except -1:
    """Add a batch, whose selections `memory` holds: list their entries, and group these by chunk."""
    cdef RequestLayout *layout = &table.layout
    cdef const BatchSelection *batch = <const BatchSelection *>cnp.PyArray_DATA(memory)
    cdef Py_ssize_t n = 0, k = 0, i, nselections = len(memory)
    cdef int ndim = layout.ndim, d
    for i in range(nselections):
        n += batch[i].n
    entries, indices = np.empty((n, 2), np.intp), [np.empty(n, np.intp) for _ in range(ndim)]
    cdef Py_ssize_t *index[MAX_NDIM]
    for d in range(ndim):
        index[d] = integers(indices[d])
    for i in range(nselections):
        list_entries(i, &batch[i], ndim, integers(entries) + 2 * k, index, k)
        k += batch[i].n
        if i % RUN == RUN - 1:
            PyErr_CheckSignals()
    layout.batch, layout.entries = batch, integers(entries)
    points = table.points(shape, tuple(range(ndim)), indices, n)
    table.bind_points([points], [np.arange(n) if points.order is None else points.order])
    table.kept.append(entries)
    return 0


cdef void list_entries(Py_ssize_t number, const BatchSelection *selection, int ndim, Py_ssize_t *entries,
                       Py_ssize_t **index, Py_ssize_t k) noexcept nogil:
    """List the entries of a selection, and the first element of each along each axis: number k and those behind it."""
    cdef const AxisSlice *axis_slice
    cdef ChunkProjection projection
    cdef Py_ssize_t i, inner = selection.n
    cdef int d
    for i in range(selection.n):
        entries[2 * i], entries[2 * i + 1] = number, i
    for d in range(ndim if inner else 0):
        axis_slice = &selection.slices[d]
        inner //= axis_slice.nchunks
        for i in range(selection.n):
            slice_project(axis_slice, i // inner % axis_slice.nchunks, &projection)
            index[d][k + i] = projection.chunk * axis_slice.size + projection.src


# ---------------------------------------------------------------- boxes of one shape

cdef object place_offsets(object first, list outs, object out, object row):
    """Return the bytes from the first element of an array to the place of each box (intp).

    outs: arrays with a row for each box. out, row: the number of each box's array, and its row there; intp, contiguous.
    """
    cdef Py_ssize_t i, n = len(out), nouts = len(outs)
    bases, steps, places = np.empty(nouts, np.intp), np.empty(nouts, np.intp), np.empty(n, np.intp)
    cdef Py_ssize_t *base = integers(bases)
    cdef Py_ssize_t *step = integers(steps)
    cdef Py_ssize_t *place = integers(places)
    cdef const Py_ssize_t *number = integers(out)
    cdef const Py_ssize_t *at = integers(row)
    for i in range(nouts):
        base[i] = <char *>cnp.PyArray_DATA(outs[i]) - <char *>cnp.PyArray_DATA(first)
        step[i] = cnp.PyArray_STRIDE(outs[i], 0)
    for i in range(n):
        place[i] = base[number[i]] + at[i] * step[number[i]]
    return places


cdef RegionTable box_regions(ChunkSource source, tuple shape, object starts, tuple lengths, object out, object places):
    """Return the regions of boxes of one shape, `lengths`, in an array of `shape`.

    starts: the first element of each, within the array; of shape (boxes, axes), intp and contiguous.
    out: an array with one more axis in front, with the strides of each box's elements along the others.
    places: bytes from the first element of `out` to that of each box.
    """
    cdef RegionTable table = RegionTable.__new__(RegionTable, source)
    cdef int d
    varying = [d for d in range(len(lengths)) if (starts[:, d] != starts[0, d]).any()]
    if varying and all(lengths[d] == 1 for d in varying):
        bind_points_of_boxes(table, shape, starts, lengths, varying, places)
        for d in range(table.layout.ndim):
            table.layout.dst_strides[d] = cnp.PyArray_STRIDE(out, d + 1)
        table.layout.data = <char *>cnp.PyArray_DATA(out)
    else:
        bind_boxes(table, shape, starts, lengths, out, places)
    return table


cdef int bind_points_of_boxes(RegionTable table, tuple shape, object starts, tuple lengths, list axes,
                              object places) except -1:
    """Add boxes that are one element long on all axes on which they differ: as points there, times a basic selection."""
    cdef int d
    indices = [starts[:, d] for d in axes]
    points = table.points(shape, tuple(axes), indices, len(starts))
    table.bind_points([points], [places if points.order is None else taken(places, points.order)])
    key = tuple([0 if d in axes else slice(int(starts[0, d]), int(starts[0, d]) + lengths[d]) for d in range(len(shape))])
    table.bind_slices(Plan(key, shape, table.source.pipeline.shape))
    return 0


cdef int bind_boxes(RegionTable table, tuple shape, object starts, tuple lengths, object out, object places) except -1:
    """Add boxes as a batch."""
    cdef const RequestLayout *layout = &table.layout
    cdef Py_ssize_t n = len(starts), i
    cdef int ndim = layout.ndim, d
    cdef Py_ssize_t length[MAX_NDIM]
    memory, strides = np.empty((n, sizeof(BatchSelection)), np.uint8), np.empty(ndim, np.intp)
    slices = np.empty((n * ndim, sizeof(AxisSlice)), np.uint8)
    cdef BatchSelection *batch = <BatchSelection *>cnp.PyArray_DATA(memory)
    for d in range(ndim):
        length[d], integers(strides)[d] = lengths[d], cnp.PyArray_STRIDE(out, d + 1)
    for i in range(n):
        batch[i].data = <char *>cnp.PyArray_DATA(out) + integers(places)[i]
        batch[i].slices, batch[i].strides = <AxisSlice *>cnp.PyArray_DATA(slices) + i * ndim, integers(strides)
        batch[i].n = set_slices(layout, integers(starts) + i * ndim, length, <AxisSlice *>batch[i].slices)
        if i % RUN == RUN - 1:
            PyErr_CheckSignals()
    bind_batch(table, shape, memory)
    table.kept += [memory, slices, strides]
    return 0


cdef Py_ssize_t set_slices(const RequestLayout *layout, const Py_ssize_t *start, const Py_ssize_t *length,
                           AxisSlice *slices) noexcept nogil:
    """Set the slices of a box. Return the number of chunks that it touches."""
    cdef Py_ssize_t n = 1
    cdef int d
    for d in range(layout.ndim):
        slice_set(&slices[d], start[d], 1, length[d], layout.shape[d])
        n *= slices[d].nchunks
    return n
