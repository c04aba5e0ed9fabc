"""Chunks in flight: what one thread fetches and decodes while others want it too, it decodes for them as well.

The first to want a chunk leads its flight. Whoever wants it before it has landed joins, goes on with what else it has to
do, and takes its part of the chunk from the flight in the end; nobody ever writes into another's buffer. Where a flight
fails, each does the chunk itself, and gets its own error.

Who reads after a write has ended must see what was written. So a flight has a name that tells the bytes it decodes, and
only who would get these same bytes joins: of an open file its identity, of a value in memory its address. What a store
must be asked for is named by the array, the chunk, and how many writes have begun in this process; while one is under way
nobody joins. An inner chunk's name has the version of its shard in addition.

Nobody waits while he leads, so nobody waits in a circle. A store's own code runs while its caller leads: what that code
reads neither leads nor joins, and who has waited for very long stops waiting.
"""

import os

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from simplezarr.engine.chunks.pipeline cimport fill_native
from simplezarr.engine.kernels.context cimport MOST_JOINED, foreign, in_foreign

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    int PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)
    void PyThread_release_lock(PyThread_type_lock lock)

cdef extern from "array/copy.h" nogil:
    enum:
        SZ_AS_IS
    void sz_copy(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *src,
                 const Py_ssize_t *src_strides, size_t itemsize, int transform)

cdef extern from "memory/atomic.h" nogil:
    int64_t sz_add(int64_t *counter, int64_t n)

cdef extern from *:
    """
    #include <time.h>
    static int64_t sz_now(void) {
      struct timespec now;
      timespec_get(&now, TIME_UTC);
      return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    """
    int64_t sz_now() nogil

cdef enum:
    STRIPES = 64            # lists of flights, each with its lock
    FLIGHT_BYTES = 32 << 10  # decoding a chunk of fewer costs too little
    FRESH_NS = 100_000_000  # a file's clock may stand still for so long: its next change might not show

cdef struct Stripe:
    PyThread_type_lock lock
    Flight *first

cdef Stripe stripes[STRIPES]
cdef int64_t generation = 0
# Counts of writes, deletions and changes of shape in this process.
cdef int64_t begun = 0
cdef int64_t ended = 0


def _begin():
    """At the start, and in a forked child: locks may have been copied while a thread held them that is not there."""
    global generation, ended
    cdef int i
    generation += 1
    ended = begun  # the writers of the parent are not here
    for i in range(STRIPES):
        stripes[i].lock, stripes[i].first = PyThread_allocate_lock(), NULL
        if stripes[i].lock == NULL:
            raise MemoryError("no memory for a lock")


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)


@cython.final
cdef class Writing:
    """A write under way in this process: `with Writing():` around all that changes what is stored.

    An interrupt between the block and its end leaves it to the last reference to count the end.
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


cdef void fetching(int change) noexcept nogil:
    """A leader calls a store's code (1), or is back from there (-1)."""
    foreign(change)


# ---------------------------------------------------------------- names

cdef bint name_file(Name *name, const Chain *chain, const sz_file *file) noexcept nogil:
    """Of a chunk, or of the shard that it is in, in an open file; False where that may change without showing it.

    While the leader has the file open no other can take its identity.
    """
    name.n = 6
    name.words[0], name.words[1], name.words[2] = <uint64_t>chain, file.device, file.inode
    name.words[3], name.words[4], name.words[5] = <uint64_t>file.mtime_ns, <uint64_t>file.ctime_ns, <uint64_t>file.size
    return sz_now() - max(file.mtime_ns, file.ctime_ns) >= FRESH_NS


cdef void name_value(Name *name, const Chain *chain, const char *value) noexcept nogil:
    """Of a chunk or shard in the bytes object whose content this is."""
    name.n = 2
    name.words[0], name.words[1] = <uint64_t>chain, <uint64_t>value


cdef bint name_fetch(Name *name, const void *source, const Py_ssize_t *index, int ndim) noexcept nogil:
    """Of a chunk or shard that a store is asked for after this; False while a write is under way.

    What is fetched then may be older than what others have read meanwhile, so nobody may join. The name holds the number
    of writes begun: no write overlaps the time from the leader's call of this function to that of one who joins.
    """
    cdef int d
    cdef int64_t over = sz_add(&ended, 0)  # read first: if it equals the other, nothing was under way when that was read
    name.n = ndim + 2
    name.words[0], name.words[1] = <uint64_t>source, <uint64_t>sz_add(&begun, 0)
    for d in range(ndim):
        name.words[d + 2] = <uint64_t>index[d]
    return name.words[1] == <uint64_t>over


cdef void name_version(Name *name, uint64_t version) noexcept nogil:
    """Restrict a name to one version of what it stands for."""
    name.words[name.n] = version
    name.n += 1


cdef Stripe *stripe_of(const Name *name) noexcept nogil:
    cdef uint64_t mixed = 0
    cdef int i
    for i in range(name.n):
        mixed = (mixed ^ name.words[i]) * <uint64_t>0x9e3779b97f4a7c15
        mixed ^= mixed >> 29
    return &stripes[mixed % STRIPES]


# ---------------------------------------------------------------- flights

cdef bint flight_pays(const Chain *chain, bint far) noexcept nogil:
    """Whether a chunk is worth sharing: it must be fetched from far, or decoding it costs more than a copy."""
    if chain.inner != NULL or chain.python != NULL or chain.nbytes == 0:
        return False
    if far:
        return True
    return (chain.nbytes >= FLIGHT_BYTES and chain.nsteps > 0 and not chain.steps[chain.nsteps - 1].trims
            and not chain.steps[chain.nsteps - 1].in_blocks)


cdef Flight *flight_begin(Worker *worker, const Name *name, int64_t inner, const Chain *chain, size_t first,
                          size_t last, Py_ssize_t wanted, bint joins, bint *elsewhere) noexcept nogil:
    """Lead a flight; or join one that is under way, for bytes first … last of the chunk, and say so in *elsewhere.

    inner: the chunk's number in a shard; wanted: what the worker's unit wants, by its own count; joins: whether it may take
    what another decodes. NULL if the worker has no flight to lead: another does it, or it is done without.
    """
    cdef Stripe *stripe
    cdef Flight *flight
    cdef Flight *led = NULL
    elsewhere[0] = False
    if worker.alone or in_foreign():
        return NULL
    led = <Flight *>malloc(sizeof(Flight))
    if led == NULL:
        return NULL
    led.chain, led.gate, led.generation, led.users, led.open, led.ended = chain, NULL, generation, 1, True, False
    led.first, led.last, led.native = chain.nbytes, 0, NULL
    led.name.n = name.n + 1
    memcpy(led.name.words, name.words, name.n * sizeof(uint64_t))
    led.name.words[name.n] = <uint64_t>inner
    stripe = stripe_of(&led.name)
    PyThread_acquire_lock(stripe.lock, True)
    flight = stripe.first
    while flight != NULL and (flight.name.n != led.name.n or memcmp(
            flight.name.words, led.name.words, led.name.n * sizeof(uint64_t)) != 0):
        flight = flight.next
    if flight == NULL:
        led.next, stripe.first = stripe.first, led
    elif joins:
        elsewhere[0] = flight_join(worker, flight, first, last, wanted)
    PyThread_release_lock(stripe.lock)
    if flight != NULL:
        free(led)
        return NULL
    return led


cdef bint flight_join(Worker *worker, Flight *flight, size_t first, size_t last, Py_ssize_t wanted) noexcept nogil:
    """The caller has the lock of the flight's stripe."""
    if worker.njoined == MOST_JOINED:
        return False
    if flight.gate == NULL:
        flight.gate = PyThread_allocate_lock()
        if flight.gate == NULL:
            return False
        PyThread_acquire_lock(flight.gate, True)
    flight.users += 1
    flight.first, flight.last = min(flight.first, first), max(flight.last, last)
    worker.joined[worker.njoined].flight = flight
    worker.joined[worker.njoined].unit, worker.joined[worker.njoined].wanted = worker.unit, wanted
    worker.njoined += 1
    return True


cdef bint flight_close(Flight *flight) noexcept nogil:
    """Nobody joins any more; whether somebody waits."""
    cdef Stripe *stripe
    cdef Flight **place
    if flight.open:
        stripe = stripe_of(&flight.name)
        PyThread_acquire_lock(stripe.lock, True)
        place = &stripe.first
        while place[0] != NULL and place[0] != flight:
            place = &place[0].next
        if place[0] != NULL:  # not in a child that was forked meanwhile
            place[0] = flight.next
        flight.open = False
        PyThread_release_lock(stripe.lock)
    return flight.gate != NULL and not flight.ended


cdef bint flight_wanted(Worker *worker, const Chain *chain, size_t *last) noexcept nogil:
    """Whether others wait for the chunk that the worker decodes, and up to which byte. From now on nobody joins."""
    cdef Flight *flight = <Flight *>worker.flight
    if flight == NULL or flight.chain != chain or not flight_close(flight):
        return False
    last[0] = flight.last
    return True


cdef void flight_over(Flight *flight) noexcept nogil:
    flight.ended = True
    PyThread_release_lock(flight.gate)


cdef void flight_land(Worker *worker, const Chain *chain, const char *src, int transform) noexcept nogil:
    """The worker has decoded its chunk to src, at least as far as others want it; it is theirs now."""
    cdef Flight *flight = <Flight *>worker.flight
    cdef size_t last
    cdef Py_ssize_t n
    if not flight_wanted(worker, chain, &last):
        return
    flight.native = <char *>malloc(chain.nbytes)
    if flight.native != NULL:
        n = (last - flight.first) // <size_t>chain.itemsize
        sz_copy(1, &n, flight.native + flight.first, &chain.itemsize, src + flight.first, &chain.itemsize, chain.itemsize,
                transform)
    flight_over(flight)


cdef void flight_land_missing(Worker *worker) noexcept nogil:
    """The chunk of the worker's flight is not stored: it is all fill value."""
    cdef Flight *flight = <Flight *>worker.flight
    if flight == NULL or not flight_close(flight):
        return
    flight.native = <char *>malloc(flight.chain.nbytes)
    if flight.native != NULL:
        fill_native(flight.chain, flight.native)
    flight_over(flight)


cdef void flight_end(Flight *flight) noexcept nogil:
    """The leader is done, in one way or another."""
    if flight_close(flight):
        flight_over(flight)
    flight_leave(flight)


cdef int flight_wait(Flight *flight, int64_t microseconds) noexcept nogil:
    """LANDED, FAILED, or ALOFT after that time."""
    if flight.generation != generation:
        return FAILED
    if not PyThread_acquire_lock_timed(flight.gate, microseconds, False):
        return ALOFT
    PyThread_release_lock(flight.gate)  # for the next one
    return LANDED if flight.native != NULL else FAILED


cdef void flight_leave(Flight *flight) noexcept nogil:
    """Leader or not, the caller no longer needs the flight; the last one frees it."""
    cdef Stripe *stripe = stripe_of(&flight.name)
    cdef bint last
    PyThread_acquire_lock(stripe.lock, True)
    flight.users -= 1
    last = flight.users == 0
    PyThread_release_lock(stripe.lock)
    if last:
        if flight.gate != NULL:
            PyThread_free_lock(flight.gate)
        free(flight.native)
        free(flight)


cdef void leave_unit(Worker *worker, Py_ssize_t unit) noexcept nogil:
    """Leave the flights that a unit waits for: it is done anew, maybe from another version of what is stored."""
    cdef int k = 0
    while k < worker.njoined:
        if worker.joined[k].unit == unit:
            flight_leave(<Flight *>worker.joined[k].flight)
            worker.njoined -= 1
            worker.joined[k] = worker.joined[worker.njoined]
        else:
            k += 1
