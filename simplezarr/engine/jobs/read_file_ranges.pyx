"""Read stored objects that are parts of local files: references, and the stored members of archives.

A thread draws a batch of them, and asks the store at once where all of them lie. Then it reads without the GIL, in order
of their places. Small ones that lie close to each other are read with one request. What the store does not know, or what
goes wrong, is read by the methods of the store, which raise its errors.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport qsort

from simplezarr.csrc cimport SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TRUNCATED
from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.decode cimport is_hollow_chunk
from simplezarr.engine.chunks.pipeline cimport Region, pipeline_is_raw, pipeline_is_shard, region_extent, region_permute
from simplezarr.engine.chunks.shard_reader cimport COALESCE_GAP_LOCAL
from simplezarr.engine.files.file_ranges cimport ABSENT, FOUND, UNKNOWN, FileRangeTable
from simplezarr.engine.files.files cimport read_bytes
from simplezarr.engine.jobs.region_table cimport find_object
from simplezarr.engine.kernels.context cimport (
    PIECE_BYTES, context_park, context_resume, drop, foreign, pause, raised, scratch)
from simplezarr.engine.kernels.deflate cimport crc32

cdef enum:
    BATCH = 64              # most stored objects of a batch
    BATCH_BYTES = 16 << 20  # and most of their decoded bytes
    SMALL_BYTES = 8 << 10   # a larger stored object is read by itself
    RUN_BYTES = 64 << 10    # of one request: what the nearest caches hold until it is decoded


cdef int by_place(const void *a, const void *b) noexcept nogil:
    cdef const FileRange *x = <const FileRange *>a
    cdef const FileRange *y = <const FileRange *>b
    if x.kind != y.kind:
        return (x.kind > y.kind) - (x.kind < y.kind)
    if x.kind != FOUND or x.part.fd == y.part.fd and x.part.base == y.part.base:
        return (x.number > y.number) - (x.number < y.number)
    if x.part.fd != y.part.fd:
        return (x.part.fd > y.part.fd) - (x.part.fd < y.part.fd)
    return (x.part.base > y.part.base) - (x.part.base < y.part.base)


cdef Py_ssize_t run_end(const FileRange *ranges, Py_ssize_t n) noexcept nogil:
    """Return how many of the ranges are read with one request, from the first on."""
    cdef int64_t start = ranges[0].part.base, end = start + ranges[0].part.size, stop
    cdef Py_ssize_t k = 1
    while k < n and ranges[k].part.size <= SMALL_BYTES and ranges[k].part.fd == ranges[0].part.fd:
        stop = max(end, ranges[k].part.base + ranges[k].part.size)
        if ranges[k].part.base > end + COALESCE_GAP_LOCAL or stop - start > RUN_BYTES:
            break
        end = stop
        k += 1
    return k


cdef int compare_crc(Context *context, const char *data, size_t n, uint32_t wanted) noexcept nogil:
    """Return SZ_OK if the checksum is the wanted one, SZ_IO if it is another."""
    cdef uint32_t crc = 0
    cdef int status = SZ_OK
    while n > PIECE_BYTES and status == SZ_OK:
        crc = crc32(crc, data, PIECE_BYTES)
        data += PIECE_BYTES
        n -= PIECE_BYTES
        status = pause(context)
    if status != SZ_OK:
        return status
    return SZ_OK if crc32(crc, data, n) == wanted else SZ_IO


cdef class FileRangeReadJob(ReadJob):
    """A read in progress, of a store that knows for some keys which bytes of which file their values are."""

    cdef int split(self, int threads):
        cdef Py_ssize_t nbytes = self.pipeline.nbytes
        threads = ReadJob.split(self, threads)
        self.tables = {}
        if self.splits == 1:
            self.batch = max(1, min(BATCH, BATCH_BYTES // max(nbytes, 1), self.n // (4 * threads if threads > 1 else 1)))
        return threads

    cdef int do_batch(self, Context *context, Py_ssize_t i) noexcept nogil:
        return self.read_units(context, i * self.batch, min((i + 1) * self.batch, self.n))

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        return self.read_units(context, i, i + 1)

    cdef int read_units(self, Context *context, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
        cdef PyObject *table = NULL
        cdef FileRange *ranges
        cdef FileRange single
        cdef Py_ssize_t n = end - first, k
        cdef int status
        self.set_unit(context, first)
        status = self.find(context, first, end, &table)
        if status != SZ_OK:
            return status
        ranges = (<FileRangeTable>table).ranges
        if n == 1:  # perhaps of a table that several threads use
            single = ranges[0]
            ranges = &single
        if self.compute_semaphore is None:
            status = self.read_found(context, first, ranges, n)
        else:
            status = self.read_found_limited(context, first, ranges, n)
        for k in range(n):
            if status == SZ_OK and ranges[k].kind == UNKNOWN:
                status = self.read_unknown(context, first + ranges[k].number)
        drop(table)
        return status

    cdef int find(self, Context *context, Py_ssize_t first, Py_ssize_t end, PyObject **table) noexcept with gil:
        """Ask the store where the objects of units first … end - 1 lie. *table is a reference that the caller drops."""
        try:
            found = self.table_of(context, first, end)
            Py_INCREF(found)
            table[0] = <PyObject *>found
            return SZ_OK
        except BaseException as error:
            return raised(context, error)

    cdef object table_of(self, Context *context, Py_ssize_t first, Py_ssize_t end):
        cdef TouchedObject object
        cdef Py_ssize_t i
        if self.splits > 1 and first // self.splits in self.tables:
            return self.tables[first // self.splits]
        keys = []
        for i in range(first, end):
            find_object(&self.table.layout, i // self.splits, &object)
            keys.append(self.key(context, object.index))
        found = FileRangeTable(end - first)
        foreign(1)
        try:
            self.source.find_file_ranges(keys, found)
        finally:
            foreign(-1)
        return found if self.splits == 1 else self.tables.setdefault(first // self.splits, found)

    cdef int read_found_limited(
        self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n
    ) noexcept with gil:
        """Do `read_found` while no more threads than may compute do so."""
        cdef int status
        try:
            with self.compute_semaphore:
                context_resume(context)
                try:
                    with nogil:
                        status = self.read_found(context, first, ranges, n)
                finally:
                    context_park(context)
            return status
        except BaseException as error:
            return raised(context, error)

    cdef int read_found(self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n) noexcept nogil:
        """Read the objects that were found, and fill those that are not stored. What goes wrong becomes UNKNOWN."""
        cdef Py_ssize_t k = 0, end
        cdef int status = SZ_OK
        cdef TouchedObject object
        cdef bint whole = not pipeline_is_shard(self.pipeline)
        if n > 1:
            qsort(ranges, n, sizeof(FileRange), by_place)
        while k < n and status == SZ_OK:
            end = k + 1
            if ranges[k].kind == ABSENT:
                self.set_unit(context, first + ranges[k].number)
                find_object(&self.table.layout, context.unit // self.splits, &object)
                status = self.fill(context, &object, context.unit % self.splits)
            elif ranges[k].kind == FOUND and whole and ranges[k].part.size <= SMALL_BYTES:
                end = k + run_end(&ranges[k], n - k)
                status = self.read_run(context, first, &ranges[k], end - k)
            elif ranges[k].kind == FOUND:
                status = self.read_file_range(context, first + ranges[k].number, &ranges[k], NULL)
            if status == SZ_OK:
                status = pause(context)
            k = end
        return status

    cdef int read_run(self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n) noexcept nogil:
        """Read several objects with one request, and decode each."""
        cdef sz_file run = ranges[0].part
        cdef char *raw
        cdef Py_ssize_t k
        cdef int status = SZ_OK
        for k in range(n):
            run.size = max(run.size, ranges[k].part.base + ranges[k].part.size - run.base)
        raw = scratch(context, 0, run.size)
        if raw == NULL:
            return SZ_NO_MEMORY
        status = read_bytes(context, &run, raw, run.size, 0)
        if status == SZ_IO or status == SZ_TRUNCATED:
            for k in range(n):
                ranges[k].kind = UNKNOWN
            return SZ_OK
        for k in range(n):
            if status == SZ_OK:
                status = self.read_file_range(context, first + ranges[k].number, &ranges[k],
                                              raw + (ranges[k].part.base - run.base))
        return status

    cdef int read_file_range(self, Context *context, Py_ssize_t unit, FileRange *found, const char *loaded) noexcept nogil:
        """Decode an object, whose bytes are at `loaded`, or are read if that is NULL."""
        cdef TouchedObject object
        cdef int status
        self.set_unit(context, unit)
        find_object(&self.table.layout, unit // self.splits, &object)
        if found.checked:
            status = self.read_checked(context, &object, found, loaded)
        else:
            status = self.read_open(context, &found.part, loaded, &object, unit % self.splits)
        if status == SZ_IO or status == SZ_TRUNCATED:
            found.kind = UNKNOWN
            return SZ_OK
        return status

    cdef int read_checked(self, Context *context, const TouchedObject *object, const FileRange *found,
                          const char *loaded) noexcept nogil:
        """Decode an object that has a checksum, which is compared if all of the object is needed."""
        cdef Region stored
        cdef char *raw
        cdef const sz_file *part = &found.part
        cdef int status
        if pipeline_is_shard(self.pipeline):
            if object.n * 10 >= self.pipeline.ninner * 6:
                return SZ_IO
            return self.read_open(context, part, NULL, object, context.unit % self.splits)
        if loaded == NULL and pipeline_is_raw(self.pipeline) and object.chunk.regions == 1:
            region_permute(self.pipeline, &object.chunk.region, &stored)
            if region_extent(self.pipeline, &stored) * 2 < <Py_ssize_t>self.pipeline.nbytes:
                return self.read_open(context, part, NULL, object, 0)
        if loaded == NULL:
            if <size_t>part.size > self.pipeline.most or is_hollow_chunk(self.pipeline, part):
                return SZ_IO
            raw = scratch(context, 0, part.size)
            if raw == NULL:
                return SZ_NO_MEMORY
            status = read_bytes(context, part, raw, part.size, 0)
            if status != SZ_OK:
                return status
            loaded = raw
        status = compare_crc(context, loaded, part.size, found.crc)
        return self.read_open(context, part, loaded, object, 0) if status == SZ_OK else status

    cdef int read_unknown(self, Context *context, Py_ssize_t unit) noexcept nogil:
        """Read an object by the methods of the store."""
        cdef TouchedObject object
        cdef int status
        self.set_unit(context, unit)
        find_object(&self.table.layout, unit // self.splits, &object)
        status = self.read_value(context, &object, unit % self.splits)
        if status == SZ_MISSING:
            status = self.fill(context, &object, unit % self.splits)
        return status if status != SZ_OK else pause(context)
