"""Workers: what one thread needs while it decodes and encodes, kept in a list for the next chunk and the next read.

Nothing here belongs to a thread for longer than one job, so there is nothing to clean up after a thread or a fork.
"""

from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

cdef extern from "pages.h" nogil:
    void *sz_allocate(size_t n)

cdef enum:
    KEEP_BYTES = 32 << 20  # scratch that an idle worker keeps
    MOST_IDLE = 256        # idle workers that are kept

cdef dict MESSAGES = {
    SZ_NO_MEMORY: "there is not enough memory",
    SZ_MISSING: "there is no such key",
    SZ_TRUNCATED: "the bytes end too early",
    SZ_TOO_LONG: "the bytes decode to more than the chunk's size",
    SZ_TOO_SHORT: "the bytes decode to less than the chunk's size",
    SZ_CORRUPT: "the bytes are not of this format",
    SZ_CHECKSUM: "the checksum does not match the bytes",
    SZ_UNSUPPORTED: "the bytes are compressed with snappy, which is not supported",
    SZ_TRAILING: "other bytes follow the end of the value",
    REFUSED: "it can't encode this chunk",
}


cpdef str status_message(int status):
    """The sentence for a kernel's status."""
    return MESSAGES.get(status, f"status {status}")


cdef list idle = []  # addresses of workers that wait for work; append and pop are atomic
cdef discard_t discard_contexts = NULL


cdef void set_discard(discard_t discard) noexcept:
    """Says how contexts of the compressors are freed: only the module that is linked with these can do it."""
    global discard_contexts
    discard_contexts = discard


def idle_workers() -> int:
    """The number of workers that wait for work."""
    return len(idle)


cdef char *scratch(Worker *worker, int slot, size_t n) noexcept nogil:
    """A buffer of at least n bytes, whose former content is lost; NULL when there is no memory."""
    if worker.sizes[slot] < n or worker.buffers[slot] == NULL:
        free(worker.buffers[slot])
        worker.sizes[slot] = max(n + n // 8, <size_t>64)
        worker.buffers[slot] = <char *>sz_allocate(worker.sizes[slot])
        if worker.buffers[slot] == NULL:
            worker.sizes[slot] = 0
    return worker.buffers[slot]


cdef char *scratch_grown(Worker *worker, int slot, size_t n) noexcept nogil:
    """The buffer made longer, to at least n bytes, with its content; NULL when there is no memory."""
    cdef char *grown = worker.buffers[slot]
    if worker.sizes[slot] < n or grown == NULL:
        n = max(n + n // 2, <size_t>4096)
        grown = <char *>realloc(grown, n)
        if grown != NULL:
            worker.buffers[slot], worker.sizes[slot] = grown, n
    return grown


cdef Worker *worker_new() except NULL:
    cdef Worker *worker = <Worker *>calloc(1, sizeof(Worker))
    if worker == NULL:
        raise MemoryError("no memory for a decoder")
    return worker


cdef void worker_free(Worker *worker) noexcept:
    cdef int slot
    for slot in range(SLOTS):
        free(worker.buffers[slot])
    if discard_contexts != NULL:
        discard_contexts(worker)
    free(worker)


cdef Worker *worker_acquire() except NULL:
    try:
        return <Worker *><size_t>idle.pop()
    except IndexError:
        return worker_new()


cdef bint is_bare(const Worker *worker) noexcept:
    """Whether the worker has nothing that is worth keeping."""
    cdef int slot
    for slot in range(SLOTS):
        if worker.buffers[slot] != NULL and slot != PATH_SLOT:
            return False
    return worker.zstd_decoder == NULL and worker.zstd_encoder == NULL and worker.inflater == NULL


cdef void worker_release(Worker *worker) noexcept:
    """Keep the worker for the next call, but no more memory than an ordinary chunk needs, and no more workers than MOST_IDLE."""
    cdef size_t kept = 0
    cdef int slot
    worker.streamed = 0
    for slot in range(SLOTS):
        kept += worker.sizes[slot]
        if kept > KEEP_BYTES:
            kept -= worker.sizes[slot]
            free(worker.buffers[slot])
            worker.buffers[slot] = NULL
            worker.sizes[slot] = 0
    if len(idle) >= MOST_IDLE or is_bare(worker):
        worker_free(worker)
        return
    try:
        idle.append(<size_t>worker)
    except MemoryError:
        worker_free(worker)


cdef void move_tools(Worker *to, Worker *source) noexcept:
    """Move contexts and scratch, but nothing of what the worker is doing."""
    to.zstd_decoder, to.zstd_encoder, to.inflater = source.zstd_decoder, source.zstd_encoder, source.inflater
    source.zstd_decoder, source.zstd_encoder, source.inflater = NULL, NULL, NULL
    memcpy(to.buffers, source.buffers, sizeof(to.buffers))
    memcpy(to.sizes, source.sizes, sizeof(to.sizes))
    memset(source.buffers, 0, sizeof(source.buffers))
    memset(source.sizes, 0, sizeof(source.sizes))


cdef int worker_lend(Worker *worker) except -1:
    """Put what the worker has into the list, for others to use while its thread waits.

    A worker that has nothing leaves nothing there, so the list holds no more workers than have computed at one time.
    """
    cdef Worker *other
    if is_bare(worker):
        return 0
    other = worker_new()
    move_tools(other, worker)
    worker_release(other)
    return 0


cdef void worker_borrow(Worker *worker) noexcept:
    """Take over what was put into the list last; what the worker has itself must have been lent before."""
    cdef Worker *other
    try:
        other = <Worker *><size_t>idle.pop()
    except IndexError:
        return
    free(worker.buffers[PATH_SLOT])
    move_tools(worker, other)
    free(other)
