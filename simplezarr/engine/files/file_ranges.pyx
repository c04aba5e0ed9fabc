"""Values that are ranges of bytes of local files, which the engine reads without their store."""

cimport cython
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free

from simplezarr.engine.files.files cimport File


@cython.final
cdef class FileRangeTable:
    """Where the values of `n` keys lie, as the store finds out that gets the table."""

    def __cinit__(self, Py_ssize_t n):
        cdef Py_ssize_t i
        if n < 0:
            raise ValueError(f"n: must be at least 0, not {n}")
        self.ranges = <FileRange *>calloc(max(n, 1), sizeof(FileRange))
        if self.ranges == NULL:
            raise MemoryError("no memory for the places of values")
        self.n, self.files = n, []
        for i in range(n):
            self.ranges[i].number = i

    def __dealloc__(self):
        free(self.ranges)

    def found(self, Py_ssize_t i, File file not None, int64_t offset, int64_t nbytes):
        """Enter that a value is some bytes of a file. Return False, and do nothing, if the file does not have them."""
        self.check(i)
        return self.set(i, file, offset, nbytes)

    def absent(self, Py_ssize_t i):
        """Enter that there is no such key."""
        self.check(i)
        self.ranges[i].kind = ABSENT

    cdef int check(self, Py_ssize_t i) except -1:
        if not 0 <= i < self.n:
            raise IndexError(f"{i} is not the number of a key; there are {self.n}")
        return 0

    cdef int set(self, Py_ssize_t i, File file, int64_t offset, int64_t nbytes) except -1:
        cdef FileRange *place = &self.ranges[i]
        if file.file.fd < 0 or offset < 0 or nbytes < 0 or nbytes > file.file.size or offset > file.file.size - nbytes:
            return False
        if not self.files or self.files[len(self.files) - 1] is not file:
            self.files.append(file)
        place.kind, place.part = FOUND, file.file
        place.part.base, place.part.size = offset, nbytes
        return True

    cdef void set_crc(self, Py_ssize_t i, uint32_t crc) noexcept:
        self.ranges[i].checked, self.ranges[i].crc = True, crc
