cdef struct KeyState


cdef class KeyLock:
    cdef object owner
    cdef bytes name
    cdef KeyState *state
    cdef long long generation

    # A subclass that locks more, for example a file, extends both. It calls `release` in a `__dealloc__` of its own: an
    # object that is still locked when its last reference goes must release what it holds, and its attributes are gone
    # when the base class is deallocated. `release` may be called when nothing is held.
    cdef int acquire(self) except -1
    cdef void release(self) noexcept
