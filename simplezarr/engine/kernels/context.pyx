"""Contexts: the state of one thread that decodes and encodes, kept in a pool for the next chunk and the next read.

No context belongs to a thread for longer than one job, so nothing has to be cleaned up after a thread or a fork.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from simplezarr.csrc cimport (
    SZ_CHECKSUM, SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT, SZ_TRAILING, SZ_TRUNCATED,
    SZ_UNSUPPORTED, sz_milliseconds, sz_pause)
from simplezarr.csrc.memory cimport sz_allocate, sz_peek

cdef extern from *:
    """
    #if defined(_MSC_VER)
    static __declspec(thread) int sz_foreign;
    #else
    static _Thread_local int sz_foreign;
    #endif
    """
    int sz_foreign  # how many calls of code outside the package this thread is in

cdef enum:
    KEEP_BYTES = 32 << 20  # scratch that an idle context keeps
    MOST_IDLE = 256        # idle contexts that are kept
    MOST_DISCARDS = 2

cdef dict MESSAGES = {
    SZ_NO_MEMORY: "there is not enough memory",
    SZ_MISSING: "there is no such key",
    SZ_TRUNCATED: "the bytes end too early",
    SZ_TOO_LONG: "the bytes decode to more than the chunk's size",
    SZ_TOO_SHORT: "the bytes decode to less than the chunk's size",
    SZ_CORRUPT: "the bytes are not of this format",
    SZ_CHECKSUM: "the checksum does not match the bytes",
    SZ_UNSUPPORTED: "the bytes are of a form that is not supported",
    SZ_TRAILING: "other bytes follow the end of the value",
    REFUSED: "it can't encode this chunk",
}


cpdef str status_message(int status):
    """Return the sentence for a kernel's status."""
    return MESSAGES.get(status, f"status {status}")


cdef list idle = []  # the context pool: addresses of the contexts in no thread's use; append and pop are atomic
cdef discard_t[MOST_DISCARDS] discards
cdef int ndiscards = 0


cdef void add_discard(discard_t discard) noexcept:
    """Register the function that frees the contexts of a compressor."""
    global ndiscards
    discards[ndiscards] = discard
    ndiscards += 1


def idle_contexts() -> int:
    """Return the number of contexts in the pool."""
    return len(idle)


cdef char *scratch(Context *context, int slot, size_t n) noexcept nogil:
    """Return a buffer of at least n bytes, whose former content is lost; NULL without memory."""
    if context.sizes[slot] < n or context.buffers[slot] == NULL:
        free(context.buffers[slot])
        context.sizes[slot] = max(n + n // 8, <size_t>64)
        context.buffers[slot] = <char *>sz_allocate(context.sizes[slot])
        if context.buffers[slot] == NULL:
            context.sizes[slot] = 0
    return context.buffers[slot]


cdef char *scratch_grown(Context *context, int slot, size_t n) noexcept nogil:
    """Return the buffer, enlarged to at least n bytes with its content kept; NULL without memory."""
    cdef char *grown = context.buffers[slot]
    if context.sizes[slot] < n or grown == NULL:
        n = max(n + n // 2, <size_t>4096)
        grown = <char *>realloc(grown, n)
        if grown != NULL:
            context.buffers[slot], context.sizes[slot] = grown, n
    return grown


cdef Context *context_new() except NULL:
    """Return an empty context."""
    cdef Context *context = <Context *>calloc(1, sizeof(Context))
    if context == NULL:
        raise MemoryError("no memory for a decoder")
    context.looked = sz_milliseconds()
    return context


cdef void context_free(Context *context) noexcept:
    cdef int i
    for i in range(SLOTS):
        free(context.buffers[i])
    for i in range(ndiscards):
        discards[i](context)
    free(context)


cdef Context *context_acquire() except NULL:
    """Return a context from the pool, or a new one."""
    cdef Context *context
    try:
        context = <Context *><size_t>idle.pop()
    except IndexError:
        return context_new()
    context.looked = sz_milliseconds()
    return context


cdef bint is_bare(const Context *context) noexcept:
    """Return whether the context holds nothing worth keeping."""
    cdef int slot
    for slot in range(SLOTS):
        if context.buffers[slot] != NULL and slot != PATH_SLOT:
            return False
    return context.zstd_decoder == NULL and context.zstd_encoder == NULL and context.inflater == NULL


cdef void context_release(Context *context) noexcept:
    """Return the context to the pool. It keeps at most KEEP_BYTES of scratch, and the pool at most MOST_IDLE contexts."""
    cdef size_t kept = 0
    cdef int slot
    context.nontemporal, context.ended = 0, NULL
    for slot in range(SLOTS):
        kept += context.sizes[slot]
        if kept > KEEP_BYTES:
            kept -= context.sizes[slot]
            free(context.buffers[slot])
            context.buffers[slot] = NULL
            context.sizes[slot] = 0
    if len(idle) >= MOST_IDLE or is_bare(context):
        context_free(context)
        return
    try:
        idle.append(<size_t>context)
    except MemoryError:
        context_free(context)


cdef void move_tools(Context *to, Context *source) noexcept:
    """Move the compressors' contexts and the scratch buffers, but not the state of the work."""
    to.zstd_decoder, to.zstd_encoder, to.inflater = source.zstd_decoder, source.zstd_encoder, source.inflater
    source.zstd_decoder, source.zstd_encoder, source.inflater = NULL, NULL, NULL
    memcpy(to.buffers, source.buffers, sizeof(to.buffers))
    memcpy(to.sizes, source.sizes, sizeof(to.sizes))
    memset(source.buffers, 0, sizeof(source.buffers))
    memset(source.sizes, 0, sizeof(source.sizes))


cdef int context_park(Context *context) except -1:
    """Return codec state and scratch buffers to the pool while the thread waits for I/O.

    A context without any is left out, so the pool holds at most as many contexts as threads have computed at a time.
    """
    cdef Context *other
    if is_bare(context):
        return 0
    other = context_new()
    move_tools(other, context)
    context_release(other)
    return 0


cdef void context_resume(Context *context) noexcept:
    """Take codec state and scratch buffers from the pool. The context has none since `context_park`."""
    cdef Context *other
    try:
        other = <Context *><size_t>idle.pop()
    except IndexError:
        return
    free(context.buffers[PATH_SLOT])
    move_tools(context, other)
    free(other)


# ---------------------------------------------------------------- exceptions of Python code

cdef int raised(Context *context, object error) noexcept:
    """Keep the first exception; return the status RAISED."""
    if context.error == NULL:
        Py_INCREF(error)
        context.error = <PyObject *>error
    return RAISED


cdef void drop(PyObject *held) noexcept with gil:
    """Drop a reference that was kept without the GIL."""
    Py_DECREF(<object>held)


cdef object take_error(Context *context):
    """Return and clear the exception that Python code raised in this context, or None."""
    if context.error == NULL:
        return None
    error = <object>context.error
    Py_DECREF(error)
    context.error = NULL
    return error


# ---------------------------------------------------------------- interrupts

cdef int64_t look_every = 40  # milliseconds between two looks for Ctrl-C


def _look_every(milliseconds):
    """Set the time between two looks for Ctrl-C (0: at every pause); return the one before."""
    global look_every
    before, look_every = look_every, milliseconds
    return before


cdef void foreign(int change) noexcept nogil:
    """Count that this thread enters code outside the package, which may call the package again (1), or leaves it (-1)."""
    global sz_foreign
    sz_foreign += change


cdef bint in_foreign() noexcept nogil:
    return sz_foreign != 0


cdef int check_signals(Context *context) noexcept with gil:
    """Look for Ctrl-C and return RAISED if it ends the work. Threads other than the main one see no signals."""
    foreign(1)
    try:
        PyErr_CheckSignals()
        return SZ_OK
    except BaseException as error:
        return raised(context, error)
    finally:
        foreign(-1)


cdef int pause(Context *context) noexcept nogil:
    """Return SZ_OK if the work goes on; otherwise the caller returns this status at once.

    It is RAISED after Ctrl-C, and STOPPED if the job has failed elsewhere. Call this between pieces of work of 50 ms at
    most. Ctrl-C is looked for every `look_every` milliseconds.
    """
    cdef int64_t now
    if context.ended != NULL and sz_peek(context.ended):
        return STOPPED
    now = sz_milliseconds()
    if now - context.looked < look_every:
        return SZ_OK
    context.looked = now
    return check_signals(context)


cdef int pause_at(void *context) noexcept nogil:
    return pause(<Context *>context)


cdef sz_pause pause_of(Context *context) noexcept nogil:
    """Return `pause` in the form that the C functions take."""
    cdef sz_pause told
    told.look, told.what = pause_at, context
    return told


cdef bytes bytes_at(const char *data, size_t n):
    """Copy n bytes; look for Ctrl-C between pieces."""
    cdef size_t done = PIECE_BYTES
    cdef char *at
    if n <= PIECE_BYTES:
        return PyBytes_FromStringAndSize(data, n)
    value = PyBytes_FromStringAndSize(NULL, n)
    at = PyBytes_AS_STRING(value)
    memcpy(at, data, PIECE_BYTES)
    while done < n:
        PyErr_CheckSignals()
        memcpy(at + done, data + done, min(<size_t>PIECE_BYTES, n - done))
        done += PIECE_BYTES
    return value


cpdef bytes bytes_of(data):
    """Copy a buffer; look for Ctrl-C between pieces if it is contiguous."""
    cdef Py_buffer view
    try:
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    except BufferError:
        return bytes(memoryview(data))
    try:
        return bytes_at(<const char *>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef object as_buffer(data):
    """Return bytes, or a view of a buffer that cannot change, without a copy; copy any other buffer.

    `buffer_address` and `buffer_length` take the result.
    """
    if type(data) is bytes:
        return data
    view = memoryview(data)
    return view if view.readonly and view.c_contiguous else bytes_of(data)


cdef int copy_bytes(Context *context, char *dst, const char *src, size_t n) noexcept nogil:
    """Copy n bytes, with pauses; return the status."""
    cdef int status = SZ_OK
    while n > PIECE_BYTES and status == SZ_OK:
        memcpy(dst, src, PIECE_BYTES)
        dst += PIECE_BYTES
        src += PIECE_BYTES
        n -= PIECE_BYTES
        status = pause(context)
    if status == SZ_OK:
        memcpy(dst, src, n)
    return status
