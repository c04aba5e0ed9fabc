/* Memory for results, in the form that NumPy takes for the functions of a memory handler (NEP 49). It lies where files are
 * read into at full speed (pages.h) and, on Linux, asks for huge pages as NumPy's own does. */
#ifndef SZ_RESULTS_H
#define SZ_RESULTS_H
#include <stddef.h>

/* Where this is 0, NumPy's own memory is as good. */
#if defined(__linux__)
#define SZ_RESULTS 1
#else
#define SZ_RESULTS 0
#endif

void *sz_result_new(void *context, size_t n);
void *sz_result_new_zeroed(void *context, size_t count, size_t size);
void *sz_result_resize(void *context, void *memory, size_t n);
void sz_result_free(void *context, void *memory, size_t n);

#endif
