"""Let idle threads do work for a thread that replaces a large file."""

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.io cimport sz_close, sz_file
from simplezarr.csrc.memory cimport sz_claim
from simplezarr.engine.kernels.context cimport raised

cdef enum:
    LARGE = 1 << 20  # bytes of a file


cdef class UnlinkedFile:
    """An open file without a name. Closing it takes long, because the kernel then frees its pages and blocks."""

    def __cinit__(self):
        self.file.fd = -1

    def close(self):
        """Close the file, unless it is closed already."""
        with nogil:
            if sz_claim(&self.closed):
                sz_close(&self.file)


cdef int close_unlinked(Context *context, sz_file *file) noexcept nogil:
    """Close a file that no longer has a name. A large file is closed by an idle thread, if there is one."""
    cdef int status = SZ_OK
    if file.fd >= 0 and file.size >= LARGE:
        status = close_elsewhere(context, file)
    sz_close(file)
    return status


cdef int close_elsewhere(Context *context, sz_file *file) noexcept with gil:
    """Take over the descriptor, and have an idle thread close it."""
    cdef UnlinkedFile unlinked = None
    try:
        unlinked = UnlinkedFile()
        unlinked.file = file[0]
        file.fd = -1
        if not executor.try_submit_idle(unlinked.close):
            unlinked.close()
        return SZ_OK
    except BaseException as error:
        if unlinked is not None:
            unlinked.close()
        return raised(context, error)
