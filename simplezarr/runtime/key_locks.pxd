cdef struct KeyState


cdef class KeyLock:
    cdef object owner
    cdef bytes name
    cdef KeyState *state
    cdef long long generation

    # A subclass that locks more (a file, say) extends both. As an object that is still locked when its last reference goes
    # must release what it holds, and its own attributes are gone when this class is told, it calls `release` in a
    # `__dealloc__` of its own. `release` may be called when nothing is held.
    cdef int acquire(self) except -1
    cdef void release(self) noexcept
