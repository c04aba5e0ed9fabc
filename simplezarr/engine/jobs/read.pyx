"""Read: open, decode and copy out each stored object that a request touches.

For a local directory all of that happens without the GIL. Requests to other stores hold the GIL; decoding is the same.
"""

from functools import partial

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.errno cimport errno

from simplezarr.csrc cimport SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT
from simplezarr.csrc.io cimport sz_close, sz_file, sz_open, sz_read_once
from simplezarr.engine.chunks.byte_source cimport IN_STORE, ByteSource, bytes_in_file, bytes_in_memory, bytes_in_store
from simplezarr.engine.chunks.decode cimport is_hollow_chunk, shard_index
from simplezarr.engine.files.files cimport SharedFile, SharedFiles, read_bytes
from simplezarr.engine.chunks.in_flight cimport (
    CoalesceKey, lead_or_join, stop_leading, complete_missing, worth_coalescing, release_waits, request_key, file_key,
    value_key)
from simplezarr.engine.chunks.pipeline cimport (
    Pipeline, Region, pipeline_is_raw, pipeline_is_shard, region_extent, region_fill, region_offset, region_permute)
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.geometry.plan cimport product
from simplezarr.engine.jobs.chunk_source cimport known_index, learn_index
from simplezarr.engine.jobs.chunk_regions cimport copy_extent, copy_out, decode_regions, read_regions
from simplezarr.engine.jobs.shard_parts cimport read_shard_chunks, reader_of_parts
from simplezarr.engine.jobs.region_table cimport TouchedChunk, TouchedObject, find_chunk, find_object, shard_region
from simplezarr.engine.chunks.shard_reader cimport add_index_version
from simplezarr.engine.jobs.job cimport SHARE_BYTES, Job
from simplezarr.engine.kernels.context cimport (
    Context, as_buffer, buffer_address, buffer_length, drop, foreign, pause, raised, scratch, take_error, context_resume,
    context_park)
from simplezarr.errors import ChangedError
from simplezarr.engine.files import reader as readers

cdef enum:
    SHARE_CHUNKS = 32             # chunks of any size that are worth waking another thread for
    SMALL_BYTES = 32 << 10        # a smaller chunk is read in one call


cdef class ReadJob(Job):
    """A read in progress."""

    cdef str task(self):
        return "reading"

    cdef int split(self, int threads):
        """Divide the work into units. Return the number of threads that it is worth."""
        cdef Py_ssize_t work, nobjects = self.table.nobjects, nchunks = self.table.nchunks
        cdef bint near = self.source.is_near()
        work = product(nchunks, self.table.layout.pipeline.nbytes)
        self.splits, self.n, self.threads = 1, nobjects, 0 if near else threads
        threads = self.widened(threads, work // nobjects)
        if threads == 1 or nchunks == 1 or (near and work < SHARE_BYTES and nchunks < SHARE_CHUNKS):
            return 1
        if near and pipeline_is_shard(self.pipeline) and self.n < 4 * threads:
            self.splits = max(1, min((4 * threads + self.n - 1) // self.n, work // self.n // SHARE_BYTES))
            self.n *= self.splits
        if self.splits > 1:
            self.files, self.values = SharedFiles(nobjects) if self.source.local else None, {}
        return <int>min(threads, self.n)

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        cdef TouchedObject object
        cdef Py_ssize_t part = i % self.splits
        cdef int status
        find_object(&self.table.layout, i // self.splits, &object)
        if self.source.local:
            status = self.read_local(context, &object, part)
        else:
            status = self.read_value(context, &object, part)
        return self.fill(context, &object, part) if status == SZ_MISSING else status

    cdef int copy_shared(self, Context *context, Py_ssize_t i, Py_ssize_t k, const char *native) noexcept nogil:
        cdef TouchedObject object
        cdef TouchedChunk memory
        find_object(&self.table.layout, i // self.splits, &object)
        return copy_out(context, &self.table.layout, find_chunk(&object, k, &memory), native)

    cdef int fill(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept nogil:
        """Fill the destinations of the requested regions of an object that is not stored."""
        cdef Region region
        cdef TouchedChunk memory
        cdef Py_ssize_t k
        cdef int status = SZ_OK
        if not object.layout.whole_objects and object.layout.nlists == 0 and self.splits == 1 and object.layout.straight:
            shard_region(object, &region)
            return region_fill(context, self.pipeline, &region)
        for k in range(object.n * part // self.splits, object.n * (part + 1) // self.splits):
            if status == SZ_OK:
                status = copy_out(context, object.layout, find_chunk(object, k, &memory), NULL)
            if status == SZ_OK:
                status = pause(context)
        return status

    # In-flight coalescing.

    cdef bint read_elsewhere(self, Context *context, const CoalesceKey *coalesce_key,
                             const TouchedObject *object) noexcept nogil:
        """Return whether another thread already reads the chunk and decodes it for this one, too.

        Otherwise this thread may become the leader, which others may join until `stop_leading`.
        """
        cdef Region stored
        cdef size_t first = 0, last = self.pipeline.nbytes
        cdef bint elsewhere
        if object.chunk.regions == 1:
            region_permute(self.pipeline, &object.chunk.region, &stored)
            first = region_offset(self.pipeline, &stored)
            last = first + region_extent(self.pipeline, &stored)
        context.leading = lead_or_join(context, coalesce_key, -1, self.pipeline, first, last, 0, True, &elsewhere)
        return elsewhere

    # Stored objects.

    cdef int read_local(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept nogil:
        """Open, read and decode a file of a local store."""
        cdef sz_file file
        cdef int status
        cdef char *name = self.file_name(context, object.index)
        if name == NULL:
            return SZ_NO_MEMORY
        if self.pipeline.nbytes < SMALL_BYTES and self.pipeline.inner == NULL and self.pipeline.python == NULL:
            status = self.read_small(context, name, object)
            if status == SZ_OK or status == SZ_MISSING:
                return status
        if self.splits > 1:
            return self.read_shared(context, name, object, part)
        status = sz_open(self.directory, name, &file)
        if status != SZ_OK:
            context.os_error = errno
            return status
        status = self.read_open(context, &file, NULL, object, part)
        if status == SZ_IO:
            context.os_error = errno
        sz_close(&file)
        return status

    cdef int read_shared(self, Context *context, const char *name, const TouchedObject *object,
                         Py_ssize_t part) noexcept nogil:
        """Read a part of a shard. All parts come from one open file, so they are of one version."""
        cdef const SharedFile *shared = self.files.open(context.unit // self.splits, self.directory, name)
        cdef int status = shared.status
        context.os_error = shared.os_error
        if status == SZ_OK:
            status = self.read_open(context, &shared.file, NULL, object, part)
            if status == SZ_IO:
                context.os_error = errno
        return status

    cdef int read_small(self, Context *context, const char *name, const TouchedObject *object) noexcept nogil:
        """Read a small chunk in one call.

        On any error the caller takes the slow path, which reports it and handles short reads.
        """
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
        return decode_regions(context, object, &object.chunk, raw, size, 0)

    cdef int read_open(self, Context *context, const sz_file *file, const char *loaded, const TouchedObject *object,
                       Py_ssize_t part) noexcept nogil:
        """Read and decode an open file, or a part of a file. `loaded`: its bytes; or NULL, as for any shard."""
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        cdef char *raw
        cdef int status = SZ_OK
        cdef size_t size = file.size
        if pipeline_is_shard(self.pipeline):
            byte_source = bytes_in_file(file)
            if worth_coalescing(self.pipeline.inner, False) and file_key(&coalesce_key, self.pipeline, file):
                byte_source.key = &coalesce_key
            return self.read_shard(context, &byte_source, object, part, True)
        if pipeline_is_raw(self.pipeline):
            if size != self.pipeline.nbytes:
                return SZ_TOO_SHORT if size < self.pipeline.nbytes else SZ_TOO_LONG
            if loaded == NULL:
                return read_regions(context, object, &object.chunk, file, 0, 0)
        if size > self.pipeline.most or is_hollow_chunk(self.pipeline, file):
            return SZ_TOO_LONG
        if worth_coalescing(self.pipeline, False) and file_key(&coalesce_key, self.pipeline, file) and (
                self.read_elsewhere(context, &coalesce_key, object)):
            return SZ_OK
        if loaded == NULL:
            loaded = raw = scratch(context, 0, size)
            status = read_bytes(context, file, raw, size, 0) if raw != NULL else SZ_NO_MEMORY
        if status == SZ_OK:
            status = decode_regions(context, object, &object.chunk, loaded, size, 0)
        stop_leading(context)
        return status

    cdef int read_shard(self, Context *context, ByteSource *byte_source, const TouchedObject *object, Py_ssize_t part,
                        bint keep) noexcept nogil:
        """Read the requested inner chunks of a shard. `keep`: whether its index may be cached for the next read."""
        cdef PyObject *held = NULL
        cdef int status = SZ_OK
        if keep:
            status = known_index(context, self.source, object.index, byte_source, &held)
        if status == SZ_OK and byte_source.index == NULL:
            status = shard_index(context, self.pipeline, byte_source, 0, &byte_source.index)
            if status == SZ_OK and keep:
                status = learn_index(context, self.source, object.index, byte_source)
        if status == SZ_OK and byte_source.kind == IN_STORE and byte_source.key != NULL:
            status = add_index_version(context, self.pipeline, byte_source)
        if status == SZ_OK:
            status = read_shard_chunks(context, self, byte_source, object, part)
        if held != NULL:
            drop(held)
        return status

    cdef int read_value(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept with gil:
        """Read a chunk through its store's methods: only the bytes that are needed, if that is less work."""
        cdef Region stored
        cdef const Pipeline *pipeline = self.pipeline
        store = self.source.store
        try:
            key = self.key(context, object.index)
            if not self.source.in_memory:
                if pipeline_is_shard(pipeline):
                    some = object.n * 10 < pipeline.ninner * 6
                    reader = store.reader(key) if some else reader_of_parts(store, key, pipeline, object.n)
                    if reader is not None:
                        return self.read_parts(context, key, object, reader)
                if pipeline_is_raw(pipeline) and object.chunk.regions == 1:
                    region_permute(pipeline, &object.chunk.region, &stored)
                    if region_extent(pipeline, &stored) * 2 < <Py_ssize_t>pipeline.nbytes:
                        return self.read_extent(context, partial(store.get_range, key), &stored)
            return self.fetch_value(context, key, object, part)
        except ChangedError as error:
            return raised(context, CodecFailure(readers.still_changing(error)))
        except BaseException as error:
            return raised(context, error)
        finally:
            stop_leading(context)

    cdef int fetch_value(self, Context *context, str key, const TouchedObject *object, Py_ssize_t part) except? -1:
        """Fetch and decode the whole value, unless another thread does so already."""
        cdef CoalesceKey coalesce_key
        cdef bint far = not self.source.in_memory
        if far and worth_coalescing(self.pipeline, True) and (
                request_key(&coalesce_key, <void *>self.source, object.index, self.pipeline.ndim)) and (
                self.read_elsewhere(context, &coalesce_key, object)):
            return SZ_OK
        if self.compute_semaphore is not None:
            context_park(context)
        foreign(far)
        try:
            value = self.get_value(context, key)
        finally:
            foreign(-far)
        if value is None:
            complete_missing(context)
            return SZ_MISSING
        if not far and worth_coalescing(self.pipeline, False):
            value_key(&coalesce_key, self.pipeline, buffer_address(<PyObject *>value))
            if self.read_elsewhere(context, &coalesce_key, object):
                return SZ_OK
        if self.compute_semaphore is None:
            return self.decode_value(context, value, object, part)
        if self.is_brief():
            return self.decode_resumed(context, value, object, part)
        with self.compute_semaphore:
            return self.decode_resumed(context, value, object, part)

    cdef int decode_resumed(self, Context *context, value, const TouchedObject *object, Py_ssize_t part) except? -1:
        """Decode a whole stored object in a thread whose context is parked."""
        context_resume(context)
        try:
            return self.decode_value(context, value, object, part)
        finally:
            context_park(context)

    cdef object get_value(self, Context *context, str key):
        """Return the whole value, the same for all parts of a shard."""
        cdef Py_ssize_t number = context.unit // self.splits
        if self.splits > 1 and number in self.values:
            return self.values[number]
        value = self.source.fetch(self.getter, key)
        if value is not None:
            value = as_buffer(value)
        return value if self.splits == 1 else self.values.setdefault(number, value)

    cdef int decode_value(self, Context *context, object value, const TouchedObject *object, Py_ssize_t part) except? -1:
        """Decode a whole stored object that is in memory."""
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        byte_source = bytes_in_memory(buffer_address(<PyObject *>value), buffer_length(<PyObject *>value))
        if self.source.in_memory and pipeline_is_shard(self.pipeline) and worth_coalescing(self.pipeline.inner, False):
            value_key(&coalesce_key, self.pipeline, byte_source.memory)
            byte_source.key = &coalesce_key
        if self.is_brief():
            return self.decode_memory(context, &byte_source, object, part)
        with nogil:
            return self.decode_memory(context, &byte_source, object, part)

    cdef int decode_memory(self, Context *context, ByteSource *byte_source, const TouchedObject *object,
                           Py_ssize_t part) noexcept nogil:
        if pipeline_is_shard(self.pipeline):
            return self.read_shard(context, byte_source, object, part, False)
        if byte_source.size > self.pipeline.most:
            return SZ_TOO_LONG
        return decode_regions(context, object, &object.chunk, byte_source.memory, byte_source.size, 0)

    cdef int read_parts(self, Context *context, str key, const TouchedObject *object, reader) except? -1:
        """Read inner chunks of one version of a shard with a reader of it.

        If a writer replaces the shard meanwhile, read again. The last attempt reads the whole shard with one request.
        """
        cdef int status = SZ_OK
        for attempt in range(readers.ATTEMPTS):
            with self.source.store.reader(key) if attempt else reader as reader:
                status = self.read_ranges(context, reader, object)
            if context.error == NULL or not isinstance(<object>context.error, ChangedError):
                if status == SZ_MISSING:
                    release_waits(context, context.unit)
                return status
            take_error(context)
            release_waits(context, context.unit)
            self.source.forget_index(PyBytes_FromStringAndSize(<const char *>object.index, self.pipeline.ndim * 8))
        return self.fetch_value(context, key, object, 0)

    cdef int read_ranges(self, Context *context, reader, const TouchedObject *object) except? -1:
        """Read the index of a shard, then the ranges that hold the requested inner chunks."""
        cdef ByteSource byte_source
        cdef CoalesceKey coalesce_key
        cdef int status
        byte_source = bytes_in_store(<PyObject *>reader)
        byte_source.exact = self.source.store.immutable
        if request_key(&coalesce_key, <void *>self.source, object.index, self.pipeline.ndim):
            byte_source.key = &coalesce_key
        if self.compute_semaphore is not None:
            context_resume(context)  # the thread began without a context; it keeps this one while it waits for ranges
        try:
            with nogil:
                status = self.read_shard(context, &byte_source, object, 0, True)
        finally:
            if self.compute_semaphore is not None:
                context_park(context)
        return status

    cdef int read_extent(self, Context *context, get_range, const Region *stored) except? -1:
        """Read the bytes of an uncompressed chunk from the first requested element to the last.

        The chunk's size is not checked, because that would take one more request for each chunk. The bytes of a chunk
        that is cut off or too long are read as they are.
        """
        cdef Py_ssize_t n = region_extent(self.pipeline, stored)
        cdef const char *src
        value = get_range(region_offset(self.pipeline, stored), n)
        if value is None:
            return SZ_MISSING
        value = as_buffer(value)
        if buffer_length(<PyObject *>value) != n:
            return SZ_TOO_SHORT
        src = buffer_address(<PyObject *>value)
        with nogil:
            return copy_extent(context, &self.table.layout, stored, src, n)
