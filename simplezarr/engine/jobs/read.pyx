"""Reading: each stored object that a plan touches, opened, decoded and placed.

For a local directory all of that happens without the GIL. Other stores are asked for bytes with the GIL held, and
everything behind that is the same.
"""

from functools import partial

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from libc.errno cimport errno

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT
from simplezarr.csrc.array cimport SZ_STREAMED
from simplezarr.csrc.io cimport sz_close, sz_file, sz_open, sz_read_once
from simplezarr.engine.chunks.byte_source cimport IN_STORE, ByteSource, bytes_in_file, bytes_in_memory, bytes_in_store
from simplezarr.engine.chunks.decode cimport decode_region, decode_shard, is_hollow_chunk, read_raw, shard_index
from simplezarr.engine.chunks.in_flight cimport (
    InFlightChunk, CoalesceKey, lead_or_join, end_leading, complete_missing, worth_coalescing, release_waits, request_key,
    file_key, value_key)
from simplezarr.engine.chunks.pipeline cimport (
    Pipeline, Region, pipeline_is_raw, pipeline_is_shard, region_extent, region_fill, region_offset, region_permute,
    region_copy_out)
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.chunks.shard_reader cimport inner_count, inner_region, inner_slices, add_index_version
from simplezarr.engine.files.files cimport SharedFile, SharedFiles, read_bytes
from simplezarr.engine.geometry.plan cimport MAX_NDIM, Plan, AxisSlice, product
from simplezarr.engine.jobs.chunk_source cimport Source, known_index, learn_index
from simplezarr.engine.jobs.job cimport SHARE_BYTES, Job
from simplezarr.engine.kernels.context cimport (
    Context, bytes_of, drop, foreign, raised, scratch, take_error, context_resume, context_park)
from simplezarr.errors import ChangedError
from simplezarr.engine.files import reader as readers

cdef enum:
    SHARE_CHUNKS = 32           # chunks, however small
    SMALL_BYTES = 32 << 10      # a chunk of fewer is read in one call
    STREAMED_BYTES = 8 << 20    # a result of more is not in the caches any more when it is complete


def read(Source source, Plan plan, out):
    """Decodes what the plan selects into `out`, an array of the plan's shape and the pipeline's data type.

    Raises ChunkError for a chunk that can't be decoded, OSError where the system refuses to read.
    """
    cdef Read job
    if plan.n:
        job = Read.__new__(Read)
        job.source, job.plan, job.chain = source, plan, &source.pipeline.compiled
        job.data = plan.bind(out, job.strides)
        job.streamed = SZ_STREAMED if out.nbytes >= STREAMED_BYTES else 0
        job.run(job.share(executor.get_num_threads(), plan.n, job.touched()))


cdef class Read(Job):
    """A read under way."""

    cdef int run(self, int width) except -1:
        self.open_directory()
        return Job.run(self, width)

    cdef str task(self):
        return "reading"

    cdef int share(self, int threads, Py_ssize_t objects, Py_ssize_t touched):
        """Decides how the work on stored objects, and the units of reading touched in them, is cut; the number of workers
        that it is worth."""
        cdef Py_ssize_t work
        cdef bint local = self.source.local or self.source.in_memory
        work = product(touched, self.chain.inner.nbytes if self.chain.inner != NULL else self.chain.nbytes)
        self.parts, self.n = 1, objects
        threads = self.widened(threads, work // objects)
        if threads == 1 or touched == 1 or (local and work < SHARE_BYTES and touched < SHARE_CHUNKS):
            return 1
        if local and pipeline_is_shard(self.chain) and self.n < 4 * threads:
            self.parts = max(1, min((4 * threads + self.n - 1) // self.n, work // self.n // SHARE_BYTES))
            self.n *= self.parts
        if self.parts > 1:
            self.files, self.values = SharedFiles(objects) if self.source.local else None, {}
        return <int>min(threads, self.n)

    cdef int work(self, Context *context, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil:
        return self.read_object(context, index, region, part)

    # What is wanted of a stored object is opaque to the way it is read. Here it is a region.

    cdef int fill(self, Context *context, const void *what, Py_ssize_t part) noexcept nogil:
        """The object is not stored."""
        return region_fill(context, self.chain, <const Region *>what)

    cdef int decode(self, Context *context, const void *what, const char *src, size_t n) noexcept nogil:
        """The object is a chunk, stored in the n bytes at src."""
        return decode_region(context, self.chain, src, n, <const Region *>what, 0)

    cdef int place(self, Context *context, const void *what, const sz_file *file) noexcept nogil:
        """The object is an uncompressed chunk in an open file."""
        return read_raw(context, self.chain, file, 0, <const Region *>what, 0)

    cdef int walk(self, Context *context, const void *what, ByteSource *byte_source, Py_ssize_t part) noexcept nogil:
        """The object is a shard whose index is known, or read on the way."""
        cdef const Region *region = <const Region *>what
        cdef Region permuted
        if self.chain.permuted:
            region_permute(self.chain, region, &permuted)
            region = &permuted
        return decode_shard(context, self.chain, byte_source, region, part, self.parts, 0)

    cdef Py_ssize_t inner_wanted(self, const void *what) noexcept nogil:
        """How many inner chunks of a shard are wanted."""
        cdef Region stored
        region_permute(self.chain, <const Region *>what, &stored)
        return inner_count(self.chain, &stored)

    cdef bint one_region(self, const void *what, Region *region) noexcept nogil:
        """Whether a single region is wanted, and which."""
        region[0] = (<const Region *>what)[0]
        return True

    cdef int place_native(self, Context *context, Py_ssize_t i, Py_ssize_t wanted, const char *native) noexcept nogil:
        """What unit i wants of a chunk that another thread has decoded."""
        cdef Py_ssize_t index[MAX_NDIM]
        cdef AxisSlice slices[MAX_NDIM]
        cdef Region region, part
        cdef const Pipeline *chain = self.chain
        self.unit(i // self.parts, index, &region)
        region_permute(chain, &region, &part)
        if chain.inner != NULL:
            inner_slices(chain, &part, slices)
            inner_region(chain, slices, &part, wanted, &region)
            chain = chain.inner
            region_permute(chain, &region, &part)
        return region_copy_out(context, chain, &part, native, context.streamed)

    # Chunks that several threads want at the same time.

    cdef bint read_elsewhere(self, Context *context, const CoalesceKey *coalesce_key, const void *what) noexcept nogil:
        """Whether another thread decodes the chunk, for this one too; if not, others may join until `stop_leading`."""
        cdef Region region, stored
        cdef size_t first = 0, last = self.chain.nbytes
        cdef bint elsewhere
        if self.one_region(what, &region):
            region_permute(self.chain, &region, &stored)
            first = region_offset(self.chain, &stored)
            last = first + region_extent(self.chain, &stored)
        context.leading = lead_or_join(context, coalesce_key, -1, self.chain, first, last, 0, True, &elsewhere)
        return elsewhere

    cdef void stop_leading(self, Context *context) noexcept nogil:
        if context.leading != NULL:
            end_leading(<InFlightChunk *>context.leading)
            context.leading = NULL

    # The way.

    cdef int read_object(self, Context *context, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil:
        cdef int status
        if self.source.local:
            status = self.read_local(context, index, what, part)
        else:
            status = self.read_value(context, index, what, part)
        if status == SZ_MISSING:
            status = self.fill(context, what, part)
        return status

    cdef int read_local(self, Context *context, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil:
        """The short way: a chunk's file, opened, read and decoded right here."""
        cdef sz_file file
        cdef int status
        cdef char *name = self.file_name(context, index, 0)
        if name == NULL:
            return SZ_NO_MEMORY
        if self.chain.nbytes < SMALL_BYTES and self.chain.inner == NULL and self.chain.python == NULL:
            status = self.read_small(context, name, what)
            if status == SZ_OK or status == SZ_MISSING:
                return status
        if self.parts > 1:
            return self.read_shared(context, index, name, what, part)
        status = sz_open(self.directory, name, &file)
        if status != SZ_OK:
            context.os_error = errno
            return status
        status = self.read_open(context, index, &file, what, part)
        if status == SZ_IO:
            context.os_error = errno
        sz_close(&file)
        return status

    cdef int read_shared(self, Context *context, const Py_ssize_t *index, const char *name, const void *what,
                         Py_ssize_t part) noexcept nogil:
        """Read a part of a shard from the file that all its parts are read from."""
        cdef const SharedFile *shared = self.files.open(context.unit // self.parts, self.directory, name)
        cdef int status = shared.status
        context.os_error = shared.os_error
        if status == SZ_OK:
            status = self.read_open(context, index, &shared.file, what, part)
            if status == SZ_IO:
                context.os_error = errno
        return status

    cdef int read_small(self, Context *context, const char *name, const void *what) noexcept nogil:
        """A small chunk by one read. What is wrong with it the long way says, which also copes with short reads."""
        cdef size_t size
        cdef int status
        cdef char *raw = scratch(context, 0, SMALL_BYTES)
        if raw == NULL:
            return SZ_NO_MEMORY
        status = sz_read_once(self.directory, name, raw, SMALL_BYTES, &size)
        if status != SZ_OK:
            return status
        if size == SMALL_BYTES:
            return SZ_TOO_LONG
        return self.decode(context, what, raw, size)

    cdef int read_open(self, Context *context, const Py_ssize_t *index, const sz_file *file, const void *what,
                       Py_ssize_t part) noexcept nogil:
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        cdef char *raw
        cdef int status
        cdef size_t size = file.size
        if pipeline_is_shard(self.chain):
            byte_source = bytes_in_file(file)
            if worth_coalescing(self.chain.inner, False) and file_key(&coalesce_key, self.chain, file):
                byte_source.key = &coalesce_key
            return self.read_shard(context, index, &byte_source, what, part, True)
        if pipeline_is_raw(self.chain):
            if size != self.chain.nbytes:
                return SZ_TOO_SHORT if size < self.chain.nbytes else SZ_TOO_LONG
            return self.place(context, what, file)
        if size > self.chain.most or is_hollow_chunk(self.chain, file):
            return SZ_TOO_LONG
        if worth_coalescing(self.chain, False) and file_key(&coalesce_key, self.chain, file) and (
                self.read_elsewhere(context, &coalesce_key, what)):
            return SZ_OK
        raw = scratch(context, 0, size)
        status = read_bytes(context, file, raw, size, 0) if raw != NULL else SZ_NO_MEMORY
        if status == SZ_OK:
            status = self.decode(context, what, raw, size)
        self.stop_leading(context)
        return status

    cdef int read_shard(self, Context *context, const Py_ssize_t *index, ByteSource *byte_source, const void *what,
                        Py_ssize_t part, bint keep) noexcept nogil:
        """Read what is wanted of a shard; `keep`: whether its index may be kept for the next read."""
        cdef PyObject *held = NULL
        cdef int status = SZ_OK
        if keep:
            status = known_index(context, self.source, index, byte_source.file, byte_source, &held)
        if status == SZ_OK and byte_source.index == NULL:
            status = shard_index(context, self.chain, byte_source, 0, &byte_source.index)
            if status == SZ_OK and keep:
                status = learn_index(context, self.source, index, byte_source.file, byte_source.index)
        if status == SZ_OK and byte_source.kind == IN_STORE and byte_source.key != NULL:
            status = add_index_version(context, self.chain, byte_source)
        if status == SZ_OK:
            status = self.walk(context, what, byte_source, part)
        if held != NULL:
            drop(held)
        return status

    cdef int read_value(self, Context *context, const Py_ssize_t *index, const void *what,
                        Py_ssize_t part) noexcept with gil:
        """A chunk through its store's methods: only the bytes that are needed, where that is less work."""
        cdef Region region, stored
        cdef const Pipeline *chain = self.chain
        store = self.source.store
        try:
            key = self.key(context, index)
            if not self.source.in_memory:
                if pipeline_is_shard(chain) and self.inner_wanted(what) * 10 < chain.ninner * 6:
                    return self.read_parts(context, index, key, what)
                if pipeline_is_raw(chain) and self.one_region(what, &region):
                    region_permute(chain, &region, &stored)
                    if region_extent(chain, &stored) * 2 < <Py_ssize_t>chain.nbytes:
                        return self.read_extent(context, partial(store.get_range, key), &stored)
            return self.fetch_value(context, index, key, what, part)
        except ChangedError as error:
            return raised(context, CodecFailure(readers.still_changing(error)))
        except BaseException as error:
            return raised(context, error)
        finally:
            self.stop_leading(context)

    cdef int fetch_value(self, Context *context, const Py_ssize_t *index, str key, const void *what,
                         Py_ssize_t part) except? -1:
        """The whole value, unless another thread is at it."""
        cdef CoalesceKey coalesce_key
        cdef bint far = not self.source.in_memory
        if far and worth_coalescing(self.chain, True) and (
                request_key(&coalesce_key, <void *>self.source, index, self.chain.ndim)) and (
                self.read_elsewhere(context, &coalesce_key, what)):
            return SZ_OK
        if self.gate is not None:
            context_park(context)
        foreign(far)
        try:
            value = self.get_value(context, key)
        finally:
            foreign(-far)
        if value is None:
            complete_missing(context)
            return SZ_MISSING
        if not far and worth_coalescing(self.chain, False):
            value_key(&coalesce_key, self.chain, PyBytes_AS_STRING(value))
            if self.read_elsewhere(context, &coalesce_key, what):
                return SZ_OK
        if self.gate is None:
            return self.decode_value(context, index, value, what, part)
        with self.gate:
            context_resume(context)
            try:
                return self.decode_value(context, index, value, what, part)
            finally:
                context_park(context)

    cdef object get_value(self, Context *context, str key):
        """Return the whole value, the same for all parts of a shard."""
        cdef Py_ssize_t number = context.unit // self.parts
        if self.parts > 1 and number in self.values:
            return self.values[number]
        value = self.source.fetch(key)
        if value is not None and type(value) is not bytes:
            value = bytes_of(value)
        return value if self.parts == 1 else self.values.setdefault(number, value)

    cdef int decode_value(self, Context *context, const Py_ssize_t *index, bytes value, const void *what,
                          Py_ssize_t part) except? -1:
        """A whole stored object that is in memory."""
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        cdef int status
        byte_source = bytes_in_memory(PyBytes_AS_STRING(value), len(value))
        if self.source.in_memory and pipeline_is_shard(self.chain) and worth_coalescing(self.chain.inner, False):
            value_key(&coalesce_key, self.chain, byte_source.memory)
            byte_source.key = &coalesce_key
        with nogil:
            if pipeline_is_shard(self.chain):
                status = self.read_shard(context, index, &byte_source, what, part, False)
            elif byte_source.size > self.chain.most:
                status = SZ_TOO_LONG
            else:
                status = self.decode(context, what, byte_source.memory, byte_source.size)
        return status

    cdef int read_parts(self, Context *context, const Py_ssize_t *index, str key, const void *what) except? -1:
        """Read some inner chunks of one version of a shard.

        If a writer replaces the shard meanwhile, begin anew; at last with the whole shard, by one request.
        """
        cdef int status = SZ_OK
        for _ in range(readers.ATTEMPTS):
            with self.source.store.reader(key) as reader:
                status = self.read_ranges(context, index, reader, what)
            if context.error == NULL or not isinstance(<object>context.error, ChangedError):
                if status == SZ_MISSING:
                    release_waits(context, context.unit)
                return status
            take_error(context)
            release_waits(context, context.unit)
        return self.fetch_value(context, index, key, what, 0)

    cdef int read_ranges(self, Context *context, const Py_ssize_t *index, reader, const void *what) except? -1:
        """The index of a shard, then the ranges that hold some inner chunks."""
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        cdef int status
        cdef bint keep = self.source.store.immutable
        byte_source = bytes_in_store(<PyObject *>reader)
        byte_source.exact = keep
        if request_key(&coalesce_key, <void *>self.source, index, self.chain.ndim):
            byte_source.key = &coalesce_key
        if self.gate is not None:
            context_resume(context)  # the thread has begun with none, and lends none while it waits for these ranges
        try:
            with nogil:
                status = self.read_shard(context, index, &byte_source, what, 0, keep)
        finally:
            if self.gate is not None:
                context_park(context)
        return status

    cdef int read_extent(self, Context *context, get_range, const Region *stored) except? -1:
        """The bytes of an uncompressed chunk from the first wanted element to the last.

        That the chunk ends where it should is not asked for, which would be a request more for each chunk: what lies in
        a chunk that is cut off or too long is what the writer put there, as far as it goes.
        """
        cdef Py_ssize_t start = region_offset(self.chain, stored), n = region_extent(self.chain, stored)
        cdef const char *src
        cdef int status
        value = get_range(start, n)
        if value is None:
            return SZ_MISSING
        if len(value) != n:
            return SZ_TOO_SHORT
        value = value if type(value) is bytes else bytes_of(value)
        src = PyBytes_AS_STRING(value) - start
        with nogil:
            status = region_copy_out(context, self.chain, stored, src, self.chain.transform | context.streamed)
        return status
