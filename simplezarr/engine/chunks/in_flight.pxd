from libc.stdint cimport int64_t, uint64_t

from simplezarr.engine.chunks.pipeline cimport Chain
from simplezarr.engine.files.files cimport sz_file
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.kernels.context cimport Worker

cdef enum:
    # what has become of a flight that somebody waits for
    LANDED, FAILED, ALOFT

# All that must be the same for two reads to get the same bytes.
cdef struct Name:
    int n
    uint64_t words[MAX_NDIM + 5]

# A chunk that one thread, its leader, fetches and decodes, maybe for others too.
cdef struct Flight:
    Flight *next          # of its stripe
    const Chain *chain    # of the chunk
    void *gate            # what others wait at, a lock that is held until the flight has ended; NULL while nobody waits
    int64_t generation    # of processes: a flight that was under way when the process forked never lands in the child
    int users             # the leader and those that wait
    bint open             # others may join
    bint ended
    size_t first, last    # bytes of the chunk that those who wait want of it
    char *native          # the chunk, where it has landed: of its native form, the bytes that are wanted
    Name name             # comes last: only its n words are there

cdef bint name_file(Name *name, const Chain *chain, const sz_file *file) noexcept nogil
cdef void name_value(Name *name, const Chain *chain, const char *value) noexcept nogil
cdef bint name_fetch(Name *name, const void *source, const Py_ssize_t *index, int ndim) noexcept nogil
cdef void name_version(Name *name, uint64_t version) noexcept nogil
cdef bint flight_pays(const Chain *chain, bint far) noexcept nogil
cdef Flight *flight_begin(Worker *worker, const Name *name, int64_t inner, const Chain *chain, size_t first,
                          size_t last, Py_ssize_t wanted, bint joins, bint *elsewhere) noexcept nogil
cdef bint flight_wanted(Worker *worker, const Chain *chain, size_t *last) noexcept nogil
cdef void flight_land(Worker *worker, const Chain *chain, const char *src, int transform) noexcept nogil
cdef void flight_land_missing(Worker *worker) noexcept nogil
cdef void flight_end(Flight *flight) noexcept nogil
cdef int flight_wait(Flight *flight, int64_t microseconds) noexcept nogil
cdef void flight_leave(Flight *flight) noexcept nogil
cdef void leave_unit(Worker *worker, Py_ssize_t unit) noexcept nogil
cdef void fetching(int change) noexcept nogil
