/* Where memory lies in its pages decides how fast it is filled.
 *
 * Long copies, the kernel's out of its page cache and memcpy's of some KiB, are the processor's own moves of
 * strings. With AMD's these fall to a tenth of their speed where the destination lies 1 to 31 bytes further
 * in its page than the source does in its own. Files begin where pages do, and malloc puts what is large 16
 * bytes behind. */
#ifndef SZ_PAGE_ALIAS_H
#define SZ_PAGE_ALIAS_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SZ_PAGE = 4096, SZ_ALIAS_BYTES = 32 };

static inline int sz_page_alias(uintptr_t dst, uintptr_t src) {
  return ((dst - src) & (SZ_PAGE - 1)) - 1 < SZ_ALIAS_BYTES - 1;
}

/* Memory to read files into: it begins where lines of cache do, so never too near behind a file's beginning.
 * For free, and for realloc, which may forget where it lay; NULL where there is none. */
static inline void *sz_allocate(size_t n) {
#if defined(__linux__)
  enum { LINE = 64 };
  return n <= SIZE_MAX - LINE ? aligned_alloc(LINE, (n + LINE - 1) / LINE * LINE) : NULL;
#else
  return malloc(n);
#endif
}

/* memcpy. */
static inline void sz_move(char *dst, const char *src, size_t n) {
  enum { LONG = 2048, STEP = 1024 }; /* shorter ones are moved in vectors */
  if (n >= LONG && sz_page_alias((uintptr_t)dst, (uintptr_t)src))
    for (; n > STEP; n -= STEP, dst += STEP, src += STEP) memcpy(dst, src, STEP);
  memcpy(dst, src, n);
}

#endif
