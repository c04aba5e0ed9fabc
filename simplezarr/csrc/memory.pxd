from libc.stdint cimport int32_t, int64_t

cdef extern from "memory/atomic.h" nogil:
    int64_t sz_draw(int64_t *counter)
    int64_t sz_add(int64_t *counter, int64_t n)
    int32_t sz_peek(const int32_t *flag)
    int32_t sz_is_ready(int32_t *flag)
    void sz_make_ready(int32_t *flag)
    int sz_claim(int32_t *flag)

cdef extern from "memory/page_alias.h" nogil:
    void *sz_allocate(size_t n)

cdef extern from "memory/result_pool.h" nogil:
    enum:
        SZ_RESULT_POOL
    void *sz_result_new(void *context, size_t n)
    void *sz_result_new_zeroed(void *context, size_t count, size_t size)
    void *sz_result_resize(void *context, void *memory, size_t n)
    void sz_result_free(void *context, void *memory, size_t n)
