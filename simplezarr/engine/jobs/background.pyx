"""What a thread that has nothing else to do takes off one that replaces a large file: reading what is kept of the old one,
and freeing it in the end. Each is a fifth of the time."""

import os

from libc.errno cimport errno

from simplezarr.runtime import executor
from simplezarr.engine.files.files cimport close_file
from simplezarr.engine.kernels.context cimport SZ_OK, raised

cdef extern from "io/relay.h" nogil:
    int sz_relay_begin(sz_relay *relay)
    void sz_relay_help(sz_relay *relay)
    void sz_relay_free(sz_relay *relay)

cdef extern from "memory/atomic.h" nogil:
    int sz_claim(int32_t *flag)

cdef enum:
    LARGE = 1 << 20  # bytes of a file


cdef class Relay:
    """Copies from file to file; who calls `help` reads ahead, until the copying has ended."""

    def __cinit__(self):
        self.begun = sz_relay_begin(&self.relay) == SZ_OK
        if not self.begun:
            raise OSError(errno, os.strerror(errno))

    def __dealloc__(self):
        if self.begun:
            sz_relay_free(&self.relay)

    def help(self):
        with nogil:
            sz_relay_help(&self.relay)


cdef class Removed:
    """An open file that has no name any more: the system frees what it held when it is closed."""

    def __cinit__(self):
        self.file.fd = -1

    def close(self):
        """Closes it once, however often and by whomever it is called."""
        with nogil:
            if sz_claim(&self.closed):
                close_file(&self.file)


cdef int close_removed(Worker *worker, sz_file *file) noexcept nogil:
    """Closes a file that has no name any more; a large one by another thread, if one is free."""
    cdef int status = SZ_OK
    if file.fd >= 0 and file.size >= LARGE:
        status = close_elsewhere(worker, file)
    close_file(file)
    return status


cdef int close_elsewhere(Worker *worker, sz_file *file) noexcept with gil:
    """Takes over the descriptor, if it can."""
    cdef Removed removed = None
    try:
        removed = Removed()
        removed.file = file[0]
        file.fd = -1
        if not executor.try_submit_idle(removed.close):
            removed.close()
        return SZ_OK
    except BaseException as error:
        if removed is not None:
            removed.close()
        return raised(worker, error)
