"""Coalesce reads in flight: reads of one chunk at the same time share one fetch and one decoding.

The first thread that needs a chunk leads. A thread that needs the chunk before it is complete waits for it: it first does
its other units, and in the end copies its part out of the decoded bytes. No thread writes into another thread's buffer. If
the leader fails, each waiter decodes the chunk itself and raises its own error.

A read that begins after a write has returned must see that write. So a chunk in flight is found by a key that stands for
its bytes, and only reads that would get the same bytes share it. A file's key is its identity while it is open. The key of
a value in memory is its address. A request to a store is known by array, chunk and the number of writes that have begun in
this process, and is not shared while a write is under way. An inner chunk's key has the version of its shard in addition.

A leader never waits for another chunk in flight, so waits cannot form a cycle. A store's own code runs while its caller
leads: reads made there neither lead nor wait. A waiter gives up after a time limit, and decodes the chunk itself.
"""

import os

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from simplezarr.csrc.array cimport sz_copy_contiguous
from simplezarr.csrc.io cimport sz_file
from simplezarr.csrc.memory cimport sz_add
from simplezarr.engine.chunks.pipeline cimport fill_native
from simplezarr.engine.files.files cimport is_settled
from simplezarr.engine.kernels.context cimport MAX_WAITS, in_foreign
from simplezarr.runtime.locks cimport (
    PyThread_acquire_lock, PyThread_acquire_lock_timed, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock,
    PyThread_type_lock)

cdef enum:
    STRIPES = 64            # lists of chunks in flight, each with its lock
    MIN_BYTES = 32 << 10    # decoding a smaller chunk costs less than sharing it

cdef struct Stripe:
    PyThread_type_lock lock
    InFlightChunk *first

cdef Stripe stripes[STRIPES]
cdef int64_t generation = 0
# Counts of writes, deletions and changes of shape in this process.
cdef int64_t begun = 0
cdef int64_t ended = 0


def _begin():
    """Begin with no chunks in flight. A forked child does so too, because it may have copied locks in the locked state."""
    global generation, ended
    cdef int i
    generation += 1
    ended = begun  # a child has no thread of the parent that could end a write
    for i in range(STRIPES):
        stripes[i].lock, stripes[i].first = PyThread_allocate_lock(), NULL
        if stripes[i].lock == NULL:
            raise MemoryError("no memory for a lock")


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)


@cython.final
cdef class Writing:
    """A write under way in this process: use `with Writing():` around everything that changes what is stored.

    If an interrupt keeps the block from counting its end, the last reference to this object does so.
    """

    cdef int64_t open

    def __dealloc__(self):
        sz_add(&ended, self.open)

    def __enter__(self):
        self.open += 1
        sz_add(&begun, 1)

    def __exit__(self, kind, error, trace):
        self.open -= 1
        sz_add(&ended, 1)


# ---------------------------------------------------------------- keys

cdef bint file_key(CoalesceKey *key, const Pipeline *pipeline, const sz_file *file) noexcept nogil:
    """Set the key of a chunk, or of its shard, in an open file. Return whether every change of the file shows in it.

    While the leader has the file open, no other file can take its inode.
    """
    key.n = 7
    key.words[0], key.words[1], key.words[2] = <uint64_t>pipeline, file.device, file.inode
    key.words[3], key.words[4], key.words[5] = <uint64_t>file.mtime_ns, <uint64_t>file.ctime_ns, <uint64_t>file.size
    key.words[6] = <uint64_t>file.base
    return is_settled(file.mtime_ns, file.ctime_ns)


cdef void value_key(CoalesceKey *key, const Pipeline *pipeline, const char *value) noexcept nogil:
    """Set the key of a chunk or shard in memory, by the address of the bytes object's content."""
    key.n = 2
    key.words[0], key.words[1] = <uint64_t>pipeline, <uint64_t>value


cdef bint request_key(CoalesceKey *key, const void *source, const Py_ssize_t *index, int ndim) noexcept nogil:
    """Set the key of a chunk or shard that is about to be requested from a store. Return False while a write is under way.

    What is fetched during a write may be older than what other threads have read since. The key has the number of writes
    begun, so no write overlaps the time between the leader's call of this function and a waiter's.
    """
    cdef int d
    cdef int64_t over = sz_add(&ended, 0)  # read first: if it equals the other, no write was under way at that moment
    key.n = ndim + 2
    key.words[0], key.words[1] = <uint64_t>source, <uint64_t>sz_add(&begun, 0)
    for d in range(ndim):
        key.words[d + 2] = <uint64_t>index[d]
    return key.words[1] == <uint64_t>over


cdef void add_version(CoalesceKey *key, uint64_t version) noexcept nogil:
    """Restrict a key to one version of what it stands for."""
    key.words[key.n] = version
    key.n += 1


cdef Stripe *stripe_of(const CoalesceKey *key) noexcept nogil:
    cdef uint64_t mixed = 0
    cdef int i
    for i in range(key.n):
        mixed = (mixed ^ key.words[i]) * <uint64_t>0x9e3779b97f4a7c15
        mixed ^= mixed >> 29
    return &stripes[mixed % STRIPES]


# ---------------------------------------------------------------- chunks in flight

cdef bint worth_coalescing(const Pipeline *pipeline, bint far) noexcept nogil:
    """Return whether sharing a chunk pays: if it comes from a store, or if decoding costs more than a copy."""
    if pipeline.inner != NULL or pipeline.python != NULL or pipeline.nbytes == 0:
        return False
    if far:
        return True
    return (pipeline.nbytes >= MIN_BYTES and pipeline.nsteps > 0 and not pipeline.steps[pipeline.nsteps - 1].trims
            and not pipeline.steps[pipeline.nsteps - 1].in_blocks)


cdef InFlightChunk *lead_or_join(Context *context, const CoalesceKey *key, int64_t inner, const Pipeline *pipeline,
                                 size_t first, size_t last, Py_ssize_t wanted, bint joins, bint *elsewhere) noexcept nogil:
    """Begin to lead a chunk, or wait for it if another thread leads it. *elsewhere says which.

    inner: the chunk's number in its shard, or -1
    first, last: the bytes that a waiter needs of the native form
    wanted: the number that the waiter's unit has for its part of the chunk
    joins: whether this thread may wait

    Return NULL if this thread does not lead: it waits, or it decodes the chunk without sharing it.
    """
    cdef Stripe *stripe
    cdef InFlightChunk *chunk
    cdef InFlightChunk *led = NULL
    elsewhere[0] = False
    if context.no_coalescing or in_foreign():
        return NULL
    led = <InFlightChunk *>malloc(sizeof(InFlightChunk))
    if led == NULL:
        return NULL
    led.pipeline, led.generation, led.users, led.joinable, led.done = pipeline, generation, 1, True, False
    led.first, led.last, led.native, led.done_lock = pipeline.nbytes, 0, NULL, NULL
    led.key.n = key.n + 1
    memcpy(led.key.words, key.words, key.n * sizeof(uint64_t))
    led.key.words[key.n] = <uint64_t>inner
    stripe = stripe_of(&led.key)
    PyThread_acquire_lock(stripe.lock, True)
    chunk = stripe.first
    while chunk != NULL and (chunk.key.n != led.key.n or memcmp(
            chunk.key.words, led.key.words, led.key.n * sizeof(uint64_t)) != 0):
        chunk = chunk.next
    if chunk == NULL:
        led.next, stripe.first = stripe.first, led
    elif joins:
        elsewhere[0] = join_chunk(context, chunk, first, last, wanted)
    PyThread_release_lock(stripe.lock)
    if chunk != NULL:
        free(led)
        return NULL
    return led


cdef bint join_chunk(Context *context, InFlightChunk *chunk, size_t first, size_t last, Py_ssize_t wanted) noexcept nogil:
    """Become a waiter. The caller has the lock of the chunk's stripe."""
    if context.nwaits == MAX_WAITS:
        return False
    if chunk.done_lock == NULL:
        chunk.done_lock = PyThread_allocate_lock()
        if chunk.done_lock == NULL:
            return False
        PyThread_acquire_lock(chunk.done_lock, True)
    chunk.users += 1
    chunk.first, chunk.last = min(chunk.first, first), max(chunk.last, last)
    context.waits[context.nwaits].chunk = chunk
    context.waits[context.nwaits].unit, context.waits[context.nwaits].wanted = context.unit, wanted
    context.nwaits += 1
    return True


cdef bint close_to_joiners(InFlightChunk *chunk) noexcept nogil:
    """Let no further thread wait for the chunk. Return whether there are waiters."""
    cdef Stripe *stripe
    cdef InFlightChunk **place
    if chunk.joinable:
        stripe = stripe_of(&chunk.key)
        PyThread_acquire_lock(stripe.lock, True)
        place = &stripe.first
        while place[0] != NULL and place[0] != chunk:
            place = &place[0].next
        if place[0] != NULL:  # not in a child that was forked meanwhile
            place[0] = chunk.next
        chunk.joinable = False
        PyThread_release_lock(stripe.lock)
    return chunk.done_lock != NULL and not chunk.done


cdef bint has_waiters(Context *context, const Pipeline *pipeline, size_t *last) noexcept nogil:
    """Return whether other threads wait for the context's chunk, and up to which byte. Then no further thread may join."""
    cdef InFlightChunk *chunk = <InFlightChunk *>context.leading
    if chunk == NULL or chunk.pipeline != pipeline or not close_to_joiners(chunk):
        return False
    last[0] = chunk.last
    return True


cdef void wake_waiters(InFlightChunk *chunk) noexcept nogil:
    chunk.done = True
    PyThread_release_lock(chunk.done_lock)


cdef void complete_chunk(Context *context, const Pipeline *pipeline, const char *src, int transform) noexcept nogil:
    """Publish the context's chunk to its waiters. src has the decoded bytes, at least as far as they need them."""
    cdef InFlightChunk *chunk = <InFlightChunk *>context.leading
    cdef size_t last
    cdef Py_ssize_t n
    if not has_waiters(context, pipeline, &last):
        return
    chunk.native = <char *>malloc(pipeline.nbytes)
    if chunk.native != NULL:
        n = (last - chunk.first) // <size_t>pipeline.itemsize
        sz_copy_contiguous(chunk.native + chunk.first, src + chunk.first, n, pipeline.itemsize, transform)
    wake_waiters(chunk)


cdef void complete_missing(Context *context) noexcept nogil:
    """Publish that the context's chunk is not stored: the waiters get the fill value."""
    cdef InFlightChunk *chunk = <InFlightChunk *>context.leading
    if chunk == NULL or not close_to_joiners(chunk):
        return
    chunk.native = <char *>malloc(chunk.pipeline.nbytes)
    if chunk.native != NULL:
        fill_native(chunk.pipeline, chunk.native)
    wake_waiters(chunk)


cdef void end_leading(InFlightChunk *chunk) noexcept nogil:
    """Stop leading. A chunk that is not complete has failed."""
    if close_to_joiners(chunk):
        wake_waiters(chunk)
    release_chunk(chunk)


cdef void stop_leading(Context *context) noexcept nogil:
    """End what the thread leads, if anything."""
    if context.leading != NULL:
        end_leading(<InFlightChunk *>context.leading)
        context.leading = NULL


cdef int wait_for_chunk(InFlightChunk *chunk, int64_t microseconds) noexcept nogil:
    """Wait for at most so long. Return COMPLETE, FAILED or PENDING."""
    if chunk.generation != generation:
        return FAILED
    if not PyThread_acquire_lock_timed(chunk.done_lock, microseconds, False):
        return PENDING
    PyThread_release_lock(chunk.done_lock)  # for the next waiter
    return COMPLETE if chunk.native != NULL else FAILED


cdef void release_chunk(InFlightChunk *chunk) noexcept nogil:
    """Note that the caller, the leader or a waiter, is done with the chunk. The last of them frees it."""
    cdef Stripe *stripe = stripe_of(&chunk.key)
    cdef bint last
    PyThread_acquire_lock(stripe.lock, True)
    chunk.users -= 1
    last = chunk.users == 0
    PyThread_release_lock(stripe.lock)
    if last:
        if chunk.done_lock != NULL:
            PyThread_free_lock(chunk.done_lock)
        free(chunk.native)
        free(chunk)


cdef void release_waits(Context *context, Py_ssize_t unit) noexcept nogil:
    """Stop waiting for the chunks of a unit, which is read again, perhaps from another version of the stored object."""
    cdef int k = 0
    while k < context.nwaits:
        if context.waits[k].unit == unit:
            release_chunk(<InFlightChunk *>context.waits[k].chunk)
            context.nwaits -= 1
            context.waits[k] = context.waits[context.nwaits]
        else:
            k += 1
