from libc.stdint cimport uint64_t

from simplezarr.csrc.io cimport sz_draft, sz_file, sz_part
from simplezarr.engine.jobs.object_builder cimport Make, Unit
from simplezarr.engine.kernels.context cimport Worker

ctypedef int (*locking_t)(sz_draft *) noexcept nogil


cdef class Write(Make):
    cdef bint durable
    cdef uint64_t device     # the array's, where it is local
    cdef int share(self, int threads, Py_ssize_t objects, Py_ssize_t touched)
    cdef int replace(self, Worker *worker, Unit *unit) noexcept nogil
    cdef int write_local(self, Worker *worker, Unit *unit) noexcept nogil
    cdef int publish(self, Worker *worker, sz_draft *draft, const sz_part *parts, size_t n) noexcept nogil
    cdef int published(self, Worker *worker, int status) noexcept nogil
    cdef bint name_draft(self, Worker *worker, const Py_ssize_t *index, sz_draft *draft) noexcept nogil
    cdef int wait(self, Worker *worker, sz_draft *draft, locking_t function) noexcept nogil
    cdef int change_local(self, Worker *worker, Unit *unit, const sz_draft *draft, sz_file *old, const sz_part **parts,
                          size_t *n) noexcept nogil
    cdef int write_value(self, Worker *worker, Unit *unit) noexcept with gil
    cdef tuple value(self, Worker *worker, Unit *unit, object stored)
    cdef tuple made(self, Worker *worker, Unit *unit, object stored)
