/* Memory for results, in the form that NumPy takes for the functions of a memory handler (NEP 49). It lies
 * where files are read into at full speed (page_alias.h) and, on Linux, asks for huge pages as NumPy's own
 * does.
 *
 * On Linux the memory of the last large results is kept for new ones of the same size, as loops make them:
 * what the system gives must be cleared first, which takes as long as reading a file into it does. While it
 * is kept it is the system's to take (MADV_FREE), page by page, as soon as memory is short. */
#ifndef SZ_RESULT_POOL_H
#define SZ_RESULT_POOL_H
#include <stddef.h>

/* Where this is 0, NumPy's own memory is as good. */
#if defined(__linux__)
#define SZ_RESULT_POOL 1
#else
#define SZ_RESULT_POOL 0
#endif

/* blocks and bytes that are kept at the most */
enum { SZ_RESULT_POOL_BLOCKS = 8, SZ_RESULT_POOL_BYTES = 256 << 20 };

void *sz_result_new(void *context, size_t n);
void *sz_result_new_zeroed(void *context, size_t count, size_t size);
void *sz_result_resize(void *context, void *memory, size_t n);
void sz_result_free(void *context, void *memory, size_t n);

#endif
