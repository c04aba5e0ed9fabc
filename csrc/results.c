#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* madvise also under -std=c11 */
#endif
#include "results.h"

#include <stdint.h>
#include <stdlib.h>

#include "pages.h"

#if defined(__linux__)
#include <sys/mman.h>

/* All whole pages of the memory; that they can't be huge is no error. */
static void ask_for_huge_pages(void *memory, size_t n) {
  enum { WORTH_IT = 4 << 20 };
  const size_t before = (SZ_PAGE - ((uintptr_t)memory & (SZ_PAGE - 1))) & (SZ_PAGE - 1);
  if (n >= WORTH_IT) madvise((char *)memory + before, n - before, MADV_HUGEPAGE);
}
#else
static void ask_for_huge_pages(void *memory, size_t n) { (void)memory, (void)n; }
#endif

void *sz_result_new(void *context, size_t n) {
  (void)context;
  void *memory = sz_allocate(n);
  if (memory != NULL) ask_for_huge_pages(memory, n);
  return memory;
}

void *sz_result_new_zeroed(void *context, size_t count, size_t size) {
  (void)context;
  return calloc(count, size);
}

void *sz_result_resize(void *context, void *memory, size_t n) {
  (void)context;
  return realloc(memory, n);
}

void sz_result_free(void *context, void *memory, size_t n) {
  (void)context, (void)n;
  free(memory);
}
