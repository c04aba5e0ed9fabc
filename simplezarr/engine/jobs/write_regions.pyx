"""Writing for selections with lists of points: each unit is decoded, changed at all its points and encoded once."""

from libc.string cimport memcpy

from simplezarr.engine.jobs.object_builder cimport Unit
from simplezarr.runtime import executor
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.jobs.region_table cimport (
    Scatter, Touched, Unit as Places, scatter_object, scatter_region, scatter_take, scatter_unit)
from simplezarr.engine.jobs.chunk_source cimport Source
from simplezarr.engine.kernels.context cimport Context
from simplezarr.engine.jobs.write cimport Write


def write_selection(Source source, selection, value, tuple shape, bint keep_empty=False):
    """Stores `value` where a `Selection` of an array of `shape` points to; of several values for one place, the last.

    value: an array of the selection's shape and the pipeline's data type; else as `write`.
    """
    cdef Scatter scatter = Scatter(source.pipeline, shape)
    cdef WriteScatter job
    scatter.select(selection.plan, selection.lists(), value)
    if scatter.n:
        job = WriteScatter.__new__(WriteScatter)
        job.source, job.scatter, job.chain = source, scatter, &source.pipeline.compiled
        job.durable = source.local and source.store.durable
        job.take(value, shape, keep_empty)
        job.run(job.share(executor.get_num_threads(), scatter.n, scatter.nunits))


cdef Py_ssize_t look_up(const Touched *object, Py_ssize_t k, Places *places, Region *region) noexcept nogil:
    """Unit number k of an object: its places, the region if there is but one, else one that covers nothing."""
    scatter_unit(object, k, places)
    if places.regions == 1 or object.layout.ndim == 0:  # all are the same element: the last one counts
        scatter_region(object.layout, places, places.regions - 1, region)
    else:
        region.count[0] = -1
    return places.number


cdef class WriteScatter(Write):
    """A write under way; what is written of a stored object is a `Touched`."""

    cdef int one(self, Context *context, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        cdef Touched object
        cdef Places places
        cdef Unit unit
        cdef Region region
        scatter_object(&self.scatter.layout, i, &object)
        memcpy(index, object.index, self.chain.ndim * sizeof(Py_ssize_t))
        region.count[0] = -1
        if self.scatter.layout.whole_objects:
            look_up(&object, 0, &places, &region)
        self.begin(&unit, index, &region)
        unit.covered = unit.covered and self.scatter.layout.whole_objects
        unit.what = &object
        return self.replace(context, &unit)

    cdef void touch(self, Unit *unit) noexcept nogil:
        unit.touched = (<const Touched *>unit.what).n

    cdef Py_ssize_t touched_inner(self, Unit *unit, Py_ssize_t number, Region *region) noexcept nogil:
        cdef Places places
        return look_up(<const Touched *>unit.what, number, &places, region)

    cdef int change(self, Context *context, const Unit *unit, Py_ssize_t number, const Pipeline *chain,
                    const Region *region, char *native) noexcept nogil:
        cdef Places places
        scatter_unit(<const Touched *>unit.what, number, &places)
        return scatter_take(context, &self.scatter.layout, &places, native)
