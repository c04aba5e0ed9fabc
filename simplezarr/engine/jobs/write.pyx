"""Write: encode each stored object that a request touches, and replace the old one.

The writer of an object holds the lock on it from before the old object is read until the new one is in place. For a local
directory all of that happens without the GIL. Requests to other stores hold the GIL.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.errno cimport EINTR, errno
from libc.string cimport memcpy

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, sz_pause
from simplezarr.csrc.io cimport (
    SZ_NO_DIRECTORY, sz_close, sz_file, sz_local_device, sz_open, sz_remove_object, sz_replacement, sz_replacement_delete,
    sz_replacement_discard, sz_replacement_open, sz_replacement_publish, sz_segment)
from simplezarr.csrc.memory cimport sz_peek
from simplezarr.engine.chunks.byte_source cimport bytes_in_file, bytes_in_memory, no_bytes
from simplezarr.engine.jobs.background cimport close_unlinked
from simplezarr.engine.jobs.job cimport SHARE_BYTES, Job
from simplezarr.engine.jobs.object_builder cimport ObjectBuilder
from simplezarr.engine.jobs.region_table cimport RegionTable, TouchedObject, find_object, regions_of
from simplezarr.engine.chunks.pipeline cimport UNBOUNDED, pipeline_is_raw, pipeline_is_shard, encoded_bound
from simplezarr.engine.geometry.plan cimport product
from simplezarr.engine.jobs.chunk_source cimport ChunkSource
from simplezarr.engine.kernels.context cimport (
    PIECE_BYTES, RAISED, STOPPED, as_buffer, buffer_address, buffer_length, check_signals, pause_of, raised, context_resume,
    context_park)

cdef extern from "<errno.h>" nogil:
    int ECANCELED

cdef enum:
    SHARE_OBJECTS = 8        # stored objects of any size that are worth waking another thread for


def write(ChunkSource source, selected, value, tuple shape, bint keep_empty=False):
    """Store `value` at the selected elements. If an element is selected several times, the last value stays.

    selected: a `Plan` over stored objects, or a `ListedSelection`.
    value: an array of the selection's shape. For a plan its data type is any that NumPy can cast, otherwise the
        pipeline's.
    shape: the shape of the stored array.
    keep_empty: whether chunks that hold only the fill value are stored.

    Raise ChunkError for a chunk that must be read first and cannot be decoded, or that cannot be encoded. Raise OSError if
    the system refuses to read or write. After an error each chunk has either its old or its new content.
    """
    cdef RegionTable table = regions_of(source, selected, value)
    cdef WriteJob job
    if table.nobjects:
        job = WriteJob.__new__(WriteJob)
        job.source, job.table, job.pipeline = source, table, &source.pipeline.compiled
        job.durable = source.local and source.store.durable
        job.set_values(value, shape, keep_empty)
        job.run(job.split(executor.get_num_threads()))


cdef bytes joined(const sz_segment *segments, size_t n):
    """Return the segments joined. Check for Ctrl-C after every PIECE_BYTES, however short the segments are."""
    cdef size_t i, nbytes = 0, done, step, left = PIECE_BYTES
    cdef char *at
    for i in range(n):
        nbytes += segments[i].n
    value = PyBytes_FromStringAndSize(NULL, nbytes)
    at = PyBytes_AS_STRING(value)
    for i in range(n):
        done = 0
        while done < segments[i].n:
            step = min(left, segments[i].n - done)
            memcpy(at, segments[i].data + done, step)
            at += step
            done += step
            left -= step
            if left == 0:
                left = PIECE_BYTES
                PyErr_CheckSignals()
    return value


cdef class _Change:
    """The function that makes new content from each version of the old content that `Store.update` finds."""
    cdef WriteJob job
    cdef Context *context
    cdef ObjectUpdate *update
    cdef int status  # if it is not SZ_OK, the object stays as it is

    def __call__(self, stored):
        self.update.old, self.update.keep_empty = no_bytes(), stored is not None
        value, self.status = self.job.value(self.context, self.update, stored)
        return value if self.status == SZ_OK else stored


cdef class WriteJob(ObjectBuilder):
    """A write in progress."""

    cdef int open_directory(self) except -1:
        Job.open_directory(self)
        self.device = sz_local_device(self.directory)
        return 0

    cdef str task(self):
        return "writing"

    cdef str outcome(self):
        left = "the old or the new one" if self.durable else "unchanged"  # durable: a sync may fail after the rename
        return f"; the chunk is {left}; remove the cause, then write again"

    cdef int split(self, int threads):
        """Divide the work into units. Return the number of threads that it is worth."""
        cdef Py_ssize_t work, nchunks = self.table.nchunks
        cdef int team_size = <int>min(threads, nchunks)
        cdef bint near = self.source.local or self.source.in_memory
        work = product(nchunks, self.table.layout.pipeline.nbytes)
        self.n, self.team_size = self.table.nobjects, 1
        threads = self.widened(threads, work // self.n)
        if threads == 1 or nchunks == 1 or (near and work < SHARE_BYTES and self.n < SHARE_OBJECTS):
            return 1
        if pipeline_is_shard(self.pipeline) and (self.n == 1 or (near and self.n < threads)) and (
                encoded_bound(self.pipeline.inner) != UNBOUNDED):
            self.team_size = team_size  # all of them work on one shard, then on the next
            return 1
        return <int>min(threads, self.n)

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Make a new stored object and replace the old one."""
        cdef TouchedObject object
        cdef ObjectUpdate update
        find_object(&self.table.layout, i, &object)
        self.begin(&update, &object)
        return self.write_local(context, &update) if self.source.local else self.write_value(context, &update)

    cdef int write_local(self, Context *context, ObjectUpdate *update) noexcept nogil:
        """Replace a file of a local store."""
        cdef sz_replacement replacement
        cdef sz_file old
        cdef sz_pause pauses = pause_of(context)
        cdef const sz_segment *segments = NULL
        cdef size_t n = 0
        cdef int status = SZ_OK
        if not self.name_replacement(context, update.object.index, &replacement):
            return SZ_NO_MEMORY
        replacement.pause = &pauses
        old.fd = -1
        if update.covered:  # encoded first, so the lock is held no longer than needed
            status = self.make(context, update, &segments, &n)
            if status == SZ_OK:
                status = self.wait(context, &replacement, sz_replacement_open if n else sz_remove_object)
            if status != SZ_OK or n == 0:
                return status
        else:
            status = self.wait(context, &replacement, sz_replacement_open)
            if status != SZ_OK:
                return status
            status = self.change_local(context, update, &replacement, &old, &segments, &n)
            replacement.source_fd, replacement.replaced = old.fd, &old
        if status != SZ_OK:
            sz_replacement_discard(&replacement)
        else:
            status = self.publish(context, &replacement, segments, n)
        if status == SZ_OK:
            return close_unlinked(context, &old)
        sz_close(&old)
        return status

    cdef int publish(self, Context *context, sz_replacement *replacement, const sz_segment *segments,
                     size_t n) noexcept nogil:
        """End the replacement: publish the segments, or delete the object if there are none."""
        cdef int status = sz_replacement_publish(replacement, segments, n) if n else sz_replacement_delete(replacement)
        context.os_error = errno
        if status != SZ_IO or context.os_error != ECANCELED:  # ECANCELED: a pause has ended it
            return status
        return RAISED if context.error != NULL else STOPPED

    cdef bint name_replacement(self, Context *context, const Py_ssize_t *index,
                               sz_replacement *replacement) noexcept nogil:
        """Set the caller's fields of the replacement. Return False if there is no memory for the name."""
        replacement.object, replacement.root = self.file_name(context, index), self.source.root_nbytes
        replacement.durable = self.durable
        replacement.directory, replacement.within, replacement.local = self.directory, 0, self.device
        replacement.beneath, replacement.replaced = False, NULL
        if replacement.object != NULL and replacement.directory != SZ_NO_DIRECTORY:
            replacement.within = self.source.folder_nbytes
            replacement.object -= replacement.within
        return replacement.object != NULL

    cdef int wait(self, Context *context, sz_replacement *replacement, locking_t function) noexcept nogil:
        """Call a function that waits for the lock, until the lock is free or the job has ended."""
        cdef int status
        while True:
            status = function(replacement)
            context.os_error = errno
            if status != SZ_IO or context.os_error != EINTR or sz_peek(&self.failed):
                return status
            status = check_signals(context)
            if status != SZ_OK:
                return status

    cdef int change_local(self, Context *context, ObjectUpdate *update, const sz_replacement *replacement, sz_file *old,
                          const sz_segment **segments, size_t *n) noexcept nogil:
        """Make the new object from the old file, which stays open because kept bytes are copied from it later."""
        cdef int status = sz_open(replacement.directory, replacement.object + replacement.within, old)
        if status == SZ_OK:
            update.old = bytes_in_file(old)
        if status == SZ_OK or status == SZ_MISSING:
            status = self.make(context, update, segments, n)
        context.os_error = errno
        return status

    cdef int write_value(self, Context *context, ObjectUpdate *update) noexcept with gil:
        """Replace a stored object through the methods of its store."""
        cdef _Change change
        cdef int status = SZ_OK
        store = self.source.store
        try:
            key = self.key(context, update.object.index)
            if self.compute_semaphore is not None:
                context_park(context)
            if store.conditional and not update.covered:
                change = _Change.__new__(_Change)
                change.job, change.context, change.update = self, context, update
                store.update(key, change)
                if change.status != SZ_OK:
                    return change.status
                self.forget_index(update)
                return SZ_OK
            if update.covered:
                value, status = self.value(context, update, None)
                if status != SZ_OK:
                    return status
            with store.lock(key):
                if not update.covered:
                    value, status = self.value(context, update, self.source.fetch(self.getter, key))
                    if status != SZ_OK:
                        return status
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)
            self.forget_index(update)
            return SZ_OK
        except BaseException as error:
            return raised(context, error)

    cdef int forget_index(self, const ObjectUpdate *update) except -1:
        self.source.forget_index(PyBytes_FromStringAndSize(<const char *>update.object.index, self.pipeline.ndim * 8))
        return 0

    cdef tuple value(self, Context *context, ObjectUpdate *update, stored):
        """Return the new value, or None to store nothing, and a status. Compute within the job's semaphore."""
        if self.compute_semaphore is None:
            return self.made(context, update, stored)
        if self.is_brief():
            return self.made_resumed(context, update, stored)
        with self.compute_semaphore:
            return self.made_resumed(context, update, stored)

    cdef tuple made_resumed(self, Context *context, ObjectUpdate *update, stored):
        """Return what `made` returns, in a thread whose context is parked."""
        context_resume(context)
        try:
            return self.made(context, update, stored)
        finally:
            context_park(context)

    cdef tuple made(self, Context *context, ObjectUpdate *update, stored):
        """Return the new value and a status. `stored`: the old value, or None."""
        cdef const sz_segment *segments = NULL
        cdef size_t n = 0
        cdef int status
        cdef bytes made = None
        if stored is not None:
            stored = as_buffer(stored)
            update.old = bytes_in_memory(buffer_address(<PyObject *>stored), buffer_length(<PyObject *>stored))
        if pipeline_is_raw(self.pipeline):
            made = PyBytes_FromStringAndSize(NULL, self.pipeline.nbytes)
            update.room = PyBytes_AS_STRING(made)
        if self.is_brief():
            status = self.make(context, update, &segments, &n)
        else:
            with nogil:
                status = self.make(context, update, &segments, &n)
        if made is not None and status == SZ_OK and n and segments[0].data == update.room:
            return made, status
        return joined(segments, n) if n and status == SZ_OK else None, status
