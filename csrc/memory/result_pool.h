/* Memory for results, with the functions of a memory handler of NumPy (NEP 49). It begins at a cache line
 * (page_alias.h) and, on Linux, asks for huge pages as NumPy's own does.
 *
 * On Linux the pool keeps the blocks of the last large results for new results of the same size. New memory
 * would have to be cleared by the kernel, which takes as long as reading a file into it. The kernel may take
 * the pages of a block in the pool (MADV_FREE) as soon as memory is short. */
#ifndef SZ_RESULT_POOL_H
#define SZ_RESULT_POOL_H
#include <stddef.h>

/* If this is 0, NumPy's own memory is as good. */
#if defined(__linux__)
#define SZ_RESULT_POOL 1
#else
#define SZ_RESULT_POOL 0
#endif

/* The pool keeps at most so many blocks and bytes. */
enum { SZ_RESULT_POOL_BLOCKS = 8, SZ_RESULT_POOL_BYTES = 256 << 20 };

void *sz_result_new(void *context, size_t n);
void *sz_result_new_zeroed(void *context, size_t count, size_t size);
void *sz_result_resize(void *context, void *memory, size_t n);
void sz_result_free(void *context, void *memory, size_t n);

#endif
