"""Read what a call asks for, or a batch of calls, by the job that suits the store."""

from math import prod

import numpy as np

from simplezarr.csrc.array cimport SZ_NONTEMPORAL
from simplezarr.engine.jobs.batch_table cimport batch_regions, box_regions, place_offsets
from simplezarr.engine.jobs.chunk_source cimport ChunkSource
from simplezarr.engine.jobs.read cimport ReadJob
from simplezarr.engine.jobs.read_file_ranges cimport FileRangeReadJob
from simplezarr.engine.jobs.region_table cimport RegionTable, regions_of
from simplezarr.engine.memory.result_pool import empty
from simplezarr.runtime import executor
from simplezarr.runtime.runs import assign

cdef enum:
    NONTEMPORAL_BYTES = 8 << 20   # a result of this size leaves the caches before it is complete
    NONTEMPORAL_BOXES = 4 << 20   # boxes of this size do, because nobody looks at them before others are read


def read(ChunkSource source, selected, out, fields=None):
    """Decode what is selected into `out`.

    selected: a `Plan` over stored objects, or a `ListedSelection`.
    out: an array of its shape. If it has another data type than the pipeline, elements are cast chunk by chunk.
    fields: the name of a field of records, or a list of names, if `out` is for these alone.

    Raise ChunkError for a chunk that cannot be decoded, OSError if the system refuses to read.
    """
    cdef RegionTable table = regions_of(source, selected, out)
    cdef int nontemporal
    if table.cast_for(out, fields) and out.dtype.hasobject:  # what it refers to takes more memory than these values
        values = empty(out.shape, source.pipeline.dtype)
        read(source, selected, values)
        assign(out, values if fields is None else values[fields])
    else:
        nontemporal = SZ_NONTEMPORAL if out.nbytes >= NONTEMPORAL_BYTES else 0
        table.layout.transform |= nontemporal
        run(source, table, nontemporal if table.layout.nlists == 0 and table.layout.straight else 0, 0)


def read_batch(ChunkSource source, tuple shape, list plans, list outs):
    """Do `read` for each plan of an array of `shape`, all into arrays of one data type; read each chunk only once."""
    cdef RegionTable table = batch_regions(source, shape, plans, outs)
    if outs and table.cast_for(outs[0], None) and outs[0].dtype.hasobject:
        for plan, out in zip(plans, outs):
            read(source, plan, out)
    else:
        run(source, table, 0, 0)


def read_boxes(ChunkSource source, tuple shape, starts, tuple lengths, first, list outs, out, row, conversion, int threads):
    """Decode boxes of one shape, `lengths`, of an array of `shape`, and each chunk once.

    starts: the first element of each, as integers of shape (boxes, axes); the boxes lie within the array.
    first: one of the arrays that has rows, for its data type and its strides along the axes of a box.
    outs: arrays with a row for each box. out, row: the number of each box's array, and its row there, as intp.
    conversion: None, or (scale, offset, axis) as `convert` takes them, to numbers of the data type of `first`.
    threads: the most threads that work on it; 0: as many as `read` has.

    Raise as `read`.
    """
    places = place_offsets(first, outs, np.ascontiguousarray(out, np.intp), np.ascontiguousarray(row, np.intp))
    cdef RegionTable table = box_regions(source, shape, starts, lengths, first, places)
    if conversion is None:
        table.cast_for(first, None)
    else:
        scale, offset, axis = conversion
        table.convert_for(first, scale, offset, axis)
    if len(starts) * prod(lengths) * first.itemsize >= NONTEMPORAL_BOXES:
        table.layout.transform |= SZ_NONTEMPORAL
    run(source, table, 0, threads)


cdef int run(ChunkSource source, RegionTable table, int nontemporal, int most) except -1:
    """Run the job, in at most so many threads unless `most` is 0."""
    cdef ReadJob job
    cdef int width = executor.get_num_threads()
    if table.nobjects:
        if source.find_file_ranges is None:
            job = ReadJob.__new__(ReadJob)
        else:
            job = FileRangeReadJob.__new__(FileRangeReadJob)
        job.source, job.table, job.pipeline, job.nontemporal = source, table, &source.pipeline.compiled, nontemporal
        width = job.split(min(width, most) if most else width)
        job.run(min(width, most) if most else width)  # more than may compute, if they wait for a store
    return 0
