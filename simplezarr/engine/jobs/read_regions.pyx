"""Reading for selections that want several regions of one unit: each unit is fetched and decoded once, then placed.

A unit with a single region is decoded straight into its place, as for basic selections; of an uncompressed unit in a local
file, few small regions are read without the rest.
"""

from libc.stdint cimport int64_t

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS, sz_copy
from simplezarr.csrc.codecs cimport SZ_ZSTD_SLACK
from simplezarr.csrc.io cimport sz_file, sz_read
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.decode cimport RAW_ALONE, decode_region, decode_start, read_native, read_raw
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.chunks.shard_reader cimport InnerChunkVisitor, read_inner_chunks
from simplezarr.engine.jobs.chunk_source cimport Source
from simplezarr.engine.jobs.read cimport Read
from simplezarr.engine.jobs.region_table cimport (
    Scatter, Touched, Unit, Window, scatter_fill, scatter_object, scatter_place, scatter_region, scatter_unit,
    scatter_window)
from simplezarr.engine.kernels.context cimport CHUNK_SLOT, Context, pause, scratch

cdef enum:
    A_READ = 8 << 10  # a read more costs as much as so many bytes more,
    A_REGION = 256    # and a region more as these


def read_selection(Source source, selection, out):
    """Decodes what a `Selection` wants into `out`, an array of its shape and the pipeline's data type; as `read`."""
    cdef Scatter scatter = Scatter(source.pipeline, selection.of)
    scatter.select(selection.plan, selection.lists(), out)
    run(source, scatter)


def read_batch(Source source, tuple shape, list plans, list outs):
    """Decodes what each plan of an array of `shape` selects into its own array; as `read`, but each unit only once."""
    cdef Scatter scatter = Scatter(source.pipeline, shape)
    scatter.crop(plans, outs)
    run(source, scatter)


cdef int run(Source source, Scatter scatter) except -1:
    cdef ReadScatter job
    if scatter.n:
        job = ReadScatter.__new__(ReadScatter)
        job.source, job.scatter, job.chain = source, scatter, &source.pipeline.compiled
        job.run(job.share(executor.get_num_threads(), scatter.n, scatter.nunits))
    return 0


# A stored object and the chain of its units: the shard's inner chain, or the object's own.
cdef struct Opened:
    const Touched *object
    const Pipeline *chain


# ---------------------------------------------------------------- one unit

cdef Py_ssize_t unit_number(const void *what, Py_ssize_t k) noexcept nogil:
    cdef Unit unit
    scatter_unit((<const Opened *>what).object, k, &unit)
    return unit.number


cdef int unit_fill(Context *context, const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Opened *opened = <const Opened *>what
    cdef Unit unit
    scatter_unit(opened.object, k, &unit)
    return scatter_fill(context, opened.object.layout, opened.chain, &unit)


cdef Py_ssize_t unit_end(const Opened *opened, const Unit *unit) noexcept nogil:
    """The bytes of the native form up to the last element that is wanted; all of them where telling would be work."""
    cdef Py_ssize_t end = 0, i
    cdef Window window
    if unit.regions > <Py_ssize_t>opened.chain.nbytes // A_REGION:
        return opened.chain.nbytes
    for i in range(unit.regions):
        scatter_window(opened.object.layout, opened.chain, unit, i, &window)
        end = max(end, window.start + window.n)
    return end


cdef int unit_decode(Context *context, const void *what, Py_ssize_t k, const char *src, size_t n, int level) noexcept nogil:
    cdef const Opened *opened = <const Opened *>what
    cdef Unit unit
    cdef Region region
    cdef char *native
    cdef int status
    scatter_unit(opened.object, k, &unit)
    if unit.regions == 1:
        scatter_region(opened.object.layout, &unit, 0, &region)
        return decode_region(context, opened.chain, src, n, &region, level)
    native = scratch(context, CHUNK_SLOT, opened.chain.nbytes + SZ_ZSTD_SLACK)
    if native == NULL:
        return SZ_NO_MEMORY
    status = decode_start(context, opened.chain, src, n, unit_end(opened, &unit), native, level)
    return scatter_place(context, opened.object.layout, opened.chain, &unit, native) if status == SZ_OK else status


cdef Py_ssize_t read_windows(const Opened *opened, const Unit *unit, const sz_file *file, int64_t offset, char *native,
                             int *status) noexcept nogil:
    """Reads what the regions need of an uncompressed unit, each byte to its place in the native form.

    Regions that follow each other closely are read together. Returns what that costs, in bytes; without a file it is only
    reckoned, and more than the whole unit is as good as that.
    """
    cdef const Pipeline *chain = opened.chain
    cdef Py_ssize_t cost = 0, start = 0, end = 0, nbytes = chain.nbytes, i
    cdef Window window
    if unit.regions > nbytes // A_REGION:
        return nbytes
    for i in range(unit.regions):
        scatter_window(opened.object.layout, chain, unit, i, &window)
        if i and start <= window.start <= end + A_READ:
            end = max(end, window.start + window.n)
            continue
        cost += read_window(chain, file, offset, native, start, end, status)
        start, end = window.start, window.start + window.n
        if cost >= nbytes or status[0] != SZ_OK:
            return cost
    return cost + read_window(chain, file, offset, native, start, end, status)


cdef Py_ssize_t read_window(const Pipeline *chain, const sz_file *file, int64_t offset, char *native, Py_ssize_t start,
                            Py_ssize_t end, int *status) noexcept nogil:
    cdef Py_ssize_t n = (end - start) // chain.itemsize
    if file != NULL and n:
        status[0] = sz_read(file, native + start, end - start, offset + start)
        if chain.transform != SZ_AS_IS:
            sz_copy(1, &n, native + start, &chain.itemsize, native + start, &chain.itemsize, chain.itemsize,
                    chain.transform)
    return end - start + A_READ


cdef bint unit_alone(const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Opened *opened = <const Opened *>what
    cdef Unit unit
    cdef int status = SZ_OK
    if opened.chain.nbytes >= RAW_ALONE:
        return True
    scatter_unit(opened.object, k, &unit)
    return read_windows(opened, &unit, NULL, 0, NULL, &status) < <Py_ssize_t>opened.chain.nbytes


cdef int unit_read(Context *context, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                   int level) noexcept nogil:
    """From an uncompressed unit in a file: only the bytes that are needed, where these are fewer."""
    cdef const Opened *opened = <const Opened *>what
    cdef const Pipeline *chain = opened.chain
    cdef Unit unit
    cdef Region region
    cdef char *native
    cdef int status = SZ_OK
    scatter_unit(opened.object, k, &unit)
    if unit.regions == 1:
        scatter_region(opened.object.layout, &unit, 0, &region)
        return read_raw(context, chain, file, offset, &region, level)
    native = scratch(context, CHUNK_SLOT, chain.nbytes)
    if native == NULL:
        return SZ_NO_MEMORY
    if read_windows(opened, &unit, NULL, 0, NULL, &status) < <Py_ssize_t>chain.nbytes:
        context.culprit = "bytes"
        read_windows(opened, &unit, file, offset, native, &status)
    else:
        status = read_native(context, chain, file, offset, chain.nbytes, native, level)
    return scatter_place(context, opened.object.layout, chain, &unit, native) if status == SZ_OK else status


# ---------------------------------------------------------------- the job

cdef class ReadScatter(Read):
    """A read under way; what is wanted of a stored object is an `Opened`."""

    cdef int one(self, Context *context, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        cdef Touched object
        cdef Opened opened
        cdef int d
        scatter_object(&self.scatter.layout, i // self.parts, &object)
        for d in range(self.chain.ndim):
            index[d] = object.index[d]
        opened.object = &object
        opened.chain = self.chain if self.scatter.layout.whole_objects else self.chain.inner
        return self.read_object(context, index, &opened, i % self.parts)

    cdef int fill(self, Context *context, const void *what, Py_ssize_t part) noexcept nogil:
        cdef Py_ssize_t n = (<const Opened *>what).object.n, k
        cdef int status = SZ_OK
        for k in range(n * part // self.parts, n * (part + 1) // self.parts):
            if status == SZ_OK:
                status = unit_fill(context, what, k)
            if status == SZ_OK:
                status = pause(context)
        return status

    cdef int decode(self, Context *context, const void *what, const char *src, size_t n) noexcept nogil:
        return unit_decode(context, what, 0, src, n, 0)

    cdef int place(self, Context *context, const void *what, const sz_file *file) noexcept nogil:
        return unit_read(context, what, 0, file, 0, 0)

    cdef int walk(self, Context *context, const void *what, ByteSource *byte_source, Py_ssize_t part) noexcept nogil:
        cdef InnerChunkVisitor visitor
        cdef Py_ssize_t n = (<const Opened *>what).object.n
        visitor.what, visitor.number, visitor.fill = what, unit_number, unit_fill
        visitor.decode, visitor.read_alone, visitor.read = unit_decode, unit_alone, unit_read
        return read_inner_chunks(context, self.chain, byte_source, &visitor, n * part // self.parts,
                                 n * (part + 1) // self.parts, 0)

    cdef Py_ssize_t inner_wanted(self, const void *what) noexcept nogil:
        return (<const Opened *>what).object.n

    cdef bint one_region(self, const void *what, Region *region) noexcept nogil:
        cdef const Opened *opened = <const Opened *>what
        cdef Unit unit
        scatter_unit(opened.object, 0, &unit)
        if unit.regions == 1:
            scatter_region(opened.object.layout, &unit, 0, region)
        return unit.regions == 1

    cdef int place_native(self, Context *context, Py_ssize_t i, Py_ssize_t wanted, const char *native) noexcept nogil:
        cdef Touched object
        cdef Unit unit
        scatter_object(&self.scatter.layout, i // self.parts, &object)
        scatter_unit(&object, wanted, &unit)
        return scatter_place(context, &self.scatter.layout,
                             self.chain if self.scatter.layout.whole_objects else self.chain.inner, &unit, native)
